//! The adapter above a RAM disk and above a port that notes what comes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use driver::{
    Body, Call, Cred, Data, Errno, Exchange, Neighbour, Node, Op, Outcome, Port, Request, Spin,
    Status,
};
use driver_ramdisk::Ramdisk;
use redoxfs_disk::PortDisk;

/// Answers a fixed status and notes where the data was.
struct Fixed(Status, AtomicUsize);

impl Port<Body> for Fixed {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.1.store(request.address(), Relaxed);
        request.done(self.0)
    }
}

fn fixed(status: impl Into<Status>) -> (PortDisk, Arc<Fixed>) {
    let port = Arc::new(Fixed(status.into(), AtomicUsize::new(0)));
    (PortDisk::new(Neighbour::new(port.clone(), 1), 1 << 20, &Spin), port)
}

fn ram(read_only: bool) -> PortDisk {
    let disk = Ramdisk::new(1 << 20, 512, read_only).unwrap();
    PortDisk::new(Neighbour::new(Arc::new(disk), 1), 1 << 20, &Spin)
}

#[test]
fn blocks_come_back_as_they_were_written() {
    let mut disk = ram(false);
    disk.write(3, &[7; 8192]).unwrap();
    let mut room = [0; 4096];
    disk.read(4, &mut room).unwrap();
    assert_eq!(room, [7; 4096]);
    disk.read(5, &mut room).unwrap();
    assert_eq!(room, [0; 4096]);
    disk.flush().unwrap();
}

#[test]
fn the_ports_error_is_kept_and_a_short_transfer_is_an_error() {
    for errno in [Errno::ENOSPC, Errno::ETIMEDOUT, Errno(1234)] {
        let (mut disk, _) = fixed(errno);
        assert_eq!(disk.write(0, &[0; 4096]), Err(errno));
        assert_eq!(disk.read(0, &mut [0; 4096]), Err(errno));
        assert_eq!(disk.flush(), Err(errno));
    }
    assert_eq!(ram(true).write(0, &[0; 4096]), Err(Errno::EROFS));
    let (mut disk, _) = fixed(Status::ok(4095));
    assert_eq!(disk.read(0, &mut [0; 4096]), Err(Errno::EIO));
    assert_eq!(ram(false).read(255, &mut [0; 8192]), Err(Errno::EIO));
    assert_eq!(ram(false).read(u64::MAX, &mut [0; 4096]), Err(Errno::EIO));
}

#[test]
fn the_librarys_own_buffer_reaches_the_port() {
    let (mut disk, port) = fixed(Status::ok(4096));
    let mut room = [0; 4096];
    disk.read(0, &mut room).unwrap();
    assert_eq!(port.1.load(Relaxed), room.as_ptr() as usize);
}

/// Notes the blocks that are written, and flushes as `None`; fails all at a time.
#[derive(Default)]
struct Noted(spin::Mutex<Vec<Option<u64>>>, std::sync::atomic::AtomicBool);

impl Port<Body> for Noted {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        if self.1.load(Relaxed) {
            return request.done(Errno::EIO);
        }
        self.0.lock().push(match request.body().op {
            Op::Write { offset, .. } => Some(offset / 4096),
            _ => None,
        });
        let len = request.len();
        request.done(Status::ok(len))
    }
}

#[test]
fn headers_come_after_what_they_point_to_and_before_what_is_written_over_it() {
    let port = Arc::new(Noted::default());
    let mut disk = PortDisk::new(Neighbour::new(port.clone(), 1), 1 << 20, &Spin);
    let seen = || core::mem::take(&mut *port.0.lock());
    let mut write = |blocks: &[u64]| {
        for block in blocks {
            disk.write(*block, &[0; 4096]).unwrap();
        }
    };
    write(&[20, 3, 21]);
    assert_eq!(seen(), [Some(20), Some(3), Some(21)], "nobody asked for an order");
    disk.keep_order(2..6);
    let mut write =
        |blocks: &[u64]| blocks.iter().try_for_each(|block| disk.write(*block, &[0; 4096]));
    write(&[20, 6, 1, 2]).unwrap();
    let first = [None, Some(20), Some(6), Some(1), None, Some(2)];
    assert_eq!(seen(), first, "what was written before is not known of");
    write(&[20, 3, 4]).unwrap();
    assert_eq!(seen(), [None, Some(20), None, Some(3), None, Some(4)]);
    // A flush that fails is the answer, and nothing is written.
    port.1.store(true, Relaxed);
    assert_eq!(write(&[20]), Err(Errno::EIO));
    port.1.store(false, Relaxed);
    write(&[20]).unwrap();
    assert_eq!(seen(), [None, Some(20)]);
    disk.flush().unwrap();
    disk.write(5, &[0; 4096]).unwrap();
    assert_eq!(seen(), [None, Some(5)], "what was asked for need not be done twice");
}

#[test]
fn a_limit_ends_a_series_of_calls() {
    let mut disk = ram(false);
    disk.limit(2);
    let mut room = [0; 4096];
    assert_eq!(disk.read(0, &mut room), Ok(()));
    assert_eq!(disk.read(0, &mut room), Ok(()));
    assert_eq!(disk.read(0, &mut room), Err(Errno::EIO));
    disk.limit(1);
    assert_eq!(disk.read(0, &mut room), Ok(()));
}

/// Reads three blocks for each request.
struct Above(spin::Mutex<PortDisk>);

impl Port<Body> for Above {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let mut disk = self.0.lock();
        disk.set_origin(request.origin());
        let read = (0..3).try_for_each(|block| disk.read(block, &mut [0; 4096]));
        request.rejoin(disk.take_origin());
        request.done(Status::from(read.map(|()| 0)))
    }
}

#[test]
fn what_the_calls_cost_is_the_requests() {
    let above = Above(spin::Mutex::new(ram(false)));
    let body = Body::new(Op::Flush { node: Node::ROOT }, Cred::ROOT);
    let mut call = Call::new(body, Data::NONE);
    assert_eq!(call.run(&above, &Spin), Status::OK);
    assert_eq!((call.counts().messages, call.counts().looks), (4, 3));
    assert_eq!((call.counts().copies, call.counts().maps), (0, 0));
}
