//! Messages under way as futures, without an executor.

mod common;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread,
};

use agent::{Call, Data, Errno, Message, Pending, Serialized, Status};
use common::{
    Bell, Entry, HOLD, Inline, KEEP, Keeper, Park, Single, Target, Trail, block_on, until, watched,
};

fn message() -> Message<Trail> {
    Message::new(Trail::new())
}

fn poll<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&bell.waker()))
}

fn ask(port: &Arc<Keeper>) -> Pending<Trail> {
    message().ask(&(port.clone() as Target))
}

#[test]
fn a_reply_wakes_the_waker_of_the_last_poll_and_no_other() {
    let (keeper, first, second) = (Keeper::new(), Bell::new(), Bell::new());
    let mut pending = ask(&keeper);
    assert!(poll(&mut pending, &first).is_pending());
    assert!(poll(&mut pending, &second).is_pending());
    assert!(poll(&mut pending, &second).is_pending());
    keeper.next().done(Status::ok(3));
    assert_eq!((first.rings(), second.rings()), (0, 1));
    let Poll::Ready(back) = poll(&mut pending, &first) else { panic!("not back") };
    assert_eq!((back.status(), first.rings(), second.rings()), (Status::ok(3), 0, 1));
}

#[test]
fn a_future_that_moves_between_threads_and_wakers_is_woken_where_it_is() {
    watched(|| {
        for _ in 0..if cfg!(miri) { 5 } else { 500 } {
            let keeper = Keeper::new();
            let mut pending = ask(&keeper);
            assert!(poll(&mut pending, &Bell::new()).is_pending());
            thread::scope(|scope| {
                let elsewhere = scope.spawn(|| block_on(pending).status());
                keeper.next().done(Status::ok(4));
                assert_eq!(elsewhere.join().unwrap(), Status::ok(4));
            });
        }
    });
}

#[test]
fn a_future_polled_only_after_the_reply_is_ready_at_once_and_just_once() {
    let (keeper, bell) = (Keeper::new(), Bell::new());
    let mut late = ask(&keeper);
    keeper.next().done(Status::ok(1));
    for pending in [&mut late, &mut message().ask(&(Arc::new(Inline) as Target))] {
        assert!(pending.is_done());
        assert!(poll(pending, &bell).is_ready());
        let again = catch_unwind(AssertUnwindSafe(|| poll(pending, &bell).is_ready()));
        assert!(again.is_err(), "the message was given away already");
    }
    assert_eq!(bell.rings(), 0);
}

#[test]
fn a_future_is_as_well_a_mark_to_look_at() {
    let keeper = Keeper::new();
    let pending = ask(&keeper);
    assert!(!pending.is_done());
    let pending = pending.try_take().err().expect("away");
    // That did not ask for the abort.
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
    keeper.next().done(Status::ok(2));
    assert!(pending.is_done());
    assert_eq!(pending.try_take().ok().expect("back").status(), Status::ok(2));
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
}

#[test]
fn a_future_dropped_after_it_was_polled_wakes_nobody_and_lets_its_port_go() {
    let (keeper, bell) = (Keeper::new(), Bell::new());
    let weak = Arc::downgrade(&keeper);
    let mut pending = ask(&keeper);
    assert!(poll(&mut pending, &bell).is_pending());
    drop(pending);
    let kept = keeper.next();
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    drop(keeper);
    assert!(weak.upgrade().is_some());
    kept.done(Status::OK);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_future_dropped_when_its_message_is_back_asks_for_no_abort() {
    let keeper = Keeper::new();
    let mut taken = ask(&keeper);
    keeper.next().done(Status::OK);
    assert!(poll(&mut taken, &Bell::new()).is_ready());
    drop(taken);
    let back = ask(&keeper);
    keeper.next().done(Status::OK);
    drop(back);
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
}

#[test]
fn dropping_a_future_never_waits_not_even_for_a_busy_driver() {
    watched(|| {
        let port = Arc::new(Serialized::new(Single::over(Arc::new(Inline))));
        let target: Target = port.clone();
        let kept = Message::new(vec![KEEP, 1]).ask(&target);
        thread::scope(|scope| {
            let holder =
                scope.spawn(|| Call::new(vec![HOLD], Data::NONE).run(&*port, &Park).is_ok());
            port.inner().wait_held();
            let waiting = Message::new(vec![KEEP, 2]).ask(&target);
            drop(waiting);
            drop(kept);
            assert_eq!(port.inner().entries_after_hold(), []);
            port.inner().let_go();
            assert!(holder.join().unwrap());
        });
        // The one that was not begun never is; the other one's keeper is asked.
        assert_eq!(port.inner().entries_after_hold(), [Entry::Abort]);
    });
}

#[test]
fn replies_and_drops_at_once_free_every_message() {
    watched(|| {
        for _ in 0..if cfg!(miri) { 5 } else { 500 } {
            let keeper = Keeper::obedient();
            let weak = Arc::downgrade(&keeper);
            let mut pending = ask(&keeper);
            let _ = poll(&mut pending, &Bell::new());
            let kept = keeper.next();
            drop(keeper);
            thread::scope(|scope| {
                scope.spawn(|| drop(pending));
                kept.done(Status::OK);
            });
            until(|| weak.upgrade().is_none());
        }
    });
}

/// A timer that somebody sets off by hand; not to be polled once it has gone off.
struct Timer {
    off: Arc<AtomicBool>,
    over: bool,
}

impl Timer {
    fn new() -> (Timer, Arc<AtomicBool>) {
        let off = Arc::new(AtomicBool::new(false));
        (Timer { off: off.clone(), over: false }, off)
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.over, "polled after it had gone off");
        self.over = self.off.load(Ordering::SeqCst);
        if self.over { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_timer_that_goes_off_asks_for_the_abort_once_and_the_message_still_comes() {
    let (keeper, bell, (timer, off)) = (Keeper::new(), Bell::new(), Timer::new());
    let mut pending = ask(&keeper).abort_after(timer);
    assert!(poll(&mut pending, &bell).is_pending());
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
    off.store(true, Ordering::SeqCst);
    (0..3).for_each(|_| assert!(poll(&mut pending, &bell).is_pending()));
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    keeper.next().done(Status::ok(6));
    assert_eq!(bell.rings(), 1);
    let Poll::Ready(back) = poll(&mut pending, &bell) else { panic!("not back") };
    assert_eq!(back.status(), Status::ok(6));
}

#[test]
fn a_keeper_that_obeys_makes_the_timers_poll_the_last() {
    let (keeper, (timer, off)) = (Keeper::obedient(), Timer::new());
    let mut pending = ask(&keeper).abort_after(timer);
    off.store(true, Ordering::SeqCst);
    let Poll::Ready(back) = poll(&mut pending, &Bell::new()) else { panic!("not back") };
    assert_eq!(back.status(), Errno::ECANCELED.into());
}

#[test]
fn a_timer_that_goes_off_after_the_reply_changes_nothing() {
    let (keeper, (timer, off)) = (Keeper::new(), Timer::new());
    let mut pending = ask(&keeper).abort_after(timer);
    keeper.next().done(Status::ok(7));
    off.store(true, Ordering::SeqCst);
    let Poll::Ready(back) = poll(&mut pending, &Bell::new()) else { panic!("not back") };
    assert_eq!((back.status(), keeper.aborts.load(Ordering::SeqCst)), (Status::ok(7), 0));
}
