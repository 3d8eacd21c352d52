//! What goes wrong does so as the seed says, and every message still comes back.

use std::sync::Arc;

use driver::{Body, Bytes, Call, Cred, Data, Driver, Errno, Features, OptionValue, Spin, Status};
use driver_fault::KIND;
use kit::{
    Disk, FLUSH, Keeper, Spy, flush, make, ramdisk, read, read_at, same, sent, steps, write,
    write_at,
};
use proptest::prelude::*;

const SIZE: usize = 64 << 10;

fn fault(options: &[(&str, u64)], on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let options: Vec<_> =
        options.iter().map(|(key, value)| (*key, OptionValue::Integer(*value))).collect();
    make(&KIND, &options, &[on]).ok().unwrap()
}

fn report(driver: &Arc<dyn Driver>) -> serde_json::Value {
    let mut text = String::new();
    driver.report(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

proptest! {
    #[test]
    fn with_nothing_asked_for_it_is_the_disk(script in steps(SIZE, 512, 30)) {
        let driver = fault(&[], ramdisk(SIZE as u64));
        let mut model = Disk::new(SIZE, 512);
        for step in &script {
            same(&*driver, &mut model, step);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_schedule(seed in any::<u64>(), script in steps(SIZE, 512, 60)) {
        let fates = || {
            let options = [("seed", seed), ("error", 200), ("short", 300), ("power_cut", 12)];
            let driver = fault(&options, ramdisk(SIZE as u64));
            let outcomes: Vec<Status> = script.iter().map(|step| match *step {
                kit::Step::Read { offset, len } => read(&*driver, offset, &mut vec![0; len]),
                kit::Step::Write { offset, len, seed } => write(&*driver, offset, &vec![seed; len]),
                _ => flush(&*driver),
            }).collect();
            (outcomes, report(&driver))
        };
        prop_assert_eq!(fates(), fates());
    }
}

#[test]
fn it_looks_at_nothing_and_passes_the_callers_own_memory() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = fault(&[("short", 1000)], spy.clone());
    let mut room = [9; 4096];
    let address = room.as_ptr() as usize;
    let body = Body::new(read_at(0), Cred::ROOT);
    let mut call = Call::new(body, Data::sink(&mut room));
    let count = call.run(&*driver, &Spin).result().unwrap();
    assert!((512..4096).contains(&count) && count.is_multiple_of(512));
    assert_eq!((call.counts().looks, call.counts().copies, call.counts().messages), (1, 0, 1));
    let seen = spy.seen();
    assert_eq!((seen[0].address, seen[0].len), (address, count));
    assert_eq!(call.run(&*driver, &Spin).result().map(|count| count > 0), Ok(true), "whole again");
}

#[test]
fn errors_come_as_often_and_as_such_as_asked_and_the_disk_never_sees_them() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = fault(&[("seed", 7), ("error", 300), ("errno", 28)], spy.clone());
    let failed = (0..1000).filter(|_| flush(&*driver) == Errno::ENOSPC.into()).count();
    assert!((200..400).contains(&failed), "{failed}");
    assert_eq!(spy.seen().len(), 1000 - failed);
    assert_eq!(report(&driver)["errors"], failed);
}

#[test]
fn what_is_delayed_goes_down_after_so_many_others() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = fault(&[("delay", 1000), ("delay_for", 2)], spy.clone());
    assert!(driver.describe().features.contains(Features::BLOCKS));
    let write = |offset| sent(&driver, write_at(offset), Bytes::Source(vec![1; 512]));
    let (first, second) = (write(0), write(512));
    assert!(spy.seen().is_empty() && !first.is_back());
    let third = write(1024);
    assert_eq!(spy.ops(), [write_at(0)]);
    assert_eq!(first.back().status(), Status::ok(512));
    // Nobody else comes, but the host has time.
    assert!(driver.tend());
    assert!(!driver.tend());
    assert_eq!(spy.ops(), [write_at(512), write_at(1024)]);
    assert_eq!([second.back().status(), third.back().status()], [Status::ok(512); 2]);
}

#[test]
fn an_abort_ends_a_delay_and_the_disk_never_saw_the_message() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = fault(&[("delay", 1000)], spy.clone());
    let late = sent(&driver, FLUSH, Bytes::None);
    late.abort();
    assert_eq!(late.back().status(), Errno::ECANCELED.into());
    assert!(spy.seen().is_empty());
    assert_eq!(report(&driver)["delayed"], 0);
}

#[test]
fn a_dropped_reply_is_of_something_that_was_done_and_an_abort_ends_the_wait() {
    let disk = ramdisk(SIZE as u64);
    let driver = fault(&[("drop", 1000)], Arc::clone(&disk));
    let late = sent(&driver, write_at(0), Bytes::Source(vec![7; 512]));
    assert!(!late.is_back());
    let mut room = [0; 512];
    read(&*disk, 0, &mut room);
    assert_eq!((room, report(&driver)["dropped"].as_u64()), ([7; 512], Some(1)));
    late.abort();
    assert_eq!(late.back().status(), Errno::ECANCELED.into());
    assert_eq!(report(&driver)["dropped"], 0);
}

#[test]
fn an_abort_follows_to_the_lower_port() {
    let keeper = Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() });
    let driver = fault(&[], keeper.clone());
    let late = sent(&driver, write_at(0), Bytes::Source(vec![7; 512]));
    late.abort();
    assert_eq!((late.back().status(), keeper.count()), (Errno::ECANCELED.into(), 0));
}

#[test]
fn at_the_power_cut_a_write_is_torn_and_nothing_comes_after() {
    let mut torn = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let disk = ramdisk(SIZE as u64);
        let driver = fault(&[("seed", seed), ("power_cut", 2)], Arc::clone(&disk));
        assert_eq!(write(&*driver, 0, &[1; 2048]), Status::ok(2048));
        assert_eq!(write(&*driver, 0, &[2; 2048]), Errno::EIO.into());
        assert_eq!(report(&driver)["power"], false);
        let mut room = [9; 2048];
        assert_eq!(read(&*driver, 0, &mut room), Errno::EIO.into());
        assert_eq!(write(&*driver, 0, &[3; 512]), Errno::EIO.into());
        assert_eq!(flush(&*driver), Errno::EIO.into());
        read(&*disk, 0, &mut room);
        let new = room.iter().filter(|byte| **byte == 2).count();
        assert!(room[..new] == [2; 2048][..new] && room[new..] == [1; 2048][new..]);
        torn.insert(new);
    }
    assert_eq!(torn.into_iter().collect::<Vec<_>>(), [0, 512, 1024, 1536, 2048]);
}

#[test]
fn what_was_under_way_when_the_power_went_is_not_heard_of() {
    let keeper = Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() });
    let driver = fault(&[("power_cut", 2)], keeper.clone());
    let late = sent(&driver, write_at(0), Bytes::Source(vec![7; 512]));
    let last = sent(&driver, write_at(512), Bytes::Source(vec![7; 512]));
    keeper.next().done(Status::ok(512));
    assert_eq!(late.back().status(), Errno::EIO.into());
    if keeper.count() > 0 {
        keeper.next().done(Status::ok(512));
    }
    assert_eq!(last.back().status(), Errno::EIO.into());
}

#[test]
fn a_failed_driver_lets_go_of_what_it_keeps() {
    let driver = fault(&[("delay", 500), ("drop", 500)], ramdisk(SIZE as u64));
    let late: Vec<_> = (0..20).map(|_| sent(&driver, FLUSH, Bytes::None)).collect();
    driver.fail();
    assert!(late.iter().all(|late| late.is_back()));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let error = |options: &[(&str, u64)]| {
        let options: Vec<_> =
            options.iter().map(|(key, value)| (*key, OptionValue::Integer(*value))).collect();
        make(&KIND, &options, &[ramdisk(SIZE as u64)]).err().unwrap()
    };
    assert!(error(&[("error", 1001)]).contains("more than 1000"));
    assert!(error(&[("error", 600), ("drop", 600)]).contains("1200 together"));
    assert!(error(&[("errno", 0)]).contains("1 to 4095"));
}
