//! Byte-range locks at a port of the daemon's: who has what, and what becomes of it when an owner
//! goes.
#![cfg(not(target_os = "redox"))]

mod common;
#[path = "ports/talk.rs"]
mod talk;

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use agent::{Call, Data, Errno, SchemeAgent, Spin};
use client::{Conflict, Event, LockOp, LockReply, Locks, Mode, Outgoing, Port, SendRight, Token};
use driver_rangelock::{LockBody, Owner};
use host::Process;
use libredox::{errno::*, flag::*};
use service::{Bound, Limits};

use common::{World, list, open};
use talk::{message, replies, reply};

const PATH: &str = "/scheme/port/locks";
const SHARED: Mode = Mode::Shared;
const EXCLUSIVE: Mode = Mode::Exclusive;

const LOCKS: &str = "[[driver]]\nname = \"locks\"\nkind = \"rangelock\"\n\
                     [[driver]]\nname = \"null\"\nkind = \"null\"\n";

fn world() -> World {
    World::serving(LOCKS)
}

fn owner() -> Locks {
    Locks::open(PATH).unwrap()
}

/// Sends a lock of bytes of object 1 that is waited for.
fn send(right: &SendRight, id: u64, (start, end): (u64, u64), mode: Mode) {
    let op = LockOp::Lock { object: 1, start, end, mode, wait: true };
    let (code, data) = Locks::asks(op).unwrap();
    let words = [code.into(), 0, 0];
    right.send_one(Outgoing { id, words, data: &data, room: 48, ..Outgoing::default() }).unwrap();
}

/// Waits until somebody waits for a range that is locked by readers only.
fn until_waited_for(object: u64, start: u64, end: u64) {
    let other = owner();
    while other.try_lock(object, start..end, SHARED).is_ok() {
        other.unlock(object, start..end).unwrap();
        std::thread::yield_now();
    }
}

/// Waits for a lock in a process of its own.
fn waits(process: &Process, object: u64, mode: Mode) -> JoinHandle<Result<Token, Errno>> {
    process.spawn(move || Locks::open(PATH)?.lock(object, 0..10, mode))
}

#[test]
fn what_one_has_others_are_told_of_and_have_when_it_is_given_back() {
    world().root(|| {
        let (one, other) = (owner(), owner());
        let token = one.lock(1, 0..100, EXCLUSIVE).unwrap();
        assert_eq!(other.try_lock(1, 99..200, SHARED), Err(Errno::EAGAIN));
        other.lock(2, 0..100, EXCLUSIVE).unwrap();
        let in_the_way = other.test(1, 50..60, SHARED).unwrap();
        let Some(Conflict { start: 0, end: 100, mode: EXCLUSIVE, .. }) = in_the_way else {
            panic!("{in_the_way:?}")
        };
        assert_eq!(one.test(1, 50..60, SHARED), Ok(None));
        assert_eq!(other.check(token, 1, 50..60, EXCLUSIVE), Ok(()));
        one.unlock(1, 0..50).unwrap();
        assert_eq!(other.check(token, 1, 50..60, EXCLUSIVE), Err(Errno::ESTALE));
        other.try_lock(1, 0..50, SHARED).unwrap();
        one.release().unwrap();
        other.try_lock(1, 0..u64::MAX, EXCLUSIVE).unwrap();
        assert_eq!(one.lock(1, 7..7, SHARED), Err(Errno::EINVAL));
    });
}

#[test]
fn a_lock_is_waited_for_and_the_wait_ends_as_it_is_told() {
    let world = world();
    let holder = world.process(7, 7);
    let locks = holder.enter(|| {
        let locks = owner();
        locks.lock(1, 0..10, SHARED).unwrap();
        locks
    });
    let waiter = world.process(8, 8);
    let waiting = waits(&waiter, 1, EXCLUSIVE);
    holder.enter(|| {
        until_waited_for(1, 0, 10);
        locks.unlock(1, 0..10).unwrap();
    });
    assert!(waiting.join().unwrap().is_ok());
    holder.enter(|| {
        locks.lock(1, 0..10, SHARED).unwrap();
        let other = owner();
        let soon = Instant::now() + Duration::from_millis(1);
        assert_eq!(other.lock_until(soon, 1, 0..10, EXCLUSIVE), Err(Errno::ETIMEDOUT));
        other.try_lock(1, 0..10, SHARED).unwrap();
        other.unlock(1, 0..10).unwrap();
    });
    // A signal.
    let waiting = waits(&waiter, 1, EXCLUSIVE);
    holder.enter(|| until_waited_for(1, 0, 10));
    assert!(waiter.interrupt() > 0);
    assert_eq!(waiting.join().unwrap(), Err(Errno::EINTR));
    holder.enter(|| owner().try_lock(1, 0..10, SHARED).unwrap());
    holder.enter(|| drop(locks));
}

#[test]
fn two_that_would_wait_for_each_other_are_told() {
    let world = world();
    let (one, other) = (world.process(7, 7), world.process(8, 8));
    let first = one.enter(|| {
        let first = owner();
        first.lock(1, 0..10, SHARED).unwrap();
        first
    });
    let waiting = other.spawn(|| {
        let second = owner();
        second.lock(2, 0..10, EXCLUSIVE).unwrap();
        let waited = second.lock(1, 0..10, EXCLUSIVE);
        (second, waited)
    });
    one.enter(|| {
        until_waited_for(1, 0, 10);
        assert_eq!(first.lock(2, 5..6, SHARED), Err(Errno::EDEADLK));
        assert_eq!(first.try_lock(2, 5..6, SHARED), Err(Errno::EAGAIN));
        first.release().unwrap();
    });
    let (second, waited) = waiting.join().unwrap();
    assert!(waited.is_ok());
    other.enter(|| drop(second));
}

#[test]
fn a_killed_owner_s_locks_are_others_and_its_waits_are_over() {
    let world = world();
    let killed = world.process(7, 7);
    let held = killed.enter(|| {
        let held = owner();
        held.lock(1, 0..10, EXCLUSIVE).unwrap();
        held.lock(2, 0..10, SHARED).unwrap();
        held
    });
    let client = world.process(8, 8);
    let kept = client.enter(|| {
        let kept = owner();
        kept.lock(3, 0..10, SHARED).unwrap();
        kept
    });
    // A thread of the one that will be killed waits, and another process waits for it.
    let its_wait = waits(&killed, 3, EXCLUSIVE);
    client.enter(|| until_waited_for(3, 0, 10));
    let waiting = waits(&client, 1, EXCLUSIVE);
    killed.kill();
    assert!(waiting.join().unwrap().is_ok());
    assert!(its_wait.join().unwrap().is_err());
    world.client(9, 9, || {
        let next = owner();
        next.lock(2, 0..10, EXCLUSIVE).unwrap();
        next.lock(3, 0..10, SHARED).unwrap();
    });
    std::mem::forget(held);
    client.enter(|| drop(kept));
}

#[test]
fn what_was_sent_is_answered_aborted_and_over_with_the_right() {
    world().root(|| {
        let (one, other) = (owner(), owner());
        one.lock(1, 0..10, SHARED).unwrap();
        let right = other.right();
        send(right, 1, (0, 10), EXCLUSIVE);
        send(right, 2, (20, 30), EXCLUSIVE);
        let got = reply(right);
        assert_eq!((got.id, got.status, got.data.len()), (2, Ok(0), 48));
        assert!(matches!(Locks::answered(&got.data), Ok(LockReply::Granted(_))));
        assert_eq!(right.abort(1), Ok(1));
        let got = reply(right);
        assert_eq!((got.id, got.status, got.data), (1, Err(Errno::ECANCELED), vec![]));
        // A lock that is held, and a wait: both go with the right.
        send(right, 3, (0, 10), EXCLUSIVE);
        assert_eq!(one.try_lock(1, 25..26, SHARED), Err(Errno::EAGAIN));
        assert_eq!(owner().try_lock(1, 0..10, SHARED), Err(Errno::EAGAIN), "it waits its turn");
        drop(other);
        owner().try_lock(1, 0..10, SHARED).unwrap();
        one.try_lock(1, 25..26, SHARED).unwrap();
    });
}

#[test]
fn a_child_s_copy_of_the_descriptor_keeps_the_locks_and_a_right_of_its_own_has_none() {
    let world = world();
    let (parent, child) = (world.process(7, 7), world.process(7, 7));
    let locks = parent.enter(|| {
        let locks = owner();
        locks.lock(1, 0..10, EXCLUSIVE).unwrap();
        locks
    });
    let copy = child.inherit(&parent, locks.right().fd().raw()).unwrap();
    parent.kill();
    std::mem::forget(locks);
    child.enter(|| {
        let locks = Locks::new(SendRight::new(libredox::Fd::new(copy)));
        let own = Locks::new(locks.right().another().unwrap());
        assert_eq!(own.try_lock(1, 0..10, SHARED), Err(Errno::EAGAIN));
        locks.lock(1, 5..20, EXCLUSIVE).unwrap();
        drop(locks);
        own.try_lock(1, 0..20, EXCLUSIVE).unwrap();
    });
}

#[test]
fn a_driver_s_agent_asks_as_well() {
    world().root(|| {
        let agent = SchemeAgent::<LockBody>::connect(PATH).unwrap();
        let op = LockOp::Lock { object: 1, start: 0, end: 1, mode: EXCLUSIVE, wait: true };
        let mut call = Call::new(LockBody::new(op, Owner::default()), Data::NONE);
        assert!(call.run(&agent, &Spin).is_ok());
        assert!(matches!(call.body().reply, LockReply::Granted(_)));
        assert_eq!(owner().try_lock(1, 0..1, SHARED), Err(Errno::EAGAIN));
    });
}

#[test]
fn what_is_no_question_is_refused() {
    world().root(|| {
        let right = SendRight::open(PATH).unwrap();
        let (code, parcel) = Locks::asks(LockOp::Unlock { object: 1, start: 0, end: 1 }).unwrap();
        let call = |code: u16, argument, mut data: Vec<u8>| right.call(code, argument, &mut data);
        assert_eq!(call(code, 0, parcel.clone()), Ok(0));
        assert_eq!(call(99, 0, parcel.clone()), Err(Errno::ENOSYS));
        assert_eq!(call(code, 1, parcel.clone()), Err(Errno::EPROTO));
        assert_eq!(call(code, 0, vec![]), Err(Errno::EPROTO));
        assert_eq!(call(code, 0, vec![0; 49]), Err(Errno::EPROTO));
        let mut odd = parcel.clone();
        odd[24] = 2;
        assert_eq!(call(code, 0, odd), Err(Errno::EPROTO), "a mode that there is none of");
        let words = [code.into(), 0, 0];
        let no_room = Outgoing { id: 1, words, data: &parcel, room: 47, ..Outgoing::default() };
        right.send_one(no_room).unwrap();
        assert_eq!(reply(&right).status, Err(Errno::EMSGSIZE));
    });
}

#[test]
fn locks_are_asked_for_by_their_owner_and_not_passed_on() {
    world().root(|| {
        let mut port = Port::create("/scheme/port/user/0/proxy", 0o600).unwrap();
        let (own, right) = (owner(), SendRight::open("/scheme/port/user/0/proxy").unwrap());
        send(&right, 1, (0, 10), EXCLUSIVE);
        message(&mut port).forward(own.right()).unwrap();
        assert_eq!(reply(&right).status, Err(Errno::EOPNOTSUPP));
        owner().try_lock(1, 0..10, EXCLUSIVE).unwrap();
        // A receiver that asks while it serves does not wait for itself.
        let (code, data) = Locks::asks(LockOp::Unlock { object: 1, start: 0, end: 1 }).unwrap();
        right.send_one(Outgoing { id: 2, ..Outgoing::default() }).unwrap();
        let Ok(Event::Message(served)) = port.receive() else { panic!("a message") };
        assert_eq!(served.call(own.right(), code, 0, &mut data.clone()), Ok(0));
    });
}

#[test]
fn the_name_is_the_configuration_s() {
    let world = world();
    world.root(|| {
        assert_eq!(list("/scheme/port").unwrap(), ["locks", "null"]);
        assert_eq!(Port::create(PATH, 0o600).err(), Some(Errno::EEXIST));
        assert_eq!(host::sys::unlink(PATH).map_err(|error| error.errno), Err(EACCES));
        assert_eq!(open(&format!("{PATH}/x"), O_RDWR, 0).err(), Some(ENOTDIR));
        let stat = open(PATH, O_RDONLY, 0).unwrap().stat().unwrap();
        assert_eq!((stat.st_mode & 0o7777, stat.st_uid), (0o666, 0));
    });
    world.client(7, 7, || {
        let right = Locks::new(SendRight::new(open(PATH, O_RDONLY, 0).unwrap()));
        assert_eq!(right.lock(1, 0..1, SHARED), Err(Errno::EACCES), "it may look only");
        owner().lock(1, 0..1, SHARED).unwrap();
    });
}

#[test]
fn what_one_user_has_is_limited_and_others_go_on() {
    let mut world = World::new();
    let started = world.start("port", || {
        let service = portd::serve("port", LOCKS).map_err(|error| error.to_string())?;
        let messages = Bound { of_user: 512 << 10, of_all: 16 << 20 };
        service.set_limits(Limits { messages, ..Limits::default() });
        Ok(service)
    });
    started.unwrap();
    let greedy = world.process(7, 7);
    let all = greedy.enter(|| {
        let first = owner();
        let lock = |at: &u64| first.lock(1, at * 2..at * 2 + 1, SHARED);
        assert_eq!((0..2000).take_while(|at| lock(at).is_ok()).count(), 1024, "an owner's");
        assert_eq!(lock(&3000), Err(Errno::ENOLCK));
        let mut all = vec![first];
        let mut fill = |object: u64| {
            let next = owner();
            let full = (0..1024).any(|at| next.lock(object, at * 2..at * 2 + 1, SHARED).is_err());
            all.push(next);
            full
        };
        let full = (2..80).find(|object| fill(*object));
        assert_eq!(full, Some(2), "512 KiB of them");
        all
    });
    world.client(8, 8, || owner().lock(1, 9999..10_000, EXCLUSIVE).unwrap());
    greedy.enter(|| {
        drop(all);
        owner().lock(1, 0..1, SHARED).unwrap();
    });
}

#[test]
fn what_one_user_waits_for_is_limited_and_others_go_on() {
    let world = world();
    let (greedy, client) = (world.process(7, 7), world.process(8, 8));
    let (one, other) = greedy.enter(|| {
        let (one, other) = (owner(), owner());
        one.lock(1, 0..10, EXCLUSIVE).unwrap();
        (0..200).for_each(|id| send(other.right(), id, (0, 10), SHARED));
        let refused = replies(other.right()).unwrap();
        assert_eq!(refused.len(), 200 - 128);
        assert!(refused.iter().all(|got| got.status == Err(Errno::ENOLCK)));
        (one, other)
    });
    let third = client.enter(|| {
        let third = owner();
        send(third.right(), 1, (0, 10), EXCLUSIVE);
        third
    });
    greedy.enter(|| {
        drop(one);
        assert!(replies(other.right()).unwrap().iter().all(|got| got.status == Ok(0)));
        drop(other);
    });
    client.enter(|| {
        assert_eq!(reply(third.right()).status, Ok(0));
        drop(third);
    });
}
