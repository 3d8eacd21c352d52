//! Making drivers, and asking them.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as Polled, Poll, Waker},
};

use agent::Pending;
use driver::{
    Body, Built, Bytes, Call, Context, Cred, Data, Driver, Kind, Lower, Message, Neighbour, Op,
    OptionValue, Options, Port, Spin, Status, Time,
};

use crate::{FLUSH, read_at, write_at};

/// A placement without a clock, which waits by polling.
pub const CONTEXT: Context = Context { now: Time::default, wait: &Spin };

/// An edge to a driver.
pub fn lower<D: Driver + 'static>(driver: &Arc<D>) -> Lower {
    Lower::on(driver)
}

/// Makes a driver as a description of a stack would.
pub fn make(kind: &Kind, options: &[(&str, OptionValue)], on: &[Arc<dyn Driver>]) -> Built {
    let mut given = Options::default();
    options.iter().for_each(|(key, value)| given.set(key, value.clone()));
    let edge = |(number, driver): (usize, &Arc<dyn Driver>)| {
        let port: Arc<dyn Port<Body>> = Arc::clone(driver) as _;
        Lower { port: Neighbour::new(port, number as u16 + 2), description: driver.describe() }
    };
    (kind.make)(&given, on.iter().enumerate().map(edge).collect(), &CONTEXT)
}

/// Asks `op` as root, and waits.
pub fn ask(port: &(impl Port<Body> + ?Sized), op: Op, data: Data<'_>) -> Status {
    Call::new(Body::new(op, Cred::ROOT), data).run(port, &Spin)
}

/// Reads from a device.
pub fn read(port: &(impl Port<Body> + ?Sized), offset: u64, room: &mut [u8]) -> Status {
    ask(port, read_at(offset), Data::sink(room))
}

/// Writes to a device.
pub fn write(port: &(impl Port<Body> + ?Sized), offset: u64, bytes: &[u8]) -> Status {
    ask(port, write_at(offset), Data::source(bytes))
}

/// Flushes a device.
pub fn flush(port: &(impl Port<Body> + ?Sized)) -> Status {
    ask(port, FLUSH, Data::NONE)
}

/// Discards a range of a device.
pub fn discard(port: &(impl Port<Body> + ?Sized), offset: u64, len: u64) -> Status {
    ask(port, Op::Discard { offset, len }, Data::NONE)
}

/// A message that was sent and is away, perhaps.
pub struct Late(Pin<Box<Pending<Body>>>);

/// Sends `op` as root with data.
pub fn sent(port: &Arc<dyn Driver>, op: Op, data: Bytes) -> Late {
    let mut message = Message::new(Body::new(op, Cred::ROOT));
    message.set_data(data);
    let port: Arc<dyn Port<Body>> = Arc::clone(port) as _;
    Late(Box::pin(message.ask(&port)))
}

impl Late {
    /// Asks for the abort.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// The message, which is back.
    ///
    /// # Panics
    /// Where it isn't.
    pub fn back(mut self) -> Message<Body> {
        let mut context = Polled::from_waker(Waker::noop());
        match pin!(&mut self.0).as_mut().poll(&mut context) {
            Poll::Ready(message) => message,
            Poll::Pending => panic!("the message is still away"),
        }
    }

    /// True where the message is back.
    pub fn is_back(&self) -> bool {
        self.0.is_done()
    }
}
