//! A cache: one disk whatever is asked, one look, hits that complete inline, nothing stale,
//! bounded memory, and what a flush has made safe.

use std::{ptr::NonNull, sync::Arc};

use driver::{
    Access, Body, Call, Cred, Data, Driver, Errno, Features, Op, OptionValue, Spin, Status,
};
use driver_cache::KIND;
use kit::{
    Disk, FLUSH, Fault, Seen, Spy, Step, discard, flush, make, ramdisk, read, read_at, same, steps,
    write, write_at,
};
use proptest::prelude::*;

const LINE: usize = 4096;
/// Not whole lines.
const SIZE: usize = 40 * LINE + 512;

#[derive(Clone, Copy, Debug)]
struct Config {
    lines: u64,
    ahead: u64,
    write_back: bool,
}

fn cache(config: Config, on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let line = LINE as u64;
    let options = [
        ("size", OptionValue::Integer(config.lines * line)),
        ("line", OptionValue::Integer(line)),
        ("ahead", OptionValue::Integer(config.ahead * line)),
        ("write_back", OptionValue::Flag(config.write_back)),
    ];
    make(&KIND, &options, &[on]).ok().unwrap()
}

const THROUGH: Config = Config { lines: 16, ahead: 0, write_back: false };
const BACK: Config = Config { write_back: true, ..THROUGH };

fn spied(config: Config) -> (Arc<Spy>, Arc<dyn Driver>) {
    let spy = Spy::new(ramdisk(SIZE as u64));
    (spy.clone(), cache(config, spy))
}

fn figure(cache: &Arc<dyn Driver>, key: &str) -> u64 {
    let mut text = String::new();
    cache.report(&mut text).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()[key].as_u64().unwrap()
}

fn config() -> impl Strategy<Value = Config> {
    (8..20u64, 0..6u64, any::<bool>()).prop_map(|(lines, ahead, write_back)| Config {
        lines,
        ahead,
        write_back,
    })
}

proptest! {
    #[test]
    fn it_is_the_disk_whatever_is_asked_and_stays_in_its_bounds(
        config in config(),
        script in steps(SIZE, 512, 60),
    ) {
        let disk = ramdisk(SIZE as u64);
        let cache = cache(config, Arc::clone(&disk));
        let mut model = Disk::new(SIZE, 512);
        for step in &script {
            same(&*cache, &mut model, step);
            prop_assert!(figure(&cache, "lines") <= config.lines);
        }
        flush(&*cache);
        let mut all = vec![0xee; SIZE];
        read(&*disk, 0, &mut all);
        prop_assert!(all == model.bytes(), "all of it is on the disk after a flush");
    }

    /// Whatever fails below, an answer is an error or right, and what a flush said is safe is.
    #[test]
    fn failures_below_never_make_an_answer_wrong(
        config in config(),
        script in steps(SIZE, 512, 60),
        failing in prop::collection::vec(prop::bool::weighted(0.2), 60),
    ) {
        let spy = Spy::new(ramdisk(SIZE as u64));
        let cache = cache(config, spy.clone());
        let mut model = Disk::new(SIZE, 512);
        // Blocks that a failed write leaves in doubt.
        let mut doubt = vec![false; SIZE / 512];
        for (step, failing) in script.iter().zip(failing) {
            spy.fail(failing.then_some(Errno::EIO));
            match *step {
                Step::Read { offset, len } => {
                    let (mut got, mut expected) = (vec![0xee; len], vec![0xee; len]);
                    let status = read(&*cache, offset, &mut got);
                    let right = Status::from(model.read(offset, &mut expected));
                    prop_assert!(status == right || status == Errno::EIO.into());
                    if let Ok(count) = status.result() {
                        for at in (0..count).step_by(512) {
                            let known = !doubt[(offset as usize + at) / 512];
                            prop_assert!(!known || got[at..at + 512] == expected[at..at + 512]);
                        }
                    }
                }
                Step::Write { offset, len, seed } => {
                    let bytes = vec![seed; len];
                    let status = write(&*cache, offset, &bytes);
                    let right = Status::from(model.write(offset, &bytes));
                    prop_assert!(status == right || status == Errno::EIO.into());
                    let range = (offset as usize / 512)..(offset as usize + len) / 512;
                    for block in range.filter(|block| *block < SIZE / 512) {
                        doubt[block] =
                            status == Errno::EIO.into() || doubt[block] && !status.is_ok();
                    }
                }
                Step::Flush => {
                    let flushed = flush(&*cache);
                    prop_assert!(failing || flushed == Status::OK);
                }
                Step::Discard { .. } => {}
            }
        }
        spy.fail(None);
        prop_assert_eq!(flush(&*cache), Status::OK);
        let mut all = vec![0xee; SIZE];
        read(&*spy, 0, &mut all);
        for (block, doubt) in doubt.iter().enumerate() {
            let range = block * 512..(block + 1) * 512;
            prop_assert!(*doubt || all[range.clone()] == model.bytes()[range]);
        }
    }
}

/// Asks in a call; looks, copies and messages.
fn cost(cache: &Arc<dyn Driver>, op: Op, data: Data<'_>) -> (u32, u32, u32) {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data);
    assert!(call.run(&**cache, &Spin).is_ok());
    let counts = call.counts();
    assert_eq!((counts.maps, counts.translations, counts.crossings), (0, 0, 0));
    (counts.looks, counts.copies, counts.messages)
}

#[test]
fn a_hit_is_one_look_and_no_message_and_a_miss_copies_in() {
    let (spy, cache) = spied(THROUGH);
    let mut room = vec![9; 3 * LINE];
    // A look of the disk's for each page, and the cache's own.
    assert_eq!(cost(&cache, read_at(0), Data::sink(&mut room)), (3 + 1, 1, 2));
    assert_eq!(spy.seen().len(), 1, "missing lines in a row are one request");
    assert_eq!(cost(&cache, read_at(0), Data::sink(&mut room)), (1, 0, 1));
    assert_eq!(cost(&cache, read_at(512), Data::sink(&mut room[..LINE])), (1, 0, 1));
    assert!(spy.seen().is_empty(), "a hit completes inline");
    assert_eq!((figure(&cache, "hits"), figure(&cache, "misses")), (2, 1));
}

#[test]
fn the_layers_below_never_see_the_askers_memory() {
    let (spy, cache) = spied(THROUGH);
    let mut room = vec![9; LINE];
    let address = room.as_ptr() as usize;
    read(&*cache, 0, &mut room);
    write(&*cache, 0, &room);
    assert!(spy.seen().iter().all(|Seen { address: seen, .. }| *seen != address));
}

#[test]
fn a_write_is_one_look_and_one_copy_through_or_back() {
    let (spy, through) = spied(THROUGH);
    assert_eq!(cost(&through, write_at(0), Data::source(&[7; LINE])), (1 + 1, 1, 2));
    assert_eq!(spy.ops(), [write_at(0)]);
    let (spy, back) = spied(BACK);
    assert_eq!(cost(&back, write_at(0), Data::source(&[7; 2 * LINE])), (1, 1, 1));
    assert!(spy.seen().is_empty());
    for cache in [through, back] {
        let mut room = [9; LINE];
        assert_eq!(cost(&cache, read_at(0), Data::sink(&mut room)), (1, 0, 1));
        assert_eq!(room, [7; LINE], "what was written is a hit, and not stale");
    }
}

#[test]
fn shared_memory_is_served_by_copies() {
    let (_, cache) = spied(BACK);
    let mut page = vec![7u8; LINE];
    let base = NonNull::new(page.as_mut_ptr()).unwrap();
    // SAFETY: `page` outlives the references and is not touched but through them.
    let lend = |access| unsafe { agent::Lent::new(base, LINE, access) };
    assert_eq!(cost(&cache, write_at(0), Data::lent(&lend(Access::FETCH))), (1, 1, 1));
    assert_eq!(cost(&cache, read_at(0), Data::lent(&lend(Access::FILL))), (1, 0, 1));
    assert!(page == [7; LINE]);
}

#[test]
fn a_flush_writes_in_the_order_of_the_disk_and_then_flushes() {
    let (spy, cache) = spied(BACK);
    for line in [5, 2, 9, 3] {
        write(&*cache, (line * LINE) as u64, &[line as u8; LINE]);
    }
    assert_eq!(figure(&cache, "dirty"), 4);
    assert_eq!(flush(&*cache), Status::OK);
    let at = |line: usize| write_at((line * LINE) as u64);
    let seen = spy.seen();
    assert_eq!(seen.iter().map(|seen| seen.op).collect::<Vec<_>>(), [at(2), at(5), at(9), FLUSH]);
    assert_eq!(seen[0].len, 2 * LINE, "neighbours go together");
    assert_eq!(figure(&cache, "dirty"), 0);
    flush(&*cache);
    assert_eq!(spy.ops(), [FLUSH], "there is nothing left to write");
}

#[test]
fn what_could_not_be_written_back_stays_and_the_flush_says_so() {
    let (spy, cache) = spied(BACK);
    write(&*cache, 0, &[7; LINE]);
    spy.fail(Some(Errno::EIO));
    assert_eq!(flush(&*cache), Errno::EIO.into());
    assert!(!spy.ops().contains(&FLUSH), "nothing is said to be safe");
    assert_eq!(figure(&cache, "dirty"), 1);
    let mut room = [0; LINE];
    assert_eq!(read(&*cache, 0, &mut room), Status::ok(LINE));
    assert_eq!(room, [7; LINE]);
    spy.set_rule(|_, _| Some(Fault::Short(512)));
    assert_eq!(flush(&*cache), Errno::EIO.into(), "half a line is not a line");
    spy.fail(None);
    assert_eq!(flush(&*cache), Status::OK);
    read(&*spy, 0, &mut room);
    assert_eq!(room, [7; LINE]);
}

#[test]
fn a_write_through_that_fails_leaves_nothing_to_be_believed() {
    let (spy, cache) = spied(THROUGH);
    write(&*cache, 0, &[7; LINE]);
    for fault in [Fault::Error(Errno::EIO), Fault::Short(512)] {
        spy.set_rule(move |body, _| matches!(body.op, Op::Write { .. }).then_some(fault));
        let status = write(&*cache, 0, &[8; LINE]);
        assert_eq!(
            status,
            if fault == Fault::Short(512) { Status::ok(512) } else { Errno::EIO.into() }
        );
        spy.seen();
        read(&*cache, 0, &mut [0; LINE]);
        assert_eq!(spy.ops(), [read_at(0)], "the disk is asked what it has");
    }
}

#[test]
fn reads_in_order_read_ahead_and_others_do_not() {
    let (spy, cache) = spied(Config { ahead: 4, ..THROUGH });
    let mut room = [0; LINE];
    for line in 0..6 {
        read(&*cache, line * LINE as u64, &mut room);
    }
    let seen: Vec<_> = spy.seen().iter().map(|seen| (seen.op, seen.len / LINE)).collect();
    // The first is nobody's continuation; the second brings four more.
    assert_eq!(seen, [(read_at(0), 1), (read_at(LINE as u64), 5)]);
    for line in [30, 20, 10] {
        read(&*cache, line * LINE as u64, &mut room);
    }
    assert!(spy.seen().iter().all(|seen| seen.len == LINE));
    assert_eq!(figure(&cache, "ahead"), 4);
}

#[test]
fn what_cannot_be_read_ahead_is_nobodys_error() {
    let (spy, cache) = spied(Config { ahead: 4, ..THROUGH });
    let mut room = [0; LINE];
    read(&*cache, 0, &mut room);
    spy.set_rule(|_, len| (len > LINE).then_some(Fault::Error(Errno::EIO)));
    assert_eq!(read(&*cache, LINE as u64, &mut room), Status::ok(LINE));
}

#[test]
fn what_was_not_used_for_longest_goes_first_and_is_written_before() {
    let (spy, cache) = spied(Config { lines: 8, ..BACK });
    for line in 0..8 {
        write(&*cache, line * LINE as u64, &[line as u8; LINE]);
    }
    read(&*cache, 0, &mut [0; LINE]);
    assert!(spy.seen().is_empty());
    write(&*cache, 20 * LINE as u64, &[9; LINE]);
    assert_eq!(spy.ops(), [write_at(LINE as u64)], "the oldest, with those beside it");
    read(&*cache, 0, &mut [0; LINE]);
    assert!(spy.seen().is_empty(), "what was used is still here");
    read(&*cache, LINE as u64, &mut [0; LINE]);
    assert_eq!(spy.ops()[..1], [read_at(LINE as u64)]);
}

#[test]
fn where_no_room_can_be_made_the_request_fails_and_nothing_is_lost() {
    let (spy, cache) = spied(Config { lines: 8, ..BACK });
    for line in 0..8 {
        write(&*cache, line * LINE as u64, &[line as u8 + 1; LINE]);
    }
    spy.fail(Some(Errno::EIO));
    assert_eq!(write(&*cache, 20 * LINE as u64, &[9; LINE]), Errno::EIO.into());
    assert_eq!(read(&*cache, 30 * LINE as u64, &mut [9; LINE]), Errno::EIO.into());
    spy.fail(None);
    for line in 0..8 {
        let mut room = [0; LINE];
        read(&*cache, line * LINE as u64, &mut room);
        assert_eq!(room, [line as u8 + 1; LINE]);
    }
}

#[test]
fn what_is_too_large_goes_past_in_the_askers_memory_and_nothing_is_stale() {
    let (spy, cache) = spied(BACK);
    write(&*cache, 0, &[1; LINE]);
    write(&*cache, 19 * LINE as u64, &[2; LINE]);
    let bytes = vec![3; 20 * LINE - 512];
    assert_eq!(cost(&cache, write_at(512), Data::source(&bytes)).1, 0);
    assert!(spy.seen().iter().any(|seen| seen.address == bytes.as_ptr() as usize));
    let mut all = vec![9; 20 * LINE];
    let address = all.as_ptr() as usize;
    assert_eq!(read(&*cache, 0, &mut all), Status::ok(20 * LINE));
    assert!(spy.seen().iter().any(|seen| seen.address == address));
    assert!(all[..512] == [1; 512] && all[512..].iter().all(|byte| *byte == 3));
}

#[test]
fn a_discard_is_forgotten_here_too() {
    let (spy, cache) = spied(BACK);
    write(&*cache, 0, &[7; 3 * LINE]);
    assert_eq!(discard(&*cache, 512, 2 * LINE as u64), Status::OK);
    let mut room = vec![9; 3 * LINE];
    read(&*cache, 0, &mut room);
    assert!(room[..512] == [7; 512] && room[512..512 + 2 * LINE].iter().all(|byte| *byte == 0));
    assert!(room[512 + 2 * LINE..].iter().all(|byte| *byte == 7));
    assert_eq!(discard(&*cache, 0, 1 << 60), Status::OK);
    let node = driver::Node(4);
    assert_eq!(kit::ask(&*cache, Op::Flush { node }, Data::NONE), Errno::ESTALE.into());
    drop(spy);
}

#[test]
fn it_is_what_its_disk_is_but_entered_by_one_at_a_time() {
    let disk: Arc<dyn Driver> =
        Arc::new(driver_ramdisk::Ramdisk::new(SIZE as u64, 512, true).unwrap());
    let cache = cache(BACK, disk);
    let described = cache.describe();
    assert_eq!((described.size, described.block_size), (SIZE as u64, 512));
    assert_eq!(described.features, Features::READ_ONLY | Features::DISCARD | Features::WRITES_BACK);
    assert_eq!(write(&*cache, 0, &[1; 512]), Errno::EROFS.into(), "at once, not at the flush");
}

#[test]
fn what_cannot_be_a_cache_is_refused_with_a_reason() {
    let error = |options: &[(&str, OptionValue)]| {
        make(&KIND, options, &[ramdisk(SIZE as u64)]).err().unwrap()
    };
    let number = OptionValue::Integer;
    assert!(error(&[("line", number(5000))]).contains("line = 5000 makes no sense"));
    assert!(error(&[("line", number(256))]).contains("no less than a block"));
    assert!(error(&[("size", number(4096))]).contains("size is too small: 8 lines"));
    let null: Arc<dyn Driver> = Arc::new(driver_null::Null);
    assert!(make(&KIND, &[], &[null]).err().unwrap().contains("character driver"));
}
