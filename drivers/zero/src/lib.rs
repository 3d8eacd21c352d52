//! The zero device: reads give zeros, writes vanish. It looks at what it fills, and at nothing
//! else.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;

use driver::{
    Body, Class, Description, Driver, Errno, Exchange, Features, Kind, Node, Op, Outcome, Port,
    Ready, Request, Stands, Status,
};

/// The zero device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zero;

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "zero",
    help: "reads give zeros, writes vanish",
    stands: Stands::Alone,
    options: &[],
    make: |_, _, _| Ok(Arc::new(Zero)),
};

impl Port<Body> for Zero {
    #[inline]
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let len = request.len();
        let status = match request.body().op {
            Op::Read { node: Node::ROOT, .. } => request.fill_zero(0..len).map(|()| len).into(),
            Op::Write { node: Node::ROOT, .. } => Status::ok(len),
            Op::Flush { node: Node::ROOT } => Status::OK,
            Op::Poll { interest } => Status::ok((interest & Ready::all()).bits().into()),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => Errno::ESTALE.into(),
            _ => Errno::EOPNOTSUPP.into(),
        };
        request.done(status)
    }
}

impl Driver for Zero {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::{Call, Cred, Data, Spin};

    fn ask(op: Op, data: Data<'_>) -> Status {
        Call::new(Body::new(op, Cred::ROOT), data).run(&Zero, &Spin)
    }

    #[test]
    fn reads_give_zeros_at_any_offset() {
        for offset in [0, 7, u64::MAX] {
            let mut room = [9; 600];
            let read = Op::Read { node: Node::ROOT, offset };
            assert_eq!(ask(read, Data::sink(&mut room)), Status::ok(600));
            assert_eq!(room, [0; 600]);
        }
    }

    #[test]
    fn a_read_looks_once_and_a_write_never() {
        let op = Op::Read { node: Node::ROOT, offset: 0 };
        let mut room = [9; 64];
        let mut read = Call::new(Body::new(op, Cred::ROOT), Data::sink(&mut room));
        assert!(read.run(&Zero, &Spin).is_ok());
        assert_eq!((read.counts().looks, read.counts().copies), (1, 0));
        let op = Op::Write { node: Node::ROOT, offset: 0 };
        let mut write = Call::new(Body::new(op, Cred::ROOT), Data::source(b"12345"));
        assert_eq!(write.run(&Zero, &Spin), Status::ok(5));
        assert_eq!(write.counts().looks, 0);
    }

    #[test]
    fn it_is_always_ready_for_what_is_asked() {
        for interest in [Ready::READ, Ready::WRITE, Ready::all(), Ready::empty()] {
            let bits = Status::ok(interest.bits().into());
            assert_eq!(ask(Op::Poll { interest }, Data::NONE), bits);
        }
    }

    #[test]
    fn a_read_into_what_is_not_room_faults() {
        let op = Op::Read { node: Node::ROOT, offset: 0 };
        assert_eq!(ask(op, Data::source(b"not room")), Errno::EFAULT.into());
    }

    #[test]
    fn what_it_does_not_have_is_not_supported() {
        assert_eq!(ask(Op::Statfs, Data::NONE), Errno::EOPNOTSUPP.into());
    }
}
