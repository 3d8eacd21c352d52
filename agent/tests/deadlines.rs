//! Calls with a deadline, on the clock of their wait.

mod common;

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use agent::{
    Call, Data, Errno, Kept, Mailbox, Moment, Outcome, Port, Receiver, Request, Serialized,
    SpinPort, SpinUntil, Status, Wait,
};
use common::{
    Clock, DONE, HOLD, Inline, Keeper, Never, Park, Single, Trail, tower, until, watched,
};

fn ask_until(port: &dyn Port<Trail>, wait: &dyn Wait, moment: Moment) -> Status {
    Call::new(vec![DONE, 1], Data::NONE).run_until(port, wait, moment)
}

#[test]
fn a_call_whose_keeper_obeys_at_the_deadline_is_answered_etimedout() {
    watched(|| {
        let keeper = Keeper::obedient();
        let clock = Clock::at(5);
        assert_eq!(ask_until(&*keeper, &clock, 10), Errno::ETIMEDOUT.into());
        assert_eq!((clock.now(), keeper.aborts.load(Ordering::SeqCst)), (Some(10), 1));
        // It is over already.
        assert_eq!(ask_until(&*tower(2, keeper.clone()), &clock, 3), Errno::ETIMEDOUT.into());
        assert_eq!(keeper.aborts.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_call_past_its_deadline_asks_once_and_still_waits_for_the_reply() {
    watched(|| {
        let keeper = Keeper::new();
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask_until(&*keeper, &Clock::at(0), 10));
            let kept = keeper.next();
            until(|| keeper.aborts.load(Ordering::SeqCst) > 0);
            (0..1000).for_each(|_| thread::yield_now());
            assert!(!asked.is_finished());
            // What it has is better than nothing.
            kept.done(Status::ok(3));
            assert_eq!(asked.join().unwrap(), Status::ok(3));
        });
        assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    });
}

/// Keeps a message, and answers it when its sender looks for the second time.
#[derive(Default)]
struct Second {
    kept: Mutex<Option<Kept<Trail>>>,
    looks: AtomicUsize,
    aborts: AtomicUsize,
}

impl Port<Trail> for Second {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Trail>) {
        *self.kept.lock().unwrap() = Some(kept);
    }

    fn abort(&self, _: agent::MessageId) {
        self.aborts.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls; the clock stands still.
struct Polls<'a>(&'a Second, Errno);

impl Wait for Polls<'_> {
    fn waker(&self) -> std::task::Waker {
        Never.waker()
    }

    fn park(&self) -> agent::Woken {
        Never.park()
    }

    fn look_again(&self, times: u32) -> bool {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        if times == 1 {
            self.0.kept.lock().unwrap().take().expect("kept").done(self.1);
        }
        true
    }

    fn now(&self) -> Option<Moment> {
        Some(9)
    }
}

#[test]
fn a_reply_before_the_deadline_is_the_targets_even_where_it_is_ecanceled() {
    watched(|| {
        for errno in [Errno::ECANCELED, Errno::ENOSPC] {
            let port = Second::default();
            assert_eq!(ask_until(&port, &Polls(&port, errno), 10), errno.into());
            assert_eq!(port.aborts.load(Ordering::SeqCst), 0);
            assert_eq!(port.looks.load(Ordering::SeqCst), 2);
        }
    });
}

#[test]
fn an_inline_result_is_returned_as_it_is_whatever_the_deadline() {
    assert_eq!(ask_until(&*tower(2, Arc::new(Inline)), &Never, 0), Status::ok(4));
    assert_eq!(Call::new(vec![1; 3], Data::NONE).run(&Inline, &Never), Status::ok(3));
}

#[test]
fn without_a_clock_no_deadline_comes() {
    watched(|| {
        let keeper = Keeper::new();
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask_until(&*keeper, &Park, 0));
            let kept = keeper.next();
            (0..1000).for_each(|_| thread::yield_now());
            kept.done(Status::ok(3));
            assert_eq!(asked.join().unwrap(), Status::ok(3));
        });
        assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_polling_wait_with_a_clock_has_deadlines_too() {
    static NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    watched(|| {
        let clock = SpinUntil(|| NOW.fetch_add(1, Ordering::SeqCst));
        assert_eq!(ask_until(&*Keeper::obedient(), &clock, 100), Errno::ETIMEDOUT.into());
        assert_eq!(NOW.load(Ordering::SeqCst), 101);
    });
}

#[test]
fn a_call_that_waits_for_a_busy_driver_is_taken_out_of_the_queue_at_its_deadline() {
    watched(|| {
        let port = Serialized::new(Single::over(Arc::new(Inline)));
        thread::scope(|scope| {
            let holder = scope.spawn(|| Call::new(vec![HOLD], Data::NONE).run(&port, &Park));
            port.inner().wait_held();
            assert_eq!(ask_until(&port, &Clock::at(0), 10), Errno::ETIMEDOUT.into());
            port.inner().let_go();
            assert_eq!(holder.join().unwrap(), Status::OK);
        });
        assert_eq!(port.inner().entries_after_hold(), []);
        assert_eq!(port.stats().cancelled, 1);
    });
}

#[test]
fn a_call_that_waits_at_a_spin_port_is_taken_out_of_the_queue_at_its_deadline() {
    watched(|| {
        let port = SpinPort::new(8);
        assert_eq!(ask_until(&*port, &Clock::at(0), 10), Errno::ETIMEDOUT.into());
        assert!(port.is_empty());
        assert!(port.wait_until(&Clock::at(0), 10).is_none());
    });
}

/// Polls a clock that ticks, as the owner of the mailbox, who looks only after the deadline.
struct Owner<'a>(&'a Receiver<Trail>, Cell<Moment>);

impl Wait for Owner<'_> {
    fn waker(&self) -> std::task::Waker {
        Never.waker()
    }

    fn park(&self) -> agent::Woken {
        Never.park()
    }

    fn look_again(&self, _: u32) -> bool {
        // Not got, and so not completed here.
        if self.1.get() > 10
            && let Some(kept) = self.0.get()
        {
            kept.done(Status::OK);
        }
        true
    }

    fn now(&self) -> Option<Moment> {
        Some(self.1.replace(self.1.get() + 1))
    }
}

#[test]
fn a_call_that_waits_in_a_mailbox_is_answered_when_its_owner_looks_after_the_deadline() {
    watched(|| {
        let (mailbox, receiver) = Mailbox::new(8);
        let status = ask_until(&*mailbox, &Owner(&receiver, Cell::new(5)), 10);
        assert_eq!(status, Errno::ETIMEDOUT.into());
        assert!(receiver.is_empty());
    });
}
