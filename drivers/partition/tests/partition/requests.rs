//! A partition, asked directly: where its requests go and what they cost.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::image::{CONTEXT, Image, Probe, ask, lower, partition, read, write};
use driver::{
    Body, Call, Class, Cred, Data, Driver, Errno, Features, Node, Op, OptionValue, Options, Port,
    Spin, Status,
};

/// Blocks 40 to 49, and the rest of the disk, as a partition at its very end.
fn two() -> Image {
    Image::new(512, 200).mbr(&[(1, 0x83, 40, 10), (3, 0x83, 100, 100)])
}

#[test]
fn reads_and_writes_land_in_the_partition_and_nowhere_else() {
    let disk = two().disk();
    let part = partition(&disk, 1, None).ok().unwrap();
    assert_eq!(write(&*part, 512, &[7; 1024]), Status::ok(1024));
    let mut room = [9; 1024];
    assert_eq!(read(&*part, 512, &mut room), Status::ok(1024));
    assert_eq!(room, [7; 1024]);
    let mut all = vec![0; 200 * 512];
    read(&*disk, 0, &mut all);
    let mut expected = two().bytes;
    expected[41 * 512..43 * 512].fill(7);
    assert_eq!(all, expected);
}

#[test]
fn requests_stop_at_the_end_of_the_partition() {
    let disk = two().disk();
    write(&*disk, 50 * 512, &[5; 512]);
    let part = partition(&disk, 1, None).ok().unwrap();
    let mut room = [9; 1024];
    assert_eq!(read(&*part, 9 * 512, &mut room), Status::ok(512));
    assert_eq!((room[0], room[512]), (0, 9));
    assert_eq!(write(&*part, 9 * 512, &[7; 1024]), Status::ok(512));
    read(&*disk, 50 * 512, &mut room[..512]);
    assert_eq!(room[..512], [5; 512], "the block after the partition is as it was");
    for offset in [10 * 512, 1 << 40, u64::MAX - 511] {
        assert_eq!(read(&*part, offset, &mut room), Status::OK);
        assert_eq!(write(&*part, offset, &[7; 512]), Errno::ENOSPC.into());
        assert_eq!(write(&*part, offset, &[]), Status::OK);
    }
}

#[test]
fn what_is_not_whole_blocks_is_refused_though_what_is_left_of_it_would_be() {
    let part = partition(&two().disk(), 1, None).ok().unwrap();
    for (offset, len) in [(9 * 512, 513), (1, 512), (10 * 512, 1), (u64::MAX, 0)] {
        assert_eq!(read(&*part, offset, &mut vec![0; len]), Errno::EINVAL.into());
        assert_eq!(write(&*part, offset, &vec![0; len]), Errno::EINVAL.into());
        let discard = Op::Discard { offset, len: len as u64 };
        assert_eq!(ask(&*part, discard, Data::NONE), Errno::EINVAL.into());
    }
}

#[test]
fn the_sender_sees_its_own_request_again() {
    for frames in [false, true] {
        let disk = two().disk();
        let mut options = Options::default();
        options.set("frames", OptionValue::Flag(frames));
        let pass = (driver_pass::KIND.make)(&options, vec![lower(&disk)], &CONTEXT).ok().unwrap();
        let part = partition(&Arc::new(Over(pass)), 1, None).ok().unwrap();
        let node = Node::ROOT;
        for op in [Op::Read { node, offset: 512 }, Op::Discard { offset: 512, len: 1 << 30 }] {
            let mut room = [0; 512 * 20];
            let mut call = Call::new(Body::new(op, Cred::ROOT), Data::sink(&mut room));
            assert!(call.run(&*part, &Spin).is_ok());
            assert_eq!(call.body().op, op);
            let again = call.run(&*part, &Spin);
            assert_eq!(again.result().unwrap() % (9 * 512), 0, "the whole of the data again");
        }
    }
}

/// A driver behind a pointer, as a driver.
struct Over(Arc<dyn Driver>);

impl Port<Body> for Over {
    fn begin<'s>(&'s self, request: driver::Request<'s>) -> driver::Outcome<'s, Body> {
        request.pass(&*self.0)
    }
}

impl Driver for Over {
    fn describe(&self) -> driver::Description {
        self.0.describe()
    }
}

#[test]
fn a_discard_is_moved_and_cut_and_a_flush_goes_down() {
    let probe = Probe::new(two().disk());
    let part = partition(&probe, 1, None).ok().unwrap();
    probe.ops.lock().unwrap().clear();
    assert_eq!(
        ask(&*part, Op::Discard { offset: 512, len: u64::MAX - 511 }, Data::NONE),
        Status::OK
    );
    assert_eq!(ask(&*part, Op::Discard { offset: 10 * 512, len: 512 }, Data::NONE), Status::OK);
    assert_eq!(ask(&*part, Op::Flush { node: Node::ROOT }, Data::NONE), Status::OK);
    assert_eq!(ask(&*part, Op::Statfs, Data::NONE), Errno::EOPNOTSUPP.into());
    let seen =
        [(Op::Discard { offset: 41 * 512, len: 9 * 512 }, 0), (Op::Flush { node: Node::ROOT }, 0)];
    assert_eq!(*probe.ops.lock().unwrap(), seen);
}

#[test]
fn it_describes_its_own_size_and_the_disks_features() {
    let disk = two().disk();
    let described = partition(&disk, 3, None).ok().unwrap().describe();
    assert_eq!((described.class, described.size), (Class::Block, 100 * 512));
    assert_eq!((described.block_size, described.features), (512, disk.describe().features));
    assert!(described.features.contains(Features::DISCARD));
}

#[test]
fn a_stack_costs_one_look_at_the_bottom_and_moves_nothing() {
    let probe = Probe::new(two().disk());
    let part = partition(&probe, 1, None).ok().unwrap();
    let pass = driver_pass::Hears::new(lower(&Arc::new(Over(part))));
    let mut room = [9; 512];
    let address = room.as_ptr() as usize;
    let body = Body::new(Op::Read { node: Node::ROOT, offset: 512 }, Cred::ROOT);
    let mut call = Call::new(body, Data::sink(&mut room));
    assert_eq!(call.run(&pass, &Spin), Status::ok(512));
    let counts = call.counts();
    assert_eq!(counts.looks, 1, "the disk's own");
    assert_eq!((counts.copies, counts.maps), (0, 0));
    assert_eq!((counts.translations, counts.crossings), (0, 0));
    assert_eq!(probe.address.load(Relaxed), address, "the caller's own buffer was filled");
}
