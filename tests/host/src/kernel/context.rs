//! What a thread sleeps on while the kernel makes it wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wakeup {
    /// What the thread waited for may be there; it has to look.
    Ready,
    /// A signal arrived.
    Signal,
    /// The process is being killed.
    Killed,
    /// The deadline passed.
    Timeout,
}

/// How many threads of a process sleep in the kernel.
#[derive(Default)]
pub(crate) struct Sleepers {
    inner: Mutex<Sleeping>,
    changed: Condvar,
}

#[derive(Default)]
struct Sleeping {
    count: usize,
    over: bool,
}

impl Sleepers {
    fn enter(&self) {
        lock(&self.inner).count += 1;
        self.changed.notify_all();
    }

    fn leave(&self) {
        lock(&self.inner).count -= 1;
    }

    /// Nobody will sleep any more.
    pub(crate) fn close(&self) {
        lock(&self.inner).over = true;
        self.changed.notify_all();
    }

    /// Waits until at least `n` threads sleep, or none will any more.
    pub(crate) fn wait_for(&self, n: usize) {
        let mut inner = lock(&self.inner);
        while inner.count < n && !inner.over {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What a thread in the kernel has been told.
#[derive(Default)]
pub(crate) struct Flags {
    asleep: bool,
    woken: bool,
    signalled: bool,
    killed: bool,
}

/// What ended a rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rested {
    /// It was rung, or the time is over, or nothing in particular.
    Look,
    /// The thread's own program has a signal for it.
    Signal,
    /// The thread's own program is gone.
    Gone,
}

/// How a thread sleeps.
pub(crate) trait Rest: Send + Sync {
    /// Lets go of the lock and sleeps until rung, or for as long as is left; may end early.
    fn rest<'a>(
        &self,
        flags: &'a Mutex<Flags>,
        held: MutexGuard<'a, Flags>,
        left: Option<Duration>,
    ) -> (MutexGuard<'a, Flags>, Rested);

    /// Ends a rest, or the next one.
    fn ring(&self);
}

/// How a thread of this program sleeps.
#[derive(Default)]
pub(crate) struct Bell(Condvar);

impl Rest for Bell {
    fn rest<'a>(
        &self,
        _flags: &'a Mutex<Flags>,
        held: MutexGuard<'a, Flags>,
        left: Option<Duration>,
    ) -> (MutexGuard<'a, Flags>, Rested) {
        let held = match left {
            None => self.0.wait(held).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.0.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0,
        };
        (held, Rested::Look)
    }

    fn ring(&self) {
        self.0.notify_all();
    }
}

/// One thread's stay in the kernel.
pub(crate) struct Context {
    flags: Mutex<Flags>,
    bell: Box<dyn Rest>,
    sleepers: Arc<Sleepers>,
}

impl Context {
    pub(crate) fn new(sleepers: Arc<Sleepers>, bell: Box<dyn Rest>) -> Arc<Self> {
        Arc::new(Self { flags: Mutex::default(), bell, sleepers })
    }

    /// Sleeps until woken, signalled, killed or past the deadline. A wake-up that came since the
    /// last sleep ends this one at once.
    pub(crate) fn sleep(&self, deadline: Option<Instant>) -> Wakeup {
        let mut flags = lock(&self.flags);
        flags.asleep = true;
        self.sleepers.enter();
        let why = loop {
            if let Some(why) = flags.reason() {
                break why;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break Wakeup::Timeout;
            }
            let (held, rested) = self.bell.rest(&self.flags, flags, left);
            flags = held;
            flags.signalled |= rested == Rested::Signal;
            flags.killed |= rested == Rested::Gone;
        };
        flags.asleep = false;
        flags.woken = false;
        flags.signalled = false;
        self.sleepers.leave();
        why
    }

    /// Ends the sleep, or the next one.
    pub(crate) fn wake(&self) {
        lock(&self.flags).woken = true;
        self.bell.ring();
    }

    /// Interrupts the sleep; says whether there was one.
    pub(crate) fn signal(&self) -> bool {
        let mut flags = lock(&self.flags);
        let hit = flags.asleep && !flags.signalled;
        if hit {
            flags.signalled = true;
            self.bell.ring();
        }
        hit
    }

    /// Ends this and every later sleep.
    pub(crate) fn kill(&self) {
        lock(&self.flags).killed = true;
        self.bell.ring();
    }
}

impl Flags {
    fn reason(&self) -> Option<Wakeup> {
        if self.killed {
            Some(Wakeup::Killed)
        } else if self.woken {
            Some(Wakeup::Ready)
        } else if self.signalled {
            Some(Wakeup::Signal)
        } else {
            None
        }
    }
}

/// Threads that wait for one thing; kept inside the lock that guards the thing.
#[derive(Default)]
pub(crate) struct Waiters(Vec<Arc<Context>>);

impl Waiters {
    pub(crate) fn add(&mut self, context: &Arc<Context>) {
        self.0.push(Arc::clone(context));
    }

    pub(crate) fn remove(&mut self, context: &Arc<Context>) {
        self.0.retain(|other| !Arc::ptr_eq(other, context));
    }

    /// Wakes all of them; each looks again for itself.
    pub(crate) fn wake_all(&mut self) {
        for context in self.0.drain(..) {
            context.wake();
        }
    }
}
