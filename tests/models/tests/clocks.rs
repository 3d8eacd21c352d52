//! The deadlines of a service: who sleeps until the next one. Its file, over loom's types.
#![cfg(loom)]

#[path = "../../../scheme/service/src/port/clock.rs"]
mod clock;

use std::{sync::Arc, time::Duration};

use clock::{Clock, Expire};
use loom::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};
use models::{model, sync};

/// Something that ends once.
struct Opening(AtomicUsize);

impl Opening {
    fn new() -> Arc<Opening> {
        Arc::new(Opening(AtomicUsize::new(0)))
    }

    fn wait(&self) {
        while self.0.load(SeqCst) == 0 {
            thread::yield_now();
        }
    }
}

impl Expire for Opening {
    fn expire(&self) {
        assert_eq!(self.0.fetch_add(1, SeqCst), 0, "twice");
    }
}

fn clock(limit: Duration) -> Clock<Opening> {
    let clock = Clock::new();
    clock.set_limit(limit);
    clock
}

#[test]
fn what_is_due_is_ended_by_the_clock_s_thread() {
    model(3, || {
        let clock = clock(Duration::ZERO);
        let (first, second) = (Opening::new(), Opening::new());
        clock.watch(&first).unwrap();
        first.wait();
        // The thread looks for the next one, or sleeps.
        clock.watch(&second).unwrap();
        second.wait();
    });
}

#[test]
fn what_is_over_before_is_not_ended() {
    model(3, || {
        let clock = clock(Duration::ZERO);
        let (over, due) = (Opening::new(), Opening::new());
        clock.watch(&over).unwrap();
        drop(over);
        clock.watch(&due).unwrap();
        due.wait();
    });
}

#[test]
fn a_clock_that_goes_ends_its_thread() {
    for limit in [Duration::ZERO, Duration::MAX] {
        model(3, move || {
            let clock = clock(limit);
            let opening = Opening::new();
            clock.watch(&opening).unwrap();
            drop(clock);
            assert!(limit.is_zero() || opening.0.load(SeqCst) == 0);
        });
    }
}
