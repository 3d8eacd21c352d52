//! A stripe: where its requests go, what they cost, and what becomes of errors.

use std::sync::Arc;

use driver::{
    Body, Bytes, Call, Class, Cred, Data, Driver, Errno, Features, Op, OptionValue, Spin, Status,
};
use driver_stripe::KIND;
use kit::{
    Disk, FLUSH, Fault, Keeper, Spy, ask, discard, flush, make, ramdisk, read, read_at, same, sent,
    steps, write, write_at,
};
use proptest::prelude::*;

const CHUNK: usize = 4096;

fn stripe(on: &[Arc<dyn Driver>]) -> Arc<dyn Driver> {
    make(&KIND, &[("chunk", OptionValue::Integer(CHUNK as u64))], on).ok().unwrap()
}

fn error(chunk: u64, on: &[Arc<dyn Driver>]) -> String {
    make(&KIND, &[("chunk", OptionValue::Integer(chunk))], on).err().unwrap()
}

/// Three spies before a disk each.
fn three() -> ([Arc<Spy>; 3], Arc<dyn Driver>) {
    let spies = [0; 3].map(|_| Spy::new(ramdisk(4 * CHUNK as u64)));
    let stripe = stripe(&spies.clone().map(|spy| spy as Arc<dyn Driver>));
    (spies, stripe)
}

proptest! {
    #[test]
    fn it_is_one_disk_whatever_is_asked(
        disks in 2..5usize,
        chunks in 1..4usize,
        odd in 0..3usize,
        script in steps(3 * 4 * CHUNK, 512, 30),
    ) {
        // The last disk is larger by a little that is of no use.
        let size = |disk| chunks * CHUNK + if disk == disks - 1 { odd * 512 } else { 0 };
        let on: Vec<_> = (0..disks).map(|disk| ramdisk(size(disk) as u64)).collect();
        let (stripe, mut model) = (stripe(&on), Disk::new(disks * chunks * CHUNK, 512));
        prop_assert_eq!(stripe.describe().size as usize, model.bytes().len());
        for step in &script {
            same(&*stripe, &mut model, step);
        }
    }
}

#[test]
fn chunks_go_to_the_disks_in_turns() {
    let disks = [ramdisk(2 * CHUNK as u64), ramdisk(2 * CHUNK as u64)];
    let stripe = stripe(&disks);
    let bytes: Vec<u8> = (0..4).flat_map(|chunk| [chunk; CHUNK]).collect();
    assert_eq!(write(&*stripe, 0, &bytes), Status::ok(4 * CHUNK));
    for (disk, chunks) in disks.iter().zip([[0, 2], [1, 3]]) {
        let mut all = vec![9; 2 * CHUNK];
        read(&**disk, 0, &mut all);
        assert!(all[..CHUNK] == [chunks[0]; CHUNK] && all[CHUNK..] == [chunks[1]; CHUNK]);
    }
}

#[test]
fn it_splits_without_looking_and_the_callers_own_memory_goes_down() {
    let (spies, stripe) = three();
    let mut room = vec![9; 3 * CHUNK];
    let address = room.as_ptr() as usize;
    let body = Body::new(read_at(512), Cred::ROOT);
    let mut call = Call::new(body, Data::sink(&mut room));
    assert_eq!(call.run(&*stripe, &Spin), Status::ok(3 * CHUNK));
    assert_eq!(*call.body(), body, "the sender's own again");
    let counts = call.counts();
    assert_eq!((counts.messages, counts.looks), (5, 4), "the disks' own looks");
    assert_eq!((counts.copies, counts.maps, counts.translations), (0, 0, 0));
    let seen = spies.map(|spy| spy.seen());
    let part = |disk: usize, at: usize| (seen[disk][at].op, seen[disk][at].address - address);
    assert_eq!(part(0, 0), (read_at(512), 0));
    assert_eq!(part(1, 0), (read_at(0), CHUNK - 512));
    assert_eq!(part(2, 0), (read_at(0), 2 * CHUNK - 512));
    assert_eq!((part(0, 1), seen[0][1].len), ((read_at(CHUNK as u64), 3 * CHUNK - 512), 512));
}

#[test]
fn what_lies_in_one_chunk_is_the_same_message() {
    let (spies, stripe) = three();
    let mut room = [9; 1024];
    let body = Body::new(read_at(5 * CHUNK as u64 + 512), Cred::ROOT);
    let mut call = Call::new(body, Data::sink(&mut room));
    assert_eq!(call.run(&*stripe, &Spin), Status::ok(1024));
    assert_eq!((*call.body(), call.counts().messages), (body, 1));
    assert_eq!(spies[2].ops(), [read_at(CHUNK as u64 + 512)]);
}

#[test]
fn a_flush_goes_to_all_and_a_discard_to_each_its_share() {
    let (spies, stripe) = three();
    assert_eq!(flush(&*stripe), Status::OK);
    assert_eq!(spies.clone().map(|spy| spy.ops()), [[FLUSH]; 3].map(Vec::from));
    assert_eq!(discard(&*stripe, 512, 5 * CHUNK as u64), Status::OK);
    let op = |offset: usize, len: usize| Op::Discard { offset: offset as u64, len: len as u64 };
    assert_eq!(spies[0].ops(), [op(512, 2 * CHUNK - 512)]);
    assert_eq!(spies[1].ops(), [op(0, 2 * CHUNK)]);
    assert_eq!(spies[2].ops(), [op(0, CHUNK + 512)]);
    assert_eq!(discard(&*stripe, 1 << 40, !511), Status::OK);
    assert!(spies.iter().all(|spy| spy.ops().is_empty()), "there is nothing out there");
}

#[test]
fn one_disks_error_is_the_answer() {
    let (spies, stripe) = three();
    spies[1].fail(Some(Errno::EIO));
    assert_eq!(write(&*stripe, 0, &[7; 2 * CHUNK]), Errno::EIO.into());
    assert_eq!(read(&*stripe, 0, &mut [7; 2 * CHUNK]), Errno::EIO.into());
    assert_eq!(flush(&*stripe), Errno::EIO.into());
    assert_eq!(read(&*stripe, 0, &mut [7; CHUNK]), Status::ok(CHUNK), "the others go on");
}

#[test]
fn what_comes_short_counts_up_to_there() {
    let (spies, stripe) = three();
    spies[1].set_rule(|_, _| Some(Fault::Short(512)));
    assert_eq!(write(&*stripe, 0, &[7; 3 * CHUNK]), Status::ok(CHUNK + 512));
    assert_eq!(read(&*stripe, 0, &mut [7; 3 * CHUNK]), Status::ok(CHUNK + 512));
    spies[1].set_rule(|_, _| None);
    spies[0].set_rule(|_, _| Some(Fault::Short(0)));
    assert_eq!(read(&*stripe, 0, &mut [7; 3 * CHUNK]), Status::OK);
}

#[test]
fn an_abort_reaches_every_disk_and_the_message_still_comes_back() {
    let keepers = [0; 2].map(|_| Arc::new(Keeper { size: 2 * CHUNK as u64, ..Keeper::default() }));
    let stripe = stripe(&keepers.clone().map(|keeper| keeper as Arc<dyn Driver>));
    let late = sent(&stripe, write_at(0), Bytes::Source(vec![1; 2 * CHUNK]));
    assert_eq!(keepers.clone().map(|keeper| keeper.count()), [1, 1]);
    keepers[0].next().done(Status::ok(CHUNK));
    assert!(!late.is_back());
    late.abort();
    let message = late.back();
    assert_eq!((message.status(), message.body().op), (Errno::ECANCELED.into(), write_at(0)));
}

#[test]
fn what_it_does_not_have_is_not_supported() {
    let (_, stripe) = three();
    assert_eq!(ask(&*stripe, Op::Statfs, Data::NONE), Errno::EOPNOTSUPP.into());
    let node = driver::Node(3);
    for op in [Op::Read { node, offset: 0 }, Op::Write { node, offset: 0 }, Op::Flush { node }] {
        assert_eq!(ask(&*stripe, op, Data::NONE), Errno::ESTALE.into());
    }
}

#[test]
fn it_is_what_all_its_disks_are() {
    let writable = || ramdisk(CHUNK as u64);
    let read_only: Arc<dyn Driver> =
        Arc::new(driver_ramdisk::Ramdisk::new(CHUNK as u64, 4096, true).unwrap());
    let described = stripe(&[writable(), read_only]).describe();
    assert_eq!((described.class, described.block_size), (Class::Block, 4096));
    assert!(described.features.contains(Features::READ_ONLY | Features::DISCARD));
    assert!(!stripe(&[writable(), writable()]).describe().features.contains(Features::READ_ONLY));
}

#[test]
fn what_cannot_be_a_stripe_is_refused_with_a_reason() {
    let disk = || ramdisk(2 * CHUNK as u64);
    assert!(error(5000, &[disk(), disk()]).contains("chunk = 5000 makes no sense"));
    assert!(error(512, &[disk(), disk()]).contains("4096 or more"));
    assert!(error(1 << 20, &[disk(), disk()]).contains("use a smaller chunk"));
    assert!(error(4096, &[disk()]).contains("two or more"));
    let null: Arc<dyn Driver> = Arc::new(driver_null::Null);
    assert!(error(4096, &[disk(), null]).contains("character driver"));
}
