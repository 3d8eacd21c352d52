//! A way of waiting for one thread that does everything itself.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use agent::{Moment, Wait, Woken};

use crate::{
    script::{Key, Op},
    world::world,
};

/// What happens once nothing else does.
pub(crate) enum Last {
    Settle(Key),
    Close(usize),
    Nothing,
}

/// Waits by having other things happen; time passes where nothing is left of those.
pub(crate) struct FakeWait {
    during: RefCell<VecDeque<Op>>,
    last: Last,
    interrupted: bool,
    /// How often nobody was found to have the message.
    vain: Cell<u32>,
}

impl FakeWait {
    pub(crate) fn new(last: Last, during: &[Op]) -> FakeWait {
        FakeWait {
            during: RefCell::new(during.to_vec().into()),
            last,
            interrupted: false,
            vain: Cell::new(0),
        }
    }

    /// Ends with the completion of this message.
    pub(crate) fn settling(key: Key, during: &[Op]) -> FakeWait {
        FakeWait::new(Last::Settle(key), during)
    }

    fn take_step(&self) -> bool {
        let op = self.during.borrow_mut().pop_front();
        op.iter().for_each(|op| world().step(op));
        op.is_some()
    }

    pub(crate) fn interrupted(self, interrupted: bool) -> FakeWait {
        FakeWait { interrupted, ..self }
    }

    fn settle(&self, key: Key) {
        if !world().settle(key) {
            self.vain.set(self.vain.get() + 1);
            if self.vain.get() == 3 {
                world().give_up(&format!("message {key} is nowhere, and does not come back"));
            }
        }
    }

    fn woken(&self) -> Woken {
        if self.interrupted { Woken::Interrupted } else { Woken::Look }
    }
}

impl Wait for FakeWait {
    fn waker(&self) -> std::task::Waker {
        std::task::Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        if !self.take_step() {
            match self.last {
                Last::Settle(key) => self.settle(key),
                Last::Close(port) => world().close_thread(port),
                Last::Nothing => world().give_up("a wait for nothing"),
            }
        }
        self.woken()
    }

    fn now(&self) -> Option<Moment> {
        Some(world().now.get())
    }

    fn park_until(&self, moment: Moment) -> Woken {
        if !self.take_step() {
            world().now.set(moment);
        }
        self.woken()
    }
}
