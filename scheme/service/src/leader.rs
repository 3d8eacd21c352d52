//! The lead among the threads that read: one reads at a time, and before it lets another one lead,
//! whatever it has read is answered, or noted where a cancel finds it.
//!
//! So a cancel is for the request of its tag that was read last, and never for the next one that
//! the kernel gives the same tag: nobody has read that yet.

use crate::sync::{Condvar, PoisonError, SleepLock, hold, left_out};

/// Who leads.
#[derive(Default)]
pub(crate) struct Leader {
    state: SleepLock<State>,
    passed: Condvar,
}

#[derive(Default)]
struct State {
    /// Somebody leads, or is about to.
    led: bool,
    /// Threads that wait for the lead.
    waiting: usize,
    /// It is passed to one of them.
    passed: bool,
}

impl Leader {
    /// Waits until nobody leads. The calling thread does from here on.
    pub(crate) fn lead(&self) {
        let mut state = hold(&self.state);
        if !std::mem::replace(&mut state.led, true) || left_out("leader-lead") {
            return;
        }
        state.waiting += 1;
        while !state.passed {
            state = self.passed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.passed = false;
    }

    /// Ends the calling thread's lead: somebody who waits for it has it then.
    pub(crate) fn step_down(&self) {
        let state = &mut *hold(&self.state);
        if state.waiting == 0 {
            state.led = false;
        } else if !left_out("leader-pass") {
            state.passed = true;
            self.passed.notify_one();
        }
    }

    /// True where somebody waits for the lead.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn is_awaited(&self) -> bool {
        hold(&self.state).waiting > 0
    }
}
