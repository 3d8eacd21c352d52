//! Byte-range locks: who has what, who waits, and how each wait ends.

mod against_model;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use agent::{Call, Cross, Data, Errno, Message, Pending, Port, Serialized, Spin, Status, Words};
use driver_rangelock::{Conflict, LockBody, LockOp, LockReply, Mode, Owner, RangeLocks, Token};

pub(crate) const SHARED: Mode = Mode::Shared;
pub(crate) const EXCLUSIVE: Mode = Mode::Exclusive;

pub(crate) struct Service {
    pub(crate) locks: Arc<RangeLocks>,
    port: Arc<dyn Port<LockBody>>,
}

/// A lock that may be waited for.
pub(crate) struct Wait(Pin<Box<Pending<LockBody>>>);

impl Wait {
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_done()
    }

    pub(crate) fn abort(&self) {
        self.0.abort();
    }

    pub(crate) fn end(mut self) -> Result<Token, Errno> {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(message) = pin!(&mut self.0).as_mut().poll(&mut context) else {
            panic!("it waits still")
        };
        match (message.status().result(), message.body().reply) {
            (Ok(_), LockReply::Granted(token)) => Ok(token),
            (Ok(_), other) => panic!("{other:?}"),
            (Err(errno), _) => Err(errno),
        }
    }
}

impl Service {
    pub(crate) fn new() -> Service {
        let locks = Arc::new(RangeLocks::new());
        Service { port: Arc::clone(&locks) as _, locks }
    }

    pub(crate) fn ask(&self, owner: u64, op: LockOp) -> (Status, LockReply) {
        let mut call = Call::new(LockBody::new(op, Owner(owner)), Data::NONE);
        let status = call.run(&*self.port, &Spin);
        (status, call.body().reply)
    }

    /// Locks bytes of object 1 without waiting.
    pub(crate) fn lock(
        &self,
        owner: u64,
        start: u64,
        end: u64,
        mode: Mode,
    ) -> Result<Token, Errno> {
        let op = LockOp::Lock { object: 1, start, end, mode, wait: false };
        match self.ask(owner, op) {
            (_, LockReply::Granted(token)) => Ok(token),
            (status, _) => Err(status.result().unwrap_err()),
        }
    }

    pub(crate) fn wait_on(&self, owner: u64, op: LockOp) -> Wait {
        Wait(Box::pin(Message::new(LockBody::new(op, Owner(owner))).ask(&self.port)))
    }

    /// Locks bytes of object 1, and waits for them.
    pub(crate) fn wait(&self, owner: u64, start: u64, end: u64, mode: Mode) -> Wait {
        self.wait_on(owner, LockOp::Lock { object: 1, start, end, mode, wait: true })
    }

    pub(crate) fn unlock(&self, owner: u64, start: u64, end: u64) {
        assert_eq!(self.ask(owner, LockOp::Unlock { object: 1, start, end }).0, Status::OK);
    }
}

#[test]
fn shared_locks_are_shared_and_exclusive_ones_are_not() {
    let service = Service::new();
    assert!(service.lock(1, 0, 10, SHARED).is_ok());
    assert!(service.lock(2, 5, 15, SHARED).is_ok());
    assert_eq!(service.lock(3, 9, 10, EXCLUSIVE), Err(Errno::EAGAIN));
    assert!(service.lock(3, 15, u64::MAX, EXCLUSIVE).is_ok());
    assert_eq!(service.lock(1, 100, 101, SHARED), Err(Errno::EAGAIN));
    let elsewhere = LockOp::Lock { object: 2, start: 0, end: 9, mode: EXCLUSIVE, wait: false };
    assert_eq!(service.ask(3, elsewhere).0, Status::OK, "another object's bytes are others");
    assert_eq!(service.locks.counts(), (4, 0));
}

#[test]
fn a_lock_that_can_be_had_completes_inline() {
    let service = Service::new();
    let wait = service.wait(1, 0, 10, EXCLUSIVE);
    assert!(wait.is_over() && wait.end().is_ok());
}

#[test]
fn an_owner_changes_and_splits_its_own() {
    let service = Service::new();
    service.lock(1, 0, 30, EXCLUSIVE).unwrap();
    service.lock(1, 10, 20, SHARED).unwrap();
    assert_eq!(service.locks.counts(), (3, 0));
    assert!(service.lock(2, 10, 20, SHARED).is_ok());
    assert_eq!(service.lock(2, 9, 10, SHARED), Err(Errno::EAGAIN));
    service.unlock(1, 25, 28);
    assert!(service.lock(2, 25, 28, EXCLUSIVE).is_ok());
    assert_eq!(service.lock(2, 24, 28, EXCLUSIVE), Err(Errno::EAGAIN));
}

#[test]
fn who_is_in_the_way_can_be_asked() {
    let service = Service::new();
    let test = |mode| LockOp::Test { object: 1, start: 5, end: 50, mode };
    assert_eq!(service.ask(2, test(EXCLUSIVE)).1, LockReply::Free);
    service.lock(1, 0, 10, SHARED).unwrap();
    assert_eq!(service.ask(2, test(SHARED)).1, LockReply::Free);
    let held = Conflict { owner: Owner(1), start: 0, end: 10, mode: SHARED };
    assert_eq!(service.ask(2, test(EXCLUSIVE)).1, LockReply::Held(held));
    assert_eq!(service.ask(1, test(EXCLUSIVE)).1, LockReply::Free, "one's own is not in the way");
}

#[test]
fn a_wait_ends_when_the_range_is_given_back() {
    let service = Service::new();
    service.lock(1, 0, 10, EXCLUSIVE).unwrap();
    let wait = service.wait(2, 5, 15, EXCLUSIVE);
    service.unlock(1, 0, 5);
    assert!(!wait.is_over());
    service.unlock(1, 5, 10);
    assert!(wait.end().is_ok());
}

#[test]
fn a_lesser_mode_lets_others_in() {
    let service = Service::new();
    service.lock(1, 0, 10, EXCLUSIVE).unwrap();
    let wait = service.wait(2, 0, 10, SHARED);
    service.lock(1, 0, 10, SHARED).unwrap();
    assert!(wait.end().is_ok());
}

#[test]
fn who_waits_is_not_overtaken_by_who_comes_later() {
    let service = Service::new();
    service.lock(1, 0, 10, SHARED).unwrap();
    let writer = service.wait(2, 0, 10, EXCLUSIVE);
    assert_eq!(service.lock(3, 0, 10, SHARED), Err(Errno::EAGAIN), "else the writer starves");
    let reader = service.wait(3, 0, 10, SHARED);
    assert!(service.lock(4, 10, 20, EXCLUSIVE).is_ok(), "nobody waits for that");
    service.unlock(1, 0, 10);
    assert!(writer.is_over() && !reader.is_over());
    writer.end().unwrap();
    service.unlock(2, 0, 10);
    assert!(reader.end().is_ok());
}

#[test]
fn who_has_some_of_it_need_not_stand_in_line() {
    let service = Service::new();
    service.lock(1, 0, 10, SHARED).unwrap();
    let writer = service.wait(2, 0, 10, EXCLUSIVE);
    assert!(service.lock(1, 0, 10, EXCLUSIVE).is_ok(), "the line waits for this very owner");
    assert!(!writer.is_over());
    service.unlock(1, 0, 10);
    assert!(writer.end().is_ok());
}

#[test]
fn a_wait_that_would_close_a_circle_is_answered_edeadlk() {
    let service = Service::new();
    for owner in 1..4 {
        service.lock(owner, owner * 10, owner * 10 + 10, EXCLUSIVE).unwrap();
    }
    let first = service.wait(1, 20, 30, EXCLUSIVE);
    let second = service.wait(2, 30, 40, SHARED);
    assert_eq!(service.wait(3, 10, 11, SHARED).end(), Err(Errno::EDEADLK));
    let op = LockOp::Lock { object: 1, start: 10, end: 11, mode: SHARED, wait: false };
    assert_eq!(service.ask(3, op).0, Errno::EAGAIN.into(), "who does not wait closes nothing");
    service.unlock(3, 30, 40);
    assert!(second.end().is_ok());
    service.unlock(2, 20, 30);
    assert!(first.end().is_ok());
}

#[test]
fn two_that_share_and_both_want_it_alone_are_a_deadlock() {
    let service = Service::new();
    service.lock(1, 0, 10, SHARED).unwrap();
    service.lock(2, 0, 10, SHARED).unwrap();
    let first = service.wait(1, 0, 10, EXCLUSIVE);
    assert_eq!(service.wait(2, 0, 10, EXCLUSIVE).end(), Err(Errno::EDEADLK));
    service.unlock(2, 0, 10);
    assert!(first.end().is_ok());
}

#[test]
fn a_circle_across_objects_is_found() {
    let service = Service::new();
    let lock = |object| LockOp::Lock { object, start: 0, end: 1, mode: EXCLUSIVE, wait: true };
    service.wait_on(1, lock(1)).end().unwrap();
    service.wait_on(2, lock(2)).end().unwrap();
    let wait = service.wait_on(1, lock(2));
    assert_eq!(service.wait_on(2, lock(1)).end(), Err(Errno::EDEADLK));
    service.locks.release(Owner(2));
    assert!(wait.end().is_ok());
}

#[test]
fn an_abort_ends_a_wait_and_lets_those_behind_it_in() {
    let service = Service::new();
    service.lock(1, 0, 10, SHARED).unwrap();
    let writer = service.wait(2, 0, 10, EXCLUSIVE);
    let reader = service.wait(3, 0, 10, SHARED);
    writer.abort();
    assert_eq!(writer.end(), Err(Errno::ECANCELED));
    assert!(reader.end().is_ok());
    assert_eq!(service.locks.counts(), (2, 0));
}

#[test]
fn the_death_of_an_owner_ends_its_waits_and_gives_its_locks_back() {
    let service = Service::new();
    service.lock(1, 0, 10, EXCLUSIVE).unwrap();
    service.lock(2, 10, 20, EXCLUSIVE).unwrap();
    let (own, others) = (service.wait(1, 10, 20, SHARED), service.wait(3, 0, 10, SHARED));
    service.locks.release(Owner(1));
    assert_eq!(own.end(), Err(Errno::ECANCELED));
    assert!(others.end().is_ok());
    assert_eq!(service.ask(2, LockOp::Release).0, Status::OK);
    assert_eq!(service.locks.counts(), (1, 0));
}

#[test]
fn a_token_stands_for_its_lock_as_long_as_that_is_held() {
    let service = Service::new();
    let token = service.lock(1, 10, 20, EXCLUSIVE).unwrap();
    let check = |token, start, end, mode| {
        let op = LockOp::Check { token, object: 1, start, end, mode };
        service.ask(9, op).0.result()
    };
    assert_eq!(check(token, 10, 20, EXCLUSIVE), Ok(0));
    assert_eq!(check(token, 12, 15, SHARED), Ok(0));
    assert_eq!(check(token, 9, 15, SHARED), Err(Errno::ESTALE));
    assert_eq!(check(Token(77), 12, 15, SHARED), Err(Errno::ESTALE));
    let shared = service.lock(1, 12, 13, SHARED).unwrap();
    assert_eq!(check(token, 15, 16, EXCLUSIVE), Err(Errno::ESTALE), "it is no longer as granted");
    assert_eq!(check(shared, 12, 13, SHARED), Ok(0));
    assert_eq!(check(shared, 12, 13, EXCLUSIVE), Err(Errno::ESTALE));
    service.unlock(1, 0, 100);
    assert_eq!(check(shared, 12, 13, SHARED), Err(Errno::ESTALE));
}

#[test]
fn a_failed_service_lets_go_of_what_waits() {
    let service = Service::new();
    service.lock(1, 0, 10, EXCLUSIVE).unwrap();
    let wait = service.wait(2, 0, 10, EXCLUSIVE);
    service.locks.fail();
    assert!(wait.end().is_err());
}

#[test]
fn an_owner_has_so_many_locks_and_no_more_whichever_way_they_come() {
    let service = Service::new();
    let mut last = Ok(Token(0));
    for at in 0..2000 {
        last = service.lock(1, 2 * at, 2 * at + 1, SHARED);
        if last.is_err() {
            break;
        }
    }
    assert_eq!(last, Err(Errno::ENOLCK));
    assert_eq!(service.locks.counts(), (1024, 0));
    assert!(service.lock(2, 0, 1, SHARED).is_ok(), "another has its own");
    service.locks.release(Owner(1));
    service.lock(1, 0, 10_000, SHARED).unwrap();
    let unlock = |at| service.ask(1, LockOp::Unlock { object: 1, start: at, end: at + 1 }).0;
    let split = (1..3000).step_by(2).find(|at| unlock(*at) != Status::OK).unwrap();
    assert_eq!(unlock(split), Errno::ENOLCK.into());
    service.unlock(1, 0, 5);
    assert_eq!(unlock(split), Status::OK, "there is room again");
}

#[test]
fn the_same_lock_again_is_the_same_grant() {
    let service = Service::new();
    let first = service.lock(1, 0, 10, SHARED).unwrap();
    assert!((0..5000).all(|_| service.lock(1, 0, 10, SHARED) == Ok(first)));
}

#[test]
fn so_many_wait_and_no_more() {
    let service = Service::new();
    service.lock(1, 0, 10, EXCLUSIVE).unwrap();
    let waits: Vec<_> = (2..1026).map(|owner| service.wait(owner, 0, 10, SHARED)).collect();
    assert_eq!(service.wait(5000, 0, 10, SHARED).end(), Err(Errno::ENOLCK));
    service.unlock(1, 0, 10);
    assert!(waits.into_iter().all(|wait| wait.end().is_ok()));
}

#[test]
fn empty_ranges_are_refused() {
    let service = Service::new();
    for (start, end) in [(5, 5), (6, 5)] {
        assert_eq!(service.lock(1, start, end, SHARED), Err(Errno::EINVAL));
        let op = LockOp::Unlock { object: 1, start, end };
        assert_eq!(service.ask(1, op).0, Errno::EINVAL.into());
        let op = LockOp::Test { object: 1, start, end, mode: SHARED };
        assert_eq!(service.ask(1, op).0, Errno::EINVAL.into());
    }
}

#[test]
fn threads_that_wait_for_one_another_all_get_their_turn() {
    let locks: Arc<dyn Port<LockBody>> = Arc::new(Serialized::new(RangeLocks::new()));
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for owner in 1..5 {
            let (locks, inside) = (&locks, &inside);
            scope.spawn(move || {
                for _ in 0..200 {
                    let ask = |op| {
                        let body = LockBody::new(op, Owner(owner));
                        Call::new(body, Data::NONE).run(&**locks, &Spin)
                    };
                    let (object, start, end) = (1, 0, 10);
                    let mode = EXCLUSIVE;
                    let lock = LockOp::Lock { object, start, end, mode, wait: true };
                    assert_eq!(ask(lock), Status::OK);
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    assert_eq!(ask(LockOp::Unlock { object, start, end }), Status::OK);
                }
            });
        }
    });
}

#[test]
fn every_request_and_reply_crosses_and_is_the_same() {
    let (object, start, end, mode) = (1 << 40, 7, u64::MAX, EXCLUSIVE);
    let token = Token(99);
    for op in [
        LockOp::Lock { object, start, end, mode, wait: true },
        LockOp::Lock { object, start, end, mode: SHARED, wait: false },
        LockOp::Unlock { object, start, end },
        LockOp::Test { object, start, end, mode },
        LockOp::Check { token, object, start, end, mode },
        LockOp::Release,
    ] {
        let body = LockBody::new(op, Owner(3));
        let mut parcel = Vec::new();
        body.pack([None; 2], &mut parcel).unwrap();
        let words = Words::decode(body.words().unwrap().0.encode());
        assert_eq!(LockBody::unpack(&words, &parcel, Owner(3)), Ok(body));
        assert_eq!(LockBody::unpack(&words, &parcel[1..], Owner(3)), Err(Errno::EPROTO));
    }
    let held = Conflict { owner: Owner(4), start, end, mode };
    for reply in
        [LockReply::Nothing, LockReply::Granted(token), LockReply::Free, LockReply::Held(held)]
    {
        let sent = LockBody { reply, ..LockBody::new(LockOp::Release, Owner(3)) };
        let mut got = LockBody::new(LockOp::Release, Owner(3));
        got.unpack_reply(Status::OK, &sent.encode_reply()).unwrap();
        assert_eq!(got.reply, reply);
    }
    let odd = Words { op: 77, ..Words::default() };
    assert_eq!(LockBody::unpack(&odd, &[0; 48], Owner(1)), Err(Errno::ENOSYS));
    let lock = Words { op: 1, ..Words::default() };
    assert_eq!(LockBody::unpack(&lock, &[2; 48], Owner(1)), Err(Errno::EPROTO));
}
