//! Ways of waiting, of the calling thread.

use std::{
    hint::spin_loop,
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
};

use agent::{Wait, Woken};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local!(static WAKER: Waker = Arc::new(Unpark(thread::current())).into());

/// A way of waiting that an end of a link has.
pub(crate) trait Waits: Default + Wait + 'static {}

/// Sleeps at once.
#[derive(Default)]
pub(crate) struct Park;

impl Wait for Park {
    fn waker(&self) -> Waker {
        WAKER.with(Waker::clone)
    }

    fn park(&self) -> Woken {
        thread::park();
        Woken::Look
    }
}

impl Waits for Park {}

/// Looks again a number of times, then sleeps.
#[derive(Default)]
pub(crate) struct Adaptive;

const LOOKS: u32 = 200;

impl Wait for Adaptive {
    fn waker(&self) -> Waker {
        Park.waker()
    }

    fn park(&self) -> Woken {
        Park.park()
    }

    fn look_again(&self, times: u32) -> bool {
        spin_loop();
        times < LOOKS
    }
}

impl Waits for Adaptive {}
