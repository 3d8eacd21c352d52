//! Ways of waiting.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use agent::{Wait, Woken};
use loom::{
    sync::{Notify, atomic::AtomicBool, atomic::Ordering::Relaxed},
    thread,
};

struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Sleeps, after it has looked so many times; wakes without cause once.
pub struct Park {
    bell: Arc<Bell>,
    looks: u32,
}

impl Park {
    /// Sleeps at once.
    pub fn new() -> Park {
        Park::after(0)
    }

    /// Looks before it sleeps.
    pub fn after(looks: u32) -> Park {
        Park { bell: Arc::new(Bell(Notify::new())), looks }
    }
}

impl Default for Park {
    fn default() -> Park {
        Park::new()
    }
}

impl Wait for Park {
    fn waker(&self) -> Waker {
        self.bell.clone().into()
    }

    fn park(&self) -> Woken {
        self.bell.0.wait();
        Woken::Look
    }

    fn look_again(&self, times: u32) -> bool {
        let again = times < self.looks;
        if again {
            thread::yield_now();
        }
        again
    }
}

/// As [`Park`], but that the first sleep is interrupted at once.
pub struct Interrupting {
    park: Park,
    interrupted: AtomicBool,
}

impl Interrupting {
    /// Interrupted once.
    pub fn new() -> Interrupting {
        Interrupting { park: Park::new(), interrupted: AtomicBool::new(false) }
    }
}

impl Default for Interrupting {
    fn default() -> Interrupting {
        Interrupting::new()
    }
}

impl Wait for Interrupting {
    fn waker(&self) -> Waker {
        self.park.waker()
    }

    fn park(&self) -> Woken {
        if self.interrupted.swap(true, Relaxed) { self.park.park() } else { Woken::Interrupted }
    }
}

/// Polls until the future is ready, asleep in between.
pub fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let wait = Park::new();
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&wait.waker())) {
            Poll::Ready(output) => return output,
            Poll::Pending => wait.park(),
        };
    }
}
