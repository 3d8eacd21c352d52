//! What drivers would be without messages: virtual calls.

use std::hint::black_box;

use driver::{Cred, Errno, Node, Op, Status};
use driver_null::Null;

/// A trait with the same arguments as a message has.
pub(crate) trait Plain {
    /// One method for all operations, as a port has.
    fn ask(&self, op: &Op, cred: Cred, data: &mut [u8]) -> Status;

    /// A method for this very operation.
    fn read(&self, node: Node, offset: u64, cred: Cred, room: &mut [u8]) -> Status;
}

impl Plain for Null {
    fn ask(&self, op: &Op, _: Cred, data: &mut [u8]) -> Status {
        match op {
            Op::Read { .. } | Op::Flush { .. } => Status::OK,
            Op::Write { .. } => Status::ok(data.len()),
            Op::Poll { interest } => Status::ok(interest.bits().into()),
            _ => Errno::EOPNOTSUPP.into(),
        }
    }

    fn read(&self, _: Node, _: u64, _: Cred, _: &mut [u8]) -> Status {
        Status::OK
    }
}

/// A layer that calls the next with the same arguments.
pub(crate) struct Calls(Box<dyn Plain>);

impl Plain for Calls {
    fn ask(&self, op: &Op, cred: Cred, data: &mut [u8]) -> Status {
        self.0.ask(op, cred, data)
    }

    fn read(&self, node: Node, offset: u64, cred: Cred, room: &mut [u8]) -> Status {
        self.0.read(node, offset, cred, room)
    }
}

/// A layer that calls the next with the same arguments, and looks at what comes back.
pub(crate) struct Hears(Box<dyn Plain>);

impl Plain for Hears {
    fn ask(&self, op: &Op, cred: Cred, data: &mut [u8]) -> Status {
        black_box(self.0.ask(op, cred, data))
    }

    fn read(&self, node: Node, offset: u64, cred: Cred, room: &mut [u8]) -> Status {
        black_box(self.0.read(node, offset, cred, room))
    }
}

/// The null device below `layers` layers.
pub(crate) fn stack(layers: usize, hears: bool) -> Box<dyn Plain> {
    (0..layers).fold(Box::new(Null), |lower: Box<dyn Plain>, _| match hears {
        true => Box::new(Hears(lower)),
        false => Box::new(Calls(lower)),
    })
}
