//! The driver by itself: called directly, on a disk in memory.

use std::sync::Arc;

use driver::{Body, Call, Cred, Data, Driver, Errno, Lower, Node, Op, Spin, Status};
use driver_ramdisk::Ramdisk;
use tally::Tally;

fn write(driver: &impl Driver, offset: u64) -> Status {
    let op = Op::Write { node: Node::ROOT, offset };
    Call::new(Body::new(op, Cred::ROOT), Data::source(&[7; 512])).run(driver, &Spin)
}

#[test]
fn what_passes_is_counted_and_comes_through_as_it_was() {
    let disk = Arc::new(Ramdisk::new(4096, 512, false).unwrap());
    let tally = Tally(Lower::on(&disk), Default::default());
    assert_eq!(write(&tally, 512), Status::ok(512));
    assert_eq!(write(&tally, 4096), Errno::ENOSPC.into());
    let mut told = String::new();
    tally.report(&mut told).unwrap();
    assert_eq!(told, "{\"done\":1,\"failed\":1}\n");
    assert_eq!(tally.describe(), disk.describe());
}
