//! The RAM disk, asked directly.

use driver::{
    Body, Call, Context, Cred, Data, Driver, Errno, Features, Node, Op, OptionValue, Options, Spin,
    Status, Time,
};
use driver_ramdisk::{KIND, Ramdisk};

const BLOCK: usize = 512;

fn disk(size: u64) -> Ramdisk {
    Ramdisk::new(size, BLOCK as u64, false).unwrap()
}

fn ask(disk: &Ramdisk, op: Op, data: Data<'_>) -> Status {
    Call::new(Body::new(op, Cred::ROOT), data).run(disk, &Spin)
}

fn read(disk: &Ramdisk, offset: u64, room: &mut [u8]) -> Status {
    ask(disk, Op::Read { node: Node::ROOT, offset }, Data::sink(room))
}

fn write(disk: &Ramdisk, offset: u64, bytes: &[u8]) -> Status {
    ask(disk, Op::Write { node: Node::ROOT, offset }, Data::source(bytes))
}

fn discard(disk: &Ramdisk, offset: u64, len: u64) -> Status {
    ask(disk, Op::Discard { offset, len }, Data::NONE)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 3) as u8 | 1).collect()
}

#[test]
fn what_was_written_is_read_across_page_boundaries_and_holes_are_zeros() {
    let disk = disk(1 << 20);
    let bytes = pattern(3 * 4096);
    assert_eq!(write(&disk, 5 * 512, &bytes), Status::ok(bytes.len()));
    let mut room = vec![9; 6 * 4096];
    assert_eq!(read(&disk, 0, &mut room), Status::ok(room.len()));
    let end = 5 * 512 + bytes.len();
    assert_eq!(room[5 * 512..end], bytes);
    assert!(room[..5 * 512].iter().chain(&room[end..]).all(|byte| *byte == 0));
}

#[test]
fn only_what_was_written_takes_memory() {
    let disk = disk(1 << 40);
    assert_eq!(disk.resident(), 0);
    assert_eq!(write(&disk, (1 << 40) - 512, &[7; 512]), Status::ok(512));
    assert_eq!(disk.resident(), 4096);
    let mut room = [0; 512];
    assert_eq!(read(&disk, (1 << 40) - 512, &mut room), Status::ok(512));
    assert_eq!(room, [7; 512]);
    assert_eq!(read(&disk, 1 << 30, &mut room), Status::ok(512));
    assert_eq!((room, disk.resident()), ([0; 512], 4096));
}

#[test]
fn reads_and_writes_stop_at_the_end() {
    let disk = disk(8192);
    let mut room = [9; 2048];
    assert_eq!(read(&disk, 8192 - 1024, &mut room), Status::ok(1024));
    assert_eq!(room[1024..], [9; 1024]);
    assert_eq!(read(&disk, 8192, &mut room), Status::OK);
    assert_eq!(read(&disk, 1 << 50, &mut room), Status::OK);
    assert_eq!(write(&disk, 8192 - 512, &[1; 1024]), Status::ok(512));
    assert_eq!(write(&disk, 8192, &[1; 512]), Errno::ENOSPC.into());
    assert_eq!(write(&disk, u64::MAX - 511, &[1; 512]), Errno::ENOSPC.into());
    assert_eq!(write(&disk, 8192, &[]), Status::OK);
}

#[test]
fn misaligned_requests_are_refused() {
    let disk = disk(8192);
    assert_eq!(read(&disk, 1, &mut [0; 512]), Errno::EINVAL.into());
    assert_eq!(read(&disk, 0, &mut [0; 511]), Errno::EINVAL.into());
    assert_eq!(write(&disk, 256, &[0; 512]), Errno::EINVAL.into());
    assert_eq!(write(&disk, Op::END, &[0; 512]), Errno::EINVAL.into());
    assert_eq!(discard(&disk, 0, 100), Errno::EINVAL.into());
    assert_eq!(disk.resident(), 0);
}

#[test]
fn a_discard_frees_whole_pages_and_zeros_the_rest() {
    let disk = disk(1 << 20);
    write(&disk, 0, &[7; 5 * 4096]);
    assert_eq!(discard(&disk, 512, 3 * 4096), Status::OK);
    assert_eq!(disk.resident(), 3 * 4096);
    let mut room = vec![9; 5 * 4096];
    read(&disk, 0, &mut room);
    let gone = 512..512 + 3 * 4096;
    assert!(room[gone.clone()].iter().all(|byte| *byte == 0));
    assert!(room[..gone.start].iter().chain(&room[gone.end..]).all(|byte| *byte == 7));
    assert_eq!(discard(&disk, 4 * 4096 + 512, 512), Status::OK);
    assert_eq!(discard(&disk, 0, !511), Status::OK);
    assert_eq!(disk.resident(), 0);
}

#[test]
fn a_read_only_disk_refuses_changes() {
    let disk = Ramdisk::new(4096, 4096, true).unwrap();
    assert_eq!(write(&disk, 0, &[1; 4096]), Errno::EROFS.into());
    assert_eq!(discard(&disk, 0, 4096), Errno::EROFS.into());
    assert_eq!(read(&disk, 0, &mut [0; 4096]), Status::ok(4096));
    assert!(disk.describe().features.contains(Features::READ_ONLY));
}

#[test]
fn an_aligned_page_costs_one_look_and_no_copy() {
    let disk = disk(1 << 20);
    write(&disk, 0, &[1; 4096]);
    for offset in [0, 8192] {
        let mut room = [0; 4096];
        let body = Body::new(Op::Read { node: Node::ROOT, offset }, Cred::ROOT);
        let mut call = Call::new(body, Data::sink(&mut room));
        call.run(&disk, &Spin);
        assert_eq!((call.counts().looks, call.counts().copies, call.counts().maps), (1, 0, 0));
    }
}

#[test]
fn readers_and_writers_run_at_the_same_time() {
    let disk = disk(1 << 16);
    std::thread::scope(|scope| {
        for worker in 0..4u8 {
            let disk = &disk;
            scope.spawn(move || {
                let (offset, mut room) = (u64::from(worker) * 4096, [0; 4096]);
                for round in 0..200u8 {
                    assert_eq!(write(disk, offset, &[round ^ worker; 4096]), Status::ok(4096));
                    assert_eq!(read(disk, offset, &mut room), Status::ok(4096));
                    assert_eq!(room, [round ^ worker; 4096]);
                }
            });
        }
    });
}

#[test]
fn nodes_and_operations_that_it_does_not_have_are_refused() {
    let disk = disk(4096);
    let op = Op::Read { node: Node(1), offset: 0 };
    assert_eq!(ask(&disk, op, Data::sink(&mut [0; 512])), Errno::ESTALE.into());
    assert_eq!(ask(&disk, Op::Statfs, Data::NONE), Errno::EOPNOTSUPP.into());
    assert_eq!(ask(&disk, Op::Flush { node: Node::ROOT }, Data::NONE), Status::OK);
}

fn make(options: &[(&str, u64)]) -> driver::Built {
    let mut given = Options::default();
    for (key, value) in options {
        given.set(key, OptionValue::Integer(*value));
    }
    (KIND.make)(&given, vec![], &Context { now: Time::default, wait: &Spin })
}

#[test]
fn options_without_sense_are_named() {
    assert!(make(&[]).err().unwrap().contains("size"));
    assert!(make(&[("size", 1000)]).err().unwrap().contains("multiple"));
    assert!(make(&[("size", 0)]).err().unwrap().contains("multiple"));
    assert!(make(&[("size", 4096), ("block_size", 100)]).err().unwrap().contains("block_size"));
    let made = make(&[("size", 8192), ("block_size", 4096)]).ok().unwrap().describe();
    assert_eq!((made.size, made.block_size), (8192, 4096));
    assert!(made.features.contains(Features::DISCARD | Features::CONCURRENT));
}
