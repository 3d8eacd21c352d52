//! Waiting on a system with threads: parking.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use agent::{Moment, Wait, Woken};

use crate::{place::clock, reader::step_aside, scope::interrupted};

/// Waits by parking the calling thread. The abort of the request that a thread of a service works
/// on interrupts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Park;

/// The one that drivers are given.
pub static PARK: Park = Park;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// Made once a thread: a wait allocates nothing.
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Looks before a sleep: a reply is often there sooner than a thread could be put to sleep.
const LOOKS: u32 = 100;

impl Wait for Park {
    fn waker(&self) -> Waker {
        WAKER.with(Waker::clone)
    }

    fn park(&self) -> Woken {
        park(thread::park)
    }

    #[inline]
    fn look_again(&self, times: u32) -> bool {
        std::hint::spin_loop();
        times < LOOKS
    }

    fn now(&self) -> Option<Moment> {
        Some(clock())
    }

    fn park_until(&self, moment: Moment) -> Woken {
        park(|| thread::park_timeout(Duration::from_nanos(moment.saturating_sub(clock()))))
    }
}

/// An abort that comes before the sleep, or ends it, is told of.
fn park(sleep: impl FnOnce()) -> Woken {
    step_aside();
    if interrupted() {
        return Woken::Interrupted;
    }
    sleep();
    if interrupted() { Woken::Interrupted } else { Woken::Look }
}
