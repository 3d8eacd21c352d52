//! What the tests wait with, and how: no test hangs, and none looks at a real clock.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    task::{Wake, Waker},
    thread,
    time::Duration,
};

use agent::{Moment, Wait, Woken};

/// Far more than any test takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on a thread of its own, and fails where that does not end.
pub(crate) fn watched(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = channel();
    let runner = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs"),
        Err(RecvTimeoutError::Disconnected) => resume_unwind(runner.join().expect_err("panicked")),
    }
}

/// Lets others run until something holds.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Counts how often it is rung.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::new(Bell::default())
    }

    pub(crate) fn waker(self: &Arc<Bell>) -> Waker {
        self.clone().into()
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits with a clock on which time passes only while it sleeps until a moment: at once, that is.
#[derive(Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn at(now: Moment) -> Clock {
        Clock(AtomicU64::new(now))
    }
}

impl Wait for Clock {
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        thread::yield_now();
        Woken::Look
    }

    fn now(&self) -> Option<Moment> {
        Some(self.0.load(Ordering::SeqCst))
    }

    fn park_until(&self, moment: Moment) -> Woken {
        self.0.fetch_max(moment, Ordering::SeqCst);
        self.park()
    }
}

/// A way of waiting for where nothing may be waited for.
pub(crate) struct Never;

impl Wait for Never {
    fn waker(&self) -> Waker {
        panic!("a wait where none is needed");
    }

    fn park(&self) -> Woken {
        panic!("a wait where none is needed");
    }
}
