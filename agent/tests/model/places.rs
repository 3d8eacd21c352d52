//! Real ports, as their owners have them.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread,
};

use agent::{
    Catch, Contained, Errno, Mailbox, MessageId, PortStats, Receiver, Serialized, SpinPort,
    ThreadPort,
};

use crate::{
    driver::Driver,
    script::{Around, Kind, PortState, lower},
    world::{Body, Target, World},
};

/// Contains panics, as a host of drivers does.
pub(crate) struct Unwinds;

impl Catch for Unwinds {
    fn catch(&self, run: &mut dyn FnMut()) -> bool {
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    }

    fn is_unwinding(&self) -> bool {
        thread::panicking()
    }
}

/// A serialized port, whatever contains its driver.
pub(crate) trait Gated {
    fn stats(&self) -> PortStats;
    fn has_failed(&self) -> bool;
    fn drop_message(&self, id: MessageId) -> Result<(), Errno>;
}

impl<C: Catch + 'static> Gated for Serialized<Body, Driver, C> {
    fn stats(&self) -> PortStats {
        self.stats()
    }

    fn has_failed(&self) -> bool {
        self.has_failed()
    }

    fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        self.drop_message(id)
    }
}

fn gate<C: Catch + 'static>(port: Serialized<Body, Driver, C>, limit: usize) -> Place {
    let port = Arc::new(port.with_limit(limit));
    Place { target: port.clone(), owned: Owned::Gate(port) }
}

/// A port as its owner has it.
pub(crate) enum Owned {
    Nothing,
    Contained(Arc<Contained<Body, Driver, Unwinds>>),
    Gate(Arc<dyn Gated>),
    Thread { port: Arc<ThreadPort<Body, Driver>>, ran: Cell<bool> },
    Mailbox { receiver: RefCell<Option<Rc<Receiver<Body>>>>, receiving: Cell<bool> },
    Spin { port: Arc<SpinPort<Body>>, open: Cell<bool> },
}

pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) owned: Owned,
}

impl World {
    pub(crate) fn port(&self, kind: Kind) -> Place {
        match kind {
            Kind::Driver { around, lowers } => self.driver(around, lowers),
            Kind::Mailbox { limit } => {
                let (target, receiver) = Mailbox::new(limit);
                let receiver = RefCell::new(Some(Rc::new(receiver)));
                Place { target, owned: Owned::Mailbox { receiver, receiving: Cell::new(false) } }
            }
            Kind::Spin { limit } => {
                let port = SpinPort::new(limit);
                Place { target: port.clone(), owned: Owned::Spin { port, open: Cell::new(true) } }
            }
        }
    }

    fn driver(&self, around: Around, lowers: [u8; 2]) -> Place {
        let number = self.ports.borrow().len();
        let target = |which| lower(number, lowers, which).map(|at| self.target(at));
        let driver = Driver::new(number, around, [target(0), target(1)]);
        let catch = Arc::new(Unwinds);
        match around {
            Around::Nothing => Place { target: Arc::new(driver), owned: Owned::Nothing },
            Around::Containment => {
                let port = Arc::new(Contained::new(driver, catch));
                Place { target: port.clone(), owned: Owned::Contained(port) }
            }
            Around::Gate { limit, contained: true } => {
                gate(Serialized::contained(driver, catch), limit)
            }
            Around::Gate { limit, .. } => gate(Serialized::new(driver), limit),
            Around::Thread { limit, contained } => {
                let port = match contained {
                    true => ThreadPort::contained(driver, catch),
                    false => ThreadPort::new(driver),
                };
                let port = Arc::new(port.with_limit(limit));
                let ran = Cell::new(false);
                Place { target: port.clone(), owned: Owned::Thread { port, ran } }
            }
        }
    }
}

impl Place {
    pub(crate) fn state(&self) -> PortState {
        let stats = |stats: PortStats, failed| PortState {
            failed,
            refused: stats.refused,
            cancelled: stats.cancelled,
            waiting: 0,
        };
        match &self.owned {
            Owned::Nothing => PortState::default(),
            Owned::Contained(port) => {
                PortState { failed: port.has_failed(), ..PortState::default() }
            }
            Owned::Gate(port) => stats(port.stats(), port.has_failed()),
            Owned::Thread { port, .. } => stats(port.stats(), port.has_failed()),
            Owned::Mailbox { receiver, .. } => PortState {
                waiting: receiver.borrow().as_ref().map_or(0, |receiver| receiver.len()),
                ..PortState::default()
            },
            Owned::Spin { port, .. } => PortState { waiting: port.len(), ..PortState::default() },
        }
    }
}
