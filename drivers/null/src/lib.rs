//! The null device: reads end at once, writes vanish. It looks at nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;

use driver::{
    Body, Class, Description, Driver, Errno, Exchange, Features, Kind, Node, Op, Outcome, Port,
    Ready, Request, Stands, Status,
};

/// The null device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "null",
    help: "reads end at once, writes vanish",
    stands: Stands::Alone,
    options: &[],
    make: |_, _, _| Ok(Arc::new(Null)),
};

impl Port<Body> for Null {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let status = match request.body().op {
            Op::Read { node: Node::ROOT, .. } | Op::Flush { node: Node::ROOT } => Status::OK,
            Op::Write { node: Node::ROOT, .. } => Status::ok(request.len()),
            Op::Poll { interest } => Status::ok((interest & Ready::all()).bits().into()),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => Errno::ESTALE.into(),
            _ => Errno::EOPNOTSUPP.into(),
        };
        request.done(status)
    }
}

impl Driver for Null {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::{Call, Cred, Data, Spin};

    fn ask(op: Op, data: Data<'_>) -> Status {
        Call::new(Body::new(op, Cred::ROOT), data).run(&Null, &Spin)
    }

    #[test]
    fn reads_end_at_once_and_writes_vanish() {
        let (node, offset) = (Node::ROOT, 0);
        assert_eq!(ask(Op::Read { node, offset }, Data::sink(&mut [0; 8])), Status::OK);
        assert_eq!(ask(Op::Write { node, offset }, Data::source(b"12345")), Status::ok(5));
    }

    #[test]
    fn what_it_does_not_have_is_not_supported() {
        assert_eq!(ask(Op::Statfs, Data::NONE), Errno::EOPNOTSUPP.into());
    }
}
