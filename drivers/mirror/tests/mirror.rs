//! A mirror: what it costs, that it survives the loss of a half, and that the half comes back.

use std::{sync::Arc, thread::ScopedJoinHandle};

use driver::{
    Body, Bytes, Call, Cred, Data, Driver, Errno, Features, Op, OptionValue, Spin, Status,
};
use driver_mirror::KIND;
use kit::{
    Disk, FLUSH, Fault, Keeper, Spy, Step, discard, flush, make, ramdisk, read, read_at, same,
    sent, steps, write, write_at,
};
use proptest::prelude::*;

const SIZE: usize = 64 << 10;

type Disks = [Arc<dyn Driver>; 2];

fn mirror(on: &[Arc<dyn Driver>]) -> Arc<dyn Driver> {
    make(&KIND, &[], on).ok().unwrap()
}

/// Two spies before a disk each, the disks, and the mirror on them.
fn two() -> ([Arc<Spy>; 2], Disks, Arc<dyn Driver>) {
    let disks = [0; 2].map(|_| ramdisk(SIZE as u64));
    let spies = disks.clone().map(Spy::new);
    let mirror = mirror(&spies.clone().map(|spy| spy as Arc<dyn Driver>));
    (spies, disks, mirror)
}

fn contents(disk: &Arc<dyn Driver>) -> Vec<u8> {
    let mut all = vec![0xee; SIZE];
    assert_eq!(read(&**disk, 0, &mut all), Status::ok(SIZE));
    all
}

/// A figure of each half.
fn figure(mirror: &Arc<dyn Driver>, key: &str) -> Vec<u64> {
    let mut text = String::new();
    mirror.report(&mut text).unwrap();
    let line = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    text.lines().map(|text| line(text)[key].as_u64().unwrap()).collect()
}

fn tend(mirror: &Arc<dyn Driver>) -> usize {
    (0..1000).take_while(|_| mirror.tend()).count()
}

/// Waits until the copier has come to the keeper.
fn until_written<T>(keeper: &Keeper, copier: &ScopedJoinHandle<'_, T>) {
    while keeper.count() == 0 {
        assert!(!copier.is_finished(), "it found nothing more to copy");
        std::thread::yield_now();
    }
}

proptest! {
    #[test]
    fn it_is_one_disk_and_both_halves_have_it(script in steps(SIZE, 512, 40)) {
        let (_, disks, mirror) = two();
        let mut model = Disk::new(SIZE, 512);
        for step in &script {
            same(&*mirror, &mut model, step);
        }
        prop_assert!(disks.iter().all(|disk| contents(disk) == model.bytes()));
        prop_assert_eq!(figure(&mirror, "stale"), [0, 0]);
    }

    /// Whatever fails on one half at a time, nobody sees it, and in the end both are equal.
    #[test]
    fn failures_of_one_half_at_a_time_are_never_seen(
        script in steps(SIZE, 512, 40),
        failures in prop::collection::vec((0..2usize, 0..3u8), 40),
        tends in prop::collection::vec(0..3usize, 40),
    ) {
        let (spies, disks, mirror) = two();
        let mut model = Disk::new(SIZE, 512);
        for ((step, (half, how)), tends) in script.iter().zip(failures).zip(tends) {
            // A half may only fail while the other has everything.
            let stale = figure(&mirror, "stale");
            if stale[1 - half] == 0 {
                spies[half].set_rule(move |body, _| match (how, body.op) {
                    (1, Op::Write { .. } | Op::Discard { .. }) => Some(Fault::Short(512)),
                    (1 | 2, _) => Some(Fault::Error(Errno::EIO)),
                    _ => None,
                });
            }
            same(&*mirror, &mut model, step);
            spies.iter().for_each(|spy| spy.set_rule(|_, _| None));
            (0..tends).for_each(|_| { mirror.tend(); });
        }
        tend(&mirror);
        prop_assert_eq!(figure(&mirror, "stale"), [0, 0]);
        prop_assert!(disks.iter().all(|disk| contents(disk) == model.bytes()));
    }
}

#[test]
fn writes_go_to_both_without_a_look_and_in_the_callers_own_memory() {
    let (spies, disks, mirror) = two();
    let bytes = vec![7; 4096];
    let body = Body::new(write_at(512), Cred::ROOT);
    let mut call = Call::new(body, Data::source(&bytes));
    assert_eq!(call.run(&*mirror, &Spin), Status::ok(4096));
    assert_eq!(*call.body(), body);
    let counts = call.counts();
    // The disks' own looks: two of their pages each.
    assert_eq!((counts.messages, counts.looks, counts.copies, counts.maps), (3, 4, 0, 0));
    for spy in &spies {
        assert_eq!(spy.seen()[0].address, bytes.as_ptr() as usize);
    }
    assert_eq!(contents(&disks[0]), contents(&disks[1]));
}

#[test]
fn a_read_goes_to_one_half_as_the_same_message_and_the_halves_take_turns() {
    let spies = [0; 2].map(|_| Spy::new(ramdisk(1 << 20)));
    let mirror = mirror(&spies.clone().map(|spy| spy as Arc<dyn Driver>));
    for offset in (0..1 << 20).step_by(64 << 10) {
        let mut room = [9; 512];
        let mut call = Call::new(Body::new(read_at(offset), Cred::ROOT), Data::sink(&mut room));
        assert_eq!(call.run(&*mirror, &Spin), Status::ok(512));
        assert_eq!((call.counts().messages, call.counts().looks), (1, 1));
    }
    assert_eq!(spies.map(|spy| spy.seen().len()), [8, 8]);
}

#[test]
fn the_loss_of_either_half_is_survived_and_it_comes_back() {
    for lost in 0..2 {
        let (spies, disks, mirror) = two();
        assert_eq!(write(&*mirror, 0, &[1; SIZE]), Status::ok(SIZE));
        spies[lost].fail(Some(Errno::EIO));
        assert_eq!(write(&*mirror, 4096, &[2; 4096]), Status::ok(4096));
        assert_eq!(discard(&*mirror, 16 << 10, 4096), Status::OK);
        let mut expected = vec![1; SIZE];
        expected[4096..8192].fill(2);
        expected[16 << 10..20 << 10].fill(0);
        let mut all = vec![9; SIZE];
        assert_eq!(read(&*mirror, 0, &mut all), Status::ok(SIZE));
        assert!(all == expected, "half {lost} lost");
        assert!(tend(&mirror) < 100, "there is nothing to copy to");
        assert_eq!(figure(&mirror, "stale")[1 - lost], 0);
        assert!(figure(&mirror, "stale")[lost] >= 8192);

        spies[lost].fail(None);
        tend(&mirror);
        assert_eq!(figure(&mirror, "stale"), [0, 0]);
        assert!(contents(&disks[lost]) == expected, "half {lost} has it all again");
        assert!(figure(&mirror, "failed")[lost] > 0);
    }
}

#[test]
fn what_one_half_lacks_is_not_read_from_it() {
    let (spies, _, mirror) = two();
    assert_eq!(write(&*mirror, 0, &[1; 8192]), Status::ok(8192));
    spies[0].fail(Some(Errno::EIO));
    assert_eq!(write(&*mirror, 0, &[2; 4096]), Status::ok(4096));
    spies[0].fail(None);
    let mut room = [9; 4096];
    assert_eq!(read(&*mirror, 0, &mut room), Status::ok(4096));
    assert_eq!(room, [2; 4096]);
    // Now the other one is lost: what only that had is gone, and said to be; the rest is there.
    spies[1].fail(Some(Errno::EIO));
    assert_eq!(read(&*mirror, 0, &mut room), Errno::EIO.into());
    assert_eq!(read(&*mirror, 4096, &mut room), Status::ok(4096));
    assert_eq!(room, [1; 4096]);
}

#[test]
fn what_no_half_has_alone_is_put_together() {
    let (spies, _, mirror) = two();
    for (half, at) in [(0, 0), (1, 4096)] {
        spies[half].fail(Some(Errno::EIO));
        assert_eq!(write(&*mirror, at, &[half as u8 + 3; 4096]), Status::ok(4096));
        spies[half].fail(None);
    }
    let mut room = [9; 8192];
    assert_eq!(read(&*mirror, 0, &mut room), Status::ok(8192));
    assert!(room[..4096] == [3; 4096] && room[4096..] == [4; 4096]);
}

#[test]
fn copying_goes_on_step_by_step_and_says_how_far_it_is() {
    let size = 1 << 20;
    let disks = [0; 2].map(|_| ramdisk(size));
    write(&*disks[1], 0, &vec![5; size as usize]);
    let mirror = make(&KIND, &[("rebuild", OptionValue::Integer(1))], &disks).ok().unwrap();
    let mut left = vec![figure(&mirror, "stale")[0]];
    while mirror.tend() {
        left.push(figure(&mirror, "stale")[0]);
    }
    assert_eq!((left[0], left.last()), (size, Some(&0)));
    assert!(left.len() > 4 && left.is_sorted_by(|a, b| a > b), "{left:?}");
    assert_eq!(figure(&mirror, "copied"), [size, 0]);
    let mut room = vec![9; size as usize];
    read(&*disks[0], 0, &mut room);
    assert!(room == vec![5; size as usize]);
}

/// Three disks that differ everywhere, each full of its own number, and a mirror on them.
fn unclean(options: &[(&str, OptionValue)]) -> ([Arc<Spy>; 3], Arc<dyn Driver>) {
    let spies = [0, 1, 2].map(|number| {
        let disk = ramdisk(1 << 20);
        write(&*disk, 0, &vec![number; 1 << 20]);
        Spy::new(disk)
    });
    let unclean = [("unclean", OptionValue::Flag(true))];
    let options = [&unclean, options].concat();
    let on = spies.clone().map(|spy| spy as Arc<dyn Driver>);
    (spies, make(&KIND, &options, &on).ok().unwrap())
}

/// A byte of each turn of the halves.
fn samples(mirror: &Arc<dyn Driver>) -> Vec<u8> {
    let mut room = [0xee; 512];
    let sample = |offset| {
        assert_eq!(read(&**mirror, offset, &mut room), Status::ok(512));
        room[0]
    };
    (0..1 << 20).step_by(128 << 10).map(sample).collect()
}

#[test]
fn after_an_unclean_stop_reads_never_change_and_the_halves_become_equal() {
    for (rebuild, believed) in [(None, 0), (Some(1), 1), (Some(3), 0)] {
        let rebuild = rebuild.map(|half| ("rebuild", OptionValue::Integer(half)));
        let (spies, mirror) = unclean(rebuild.as_slice());
        loop {
            assert_eq!(samples(&mirror), [believed; 8]);
            if !mirror.tend() {
                break;
            }
        }
        assert_eq!(figure(&mirror, "stale"), [0; 3]);
        // Whoever is lost now, the others say the same.
        for lost in &spies {
            lost.fail(Some(Errno::EIO));
            assert_eq!(samples(&mirror), [believed; 8]);
            lost.fail(None);
            tend(&mirror);
        }
    }
}

#[test]
fn after_an_unclean_stop_the_others_are_not_asked_for_what_the_first_can_t_give() {
    let (spies, mirror) = unclean(&[]);
    assert_eq!(write(&*mirror, 0, &[7; 512]), Status::ok(512));
    spies[0].fail(Some(Errno::EIO));
    let mut room = [0; 512];
    assert_eq!(read(&*mirror, 512, &mut room), Errno::EIO.into());
    assert_eq!(read(&*mirror, 0, &mut room), Status::ok(512), "all have what was written since");
    assert_eq!(room, [7; 512]);
    spies[0].fail(None);
    assert_eq!(read(&*mirror, 512, &mut room), Status::ok(512));
    assert_eq!(room, [0; 512]);
}

#[test]
fn what_was_written_to_while_it_was_copied_is_copied_again() {
    let keeper = Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() });
    let on = [ramdisk(SIZE as u64), keeper.clone() as Arc<dyn Driver>];
    let mirror = make(&KIND, &[("rebuild", OptionValue::Integer(2))], &on).ok().unwrap();
    let until_kept = |count| {
        while keeper.count() < count {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let copier = scope.spawn(|| mirror.tend());
        // It has read the old bytes, and they are on their way to the other half.
        until_kept(1);
        assert!(!mirror.tend(), "one piece at a time");
        let late = sent(&mirror, write_at(0), Bytes::Source(vec![7; 4096]));
        until_kept(2);
        keeper.next().done(Status::ok(SIZE));
        assert!(copier.join().unwrap());
        keeper.next().done(Status::ok(4096));
        assert_eq!(late.back().status(), Status::ok(4096));
    });
    assert_eq!(figure(&mirror, "copied"), [0, 0]);
    assert_eq!(
        figure(&mirror, "stale"),
        [0, SIZE as u64],
        "old bytes may have come after new ones"
    );
    std::thread::scope(|scope| {
        let copier = scope.spawn(|| mirror.tend());
        until_written(&keeper, &copier);
        keeper.next().done(Status::ok(SIZE));
        assert!(copier.join().unwrap());
    });
    assert_eq!(figure(&mirror, "stale"), [0, 0]);
}

#[test]
fn a_write_under_way_holds_no_copying_up_elsewhere() {
    let keeper = Arc::new(Keeper { size: 1 << 20, ..Keeper::default() });
    let on = [keeper.clone() as Arc<dyn Driver>, ramdisk(1 << 20)];
    let mirror = make(&KIND, &[("rebuild", OptionValue::Integer(2))], &on).ok().unwrap();
    let late = sent(&mirror, write_at(0), Bytes::Source(vec![1; 4096]));
    let write = keeper.next();
    std::thread::scope(|scope| {
        let copier = scope.spawn(|| tend(&mirror));
        for _ in 0..7 {
            until_written(&keeper, &copier);
            keeper.next().done(Status::ok(128 << 10));
        }
        assert_eq!(copier.join().unwrap(), 7, "all pieces but the one that is written to");
    });
    write.done(Status::ok(4096));
    assert_eq!(late.back().status(), Status::ok(4096));
    assert_eq!(figure(&mirror, "stale"), [0, (128 << 10) - 4096]);
}

#[test]
fn a_half_that_takes_nothing_keeps_no_other_from_being_copied_to() {
    let (spies, _, mirror) = two();
    for (half, at) in [(0, 32 << 10), (1, 0)] {
        spies[half].fail(Some(Errno::EIO));
        assert_eq!(write(&*mirror, at, &[1; 4096]), Status::ok(4096));
        spies[half].fail(None);
    }
    spies[0].set_rule(|body, _| {
        matches!(body.op, Op::Write { .. }).then_some(Fault::Error(Errno::EIO))
    });
    tend(&mirror);
    assert_eq!(figure(&mirror, "stale"), [4096, 0]);
}

#[test]
fn nothing_is_copied_where_a_write_is_under_way() {
    let keeper = Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() });
    let disk = ramdisk(SIZE as u64);
    let on = [disk, keeper.clone() as Arc<dyn Driver>];
    let mirror = make(&KIND, &[("rebuild", OptionValue::Integer(2))], &on).ok().unwrap();
    let late = sent(&mirror, write_at(0), Bytes::Source(vec![1; 4096]));
    assert!(!mirror.tend(), "the one piece there is has a write in it");
    keeper.next().done(Status::ok(4096));
    assert_eq!(late.back().status(), Status::ok(4096));
}

#[test]
fn writes_that_overlap_end_up_the_same_on_both_halves() {
    let keepers = [0; 2].map(|_| Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() }));
    let mirror = mirror(&keepers.clone().map(|keeper| keeper as Arc<dyn Driver>));
    let one = sent(&mirror, write_at(0), Bytes::Source(vec![1; 4096]));
    let other = sent(&mirror, write_at(2048), Bytes::Source(vec![2; 4096]));
    keepers.iter().for_each(|keeper| {
        keeper.next().done(Status::ok(4096));
        keeper.next().done(Status::ok(4096));
    });
    assert_eq!([one.back().status(), other.back().status()], [Status::ok(4096); 2]);
    assert_eq!(figure(&mirror, "stale"), [0, 6144], "to be copied from the first");
}

#[test]
fn an_aborted_write_leaves_one_half_to_be_believed() {
    let keepers = [0; 2].map(|_| Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() }));
    let mirror = mirror(&keepers.clone().map(|keeper| keeper as Arc<dyn Driver>));
    let late = sent(&mirror, write_at(0), Bytes::Source(vec![1; 4096]));
    late.abort();
    assert_eq!(late.back().status(), Errno::ECANCELED.into());
    assert_eq!(figure(&mirror, "stale"), [0, 4096]);
    // One half is broken, the other was only told to leave it: that one is believed.
    let late = sent(&mirror, write_at(8192), Bytes::Source(vec![1; 4096]));
    keepers[0].next().done(Errno::EIO);
    late.abort();
    assert_eq!(late.back().status(), Errno::EIO.into());
    assert_eq!(figure(&mirror, "stale"), [4096, 4096]);
}

#[test]
fn what_is_aborted_at_one_half_is_not_begun_at_another() {
    let (spies, _, mirror) = two();
    assert_eq!(write(&*mirror, 0, &[1; 4096]), Status::ok(4096));
    spies.iter().for_each(|spy| drop(spy.seen()));
    spies[0].fail(Some(Errno::ECANCELED));
    let cancelled = Errno::ECANCELED.into();
    assert_eq!(read(&*mirror, 0, &mut [0; 4096]), cancelled);
    assert_eq!(write(&*mirror, 0, &[2; 4096]), cancelled);
    assert_eq!(flush(&*mirror), cancelled);
    assert_eq!(discard(&*mirror, 8192, 512), cancelled);
    assert_eq!(spies[1].ops(), []);
    // The first may have some of what it was told to leave, so the two may differ there.
    assert_eq!(figure(&mirror, "stale"), [0, 4608]);
    assert_eq!(figure(&mirror, "failed"), [0, 0], "neither is at fault");
    spies[0].fail(None);
    tend(&mirror);
    assert_eq!(figure(&mirror, "stale"), [0, 0]);
}

#[test]
fn a_flush_that_one_half_fails_leaves_nothing_there_to_be_believed() {
    let (spies, _, mirror) = two();
    assert_eq!(flush(&*mirror), Status::OK);
    assert_eq!(spies.clone().map(|spy| spy.ops()), [[FLUSH]; 2].map(Vec::from));
    spies[1].fail(Some(Errno::EIO));
    assert_eq!(flush(&*mirror), Status::OK);
    assert_eq!(figure(&mirror, "stale"), [0, SIZE as u64]);
    spies[0].fail(Some(Errno::ENOSPC));
    assert_eq!(flush(&*mirror), Errno::ENOSPC.into());
}

#[test]
fn errors_that_both_halves_give_are_the_answer_and_change_nothing() {
    let disks = [0; 2].map(|_| -> Arc<dyn Driver> {
        Arc::new(driver_ramdisk::Ramdisk::new(SIZE as u64, 512, true).unwrap())
    });
    let mirror = mirror(&disks);
    assert!(mirror.describe().features.contains(Features::READ_ONLY));
    let mut model = Disk::new(SIZE, 512);
    same(&*mirror, &mut model, &Step::Read { offset: 0, len: SIZE });
    assert_eq!(write(&*mirror, 0, &[1; 512]), Errno::EROFS.into());
    assert_eq!(read(&*mirror, 0, &mut [9; 512]), Status::ok(512));
}

#[test]
fn what_cannot_be_a_mirror_is_refused_with_a_reason() {
    let disk = || ramdisk(SIZE as u64);
    let error = |options: &[(&str, OptionValue)], on: &[_]| make(&KIND, options, on).err().unwrap();
    assert!(error(&[], &[disk()]).contains("stands on 1"));
    assert!(error(&[], &[0; 9].map(|_| disk())).contains("8 at most"));
    for number in [0, 3, u64::MAX] {
        let rebuild = [("rebuild", OptionValue::Integer(number))];
        assert!(error(&rebuild, &[disk(), disk()]).contains("there are 1 to 2"));
    }
    let null: Arc<dyn Driver> = Arc::new(driver_null::Null);
    assert!(error(&[], &[disk(), null]).contains("character driver"));
}

/// Writers and a copier at a time, on threads: in the end the halves are equal.
#[test]
fn halves_are_equal_after_writes_while_one_was_copied() {
    for round in 0..50u8 {
        let disks = [0; 2].map(|_| ramdisk(SIZE as u64));
        let mirror = make(&KIND, &[("rebuild", OptionValue::Integer(2))], &disks).ok().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..20).for_each(|_| {
                    mirror.tend();
                })
            });
            for at in 0..40u64 {
                let bytes = [at as u8 ^ round; 1024];
                assert_eq!(write(&*mirror, at * 1024, &bytes), Status::ok(1024));
            }
        });
        tend(&mirror);
        assert_eq!(figure(&mirror, "stale"), [0, 0]);
        assert!(contents(&disks[0]) == contents(&disks[1]), "round {round}");
    }
}
