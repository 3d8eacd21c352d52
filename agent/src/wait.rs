//! How a sender waits: what its placement offers.

use core::task::Waker;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Perhaps there is something now; the waiter looks again.
    Look,
    /// The wait was interrupted (a signal): the waiter asks for its message to be aborted, once,
    /// and still waits for the reply.
    Interrupted,
}

/// A moment, in nanoseconds on the clock of a placement.
pub type Moment = u64;

/// A way of waiting, of one thread: parking it, or polling on bare metal.
pub trait Wait {
    /// A waker that ends the calling thread's [`park`](Wait::park), the present one or the next.
    fn waker(&self) -> Waker;

    /// Waits until woken. May return without cause. Must not unwind.
    fn park(&self) -> Woken;

    /// Called in place of a sleep, with how many times it has been in this wait: `true` to look
    /// again, `false` to leave a waker and [`park`](Wait::park). Looking costs the processor,
    /// sleeping costs the wake-up. Must not unwind. The default sleeps at once.
    fn look_again(&self, times: u32) -> bool {
        let _ = times;
        false
    }

    /// The time; `None` where the placement has no clock, and then no deadline ever comes.
    fn now(&self) -> Option<Moment> {
        None
    }

    /// As [`park`](Wait::park), until that moment at the latest. What has a clock has this too;
    /// the default waits on.
    fn park_until(&self, moment: Moment) -> Woken {
        let _ = moment;
        self.park()
    }
}

/// Waits by polling, for placements that have no threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

impl Wait for Spin {
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        crate::sync::pause();
        Woken::Look
    }

    #[inline]
    fn look_again(&self, _: u32) -> bool {
        crate::sync::pause();
        true
    }
}

/// Waits by polling, where there is a clock.
#[derive(Clone, Copy, Debug)]
pub struct SpinUntil(pub fn() -> Moment);

impl Wait for SpinUntil {
    fn waker(&self) -> Waker {
        Spin.waker()
    }

    fn park(&self) -> Woken {
        Spin.park()
    }

    fn now(&self) -> Option<Moment> {
        Some((self.0)())
    }
}

/// How long a wait may last before its message is to be aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(pub(crate) Option<Moment>);

impl Deadline {
    /// Waits on.
    pub(crate) fn park(self, wait: &dyn Wait) -> Woken {
        match self.0 {
            Some(moment) => wait.park_until(moment),
            None => wait.park(),
        }
    }

    pub(crate) fn has_come(self, wait: &dyn Wait) -> bool {
        self.0.is_some_and(|moment| wait.now().is_some_and(|now| now >= moment))
    }
}
