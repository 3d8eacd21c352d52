//! A trace says what passed, and costs nothing that a layer does not have to.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use driver::{
    Body, Bytes, Call, Context, Cred, Data, Driver, Errno, Op, OptionValue, Options, Spin, Status,
    Time,
};
use driver_trace::KIND;
use kit::{
    FLUSH, Keeper, Spy, ask, flush, lower, make, ramdisk, read, read_at, sent, write, write_at,
};
use serde_json::{Value, json};

fn records(trace: &Arc<dyn Driver>) -> Vec<Value> {
    let mut text = String::new();
    trace.report(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn trace(records: u64, on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    make(&KIND, &[("records", OptionValue::Integer(records))], &[on]).ok().unwrap()
}

#[test]
fn what_passed_is_there_in_order() {
    let trace = trace(100, ramdisk(64 << 10));
    write(&*trace, 512, &[7; 1024]);
    read(&*trace, 1 << 20, &mut [0; 512]);
    assert_eq!(ask(&*trace, Op::Discard { offset: 0, len: 512 }, Data::NONE), Status::OK);
    ask(&*trace, Op::Statfs, Data::NONE);
    let expected = [
        json!({"number":1,"op":"write","node":0,"offset":512,"len":1024,"uid":0,"start":0,
               "nanoseconds":0,"count":1024}),
        json!({"number":2,"op":"read","node":0,"offset":1048576,"len":512,"uid":0,"start":0,
               "nanoseconds":0,"count":0}),
        json!({"number":3,"op":"discard","node":0,"offset":0,"len":512,"uid":0,"start":0,
               "nanoseconds":0,"count":0}),
        json!({"number":4,"op":"statfs","node":0,"uid":0,"start":0,"nanoseconds":0,
               "error":"EOPNOTSUPP"}),
    ];
    assert_eq!(records(&trace), expected);
}

#[test]
fn the_newest_push_the_oldest_out() {
    let trace = trace(3, ramdisk(64 << 10));
    for at in 0..10 {
        read(&*trace, at * 512, &mut [0; 512]);
    }
    let numbers: Vec<_> = records(&trace).iter().map(|r| r["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [8, 9, 10]);
}

#[test]
fn it_looks_at_nothing_and_passes_the_callers_own_memory() {
    let spy = Spy::new(ramdisk(64 << 10));
    let trace = trace(3, spy.clone());
    let mut room = [0; 4096];
    let address = room.as_ptr() as usize;
    let mut call = Call::new(Body::new(read_at(0), Cred::ROOT), Data::sink(&mut room));
    assert_eq!(call.run(&*trace, &Spin), Status::ok(4096));
    let counts = call.counts();
    assert_eq!((counts.looks, counts.copies, counts.maps, counts.messages), (1, 0, 0, 1));
    assert_eq!(spy.seen()[0].address, address);
}

#[test]
fn a_late_completion_is_recorded_when_it_comes_with_the_time_that_it_took() {
    static NOW: AtomicU64 = AtomicU64::new(1_500_000_000);
    fn now() -> Time {
        let now = NOW.load(SeqCst);
        Time { sec: now / 1_000_000_000, nsec: (now % 1_000_000_000) as u32 }
    }
    let keeper = Arc::new(Keeper { size: 4096, ..Keeper::default() });
    let context = Context { now, wait: &Spin };
    let made = (KIND.make)(&Options::default(), vec![lower(&keeper)], &context);
    let trace = made.ok().unwrap();
    let (first, second) =
        (sent(&trace, write_at(0), Bytes::Source(vec![1; 512])), sent(&trace, FLUSH, Bytes::None));
    assert!(records(&trace).is_empty());
    NOW.store(2_500_000_007, SeqCst);
    first.abort();
    assert_eq!(first.back().status(), Errno::ECANCELED.into());
    keeper.next().done(Errno(1234));
    assert_eq!(second.back().status(), Errno(1234).into());
    let [one, other] = &records(&trace)[..] else { panic!() };
    assert_eq!((&one["op"], &one["error"]), (&json!("write"), &json!("ECANCELED")));
    assert_eq!(one["start"], 1_500_000_000u64);
    assert_eq!(one["nanoseconds"], 1_000_000_007u64);
    assert_eq!((&other["op"], &other["error"]), (&json!("flush"), &json!("1234")));
}

#[test]
fn neither_names_nor_data_are_recorded() {
    let trace = trace(3, ramdisk(64 << 10));
    let parent = driver::Node::ROOT;
    let body = Body::new(Op::Lookup { parent, follow: true }, Cred { uid: 7, gid: 8 });
    Call::new(body, Data::NONE).name(b"private").run(&*trace, &Spin);
    write(&*trace, 0, &b"private ".repeat(64));
    flush(&*trace);
    let mut text = String::new();
    trace.report(&mut text).unwrap();
    assert!(text.contains("lookup") && text.contains("\"uid\":7") && !text.contains("private"));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    for records in [0, 1 << 30] {
        let options = [("records", OptionValue::Integer(records))];
        let error = make(&KIND, &options, &[ramdisk(4096)]).err().unwrap();
        assert!(error.contains("use 1 to"));
    }
}
