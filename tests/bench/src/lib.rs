//! Benchmarks: what a message costs beside a plain call.
//!
//! The same question, a read of the null device, asked in several ways. Each way is a loop of
//! `count` questions, so that its cost is a difference of two runs over the difference of their
//! counts, in instructions (`calls` under callgrind) or in time (`cargo bench`).

use std::{hint::black_box, sync::Arc};

use driver::{
    Body, Call, Cred, Data, Errno, Neighbour, Node, Op, Origin, Outcome, Port, Request, Saved,
    Spin, Status,
};
use driver_null::Null;

/// What a driver would be without messages: a trait with the same arguments.
pub trait Plain {
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

/// A layer that passes on what it gets, and hears of the completion.
pub struct Layer(Neighbour<Body>);

impl Port<Body> for Layer {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.forward(self, &self.0, [0; 3])
    }

    #[inline]
    fn up<'s>(&'s self, request: Request<'s>, status: Status, _: Saved) -> Outcome<'s, Body> {
        request.done(status)
    }
}

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A virtual call, the operation a value as in a message.
    Plain,
    /// A virtual call of a method for the operation.
    Read,
    /// A message to a neighbour below this many layers.
    Message(usize),
    /// The same, on behalf of another message.
    Caused(usize),
}

impl Way {
    /// All ways that are measured, by name.
    pub const ALL: [(&str, Way); 7] = [
        ("plain", Way::Plain),
        ("plain-read", Way::Read),
        ("message", Way::Message(0)),
        ("one-layer", Way::Message(1)),
        ("two-layers", Way::Message(2)),
        ("eight-layers", Way::Message(8)),
        ("caused", Way::Caused(0)),
    ];

    /// Asks `count` times; the sum of the answers.
    pub fn ask(self, count: u64) -> isize {
        match self {
            Way::Plain => plain(black_box(&Null), count),
            Way::Read => plain_read(black_box(&Null), count),
            Way::Message(layers) => message(black_box(&neighbour(layers)), count),
            Way::Caused(layers) => caused(black_box(&neighbour(layers)), count),
        }
    }
}

fn neighbour(layers: usize) -> Neighbour<Body> {
    let null = Neighbour::new(Arc::new(Null), 1);
    (0..layers).fold(null, |lower, _| Neighbour::new(Arc::new(Layer(lower)), 1))
}

fn body(offset: u64) -> Body {
    Body::new(Op::Read { node: Node::ROOT, offset }, Cred::ROOT)
}

fn count_of(status: Status) -> isize {
    status.result().map_or_else(|errno| -(errno.0 as isize), |count| count as isize)
}

#[inline(never)]
fn plain(port: &dyn Plain, count: u64) -> isize {
    let mut room = [0; 64];
    let ask = |offset| {
        let op = Op::Read { node: Node::ROOT, offset };
        count_of(port.ask(&op, Cred::ROOT, black_box(&mut room)))
    };
    (0..count).map(ask).sum()
}

#[inline(never)]
fn plain_read(port: &dyn Plain, count: u64) -> isize {
    let mut room = [0; 64];
    let ask = |offset| count_of(port.read(Node::ROOT, offset, Cred::ROOT, black_box(&mut room)));
    (0..count).map(ask).sum()
}

#[inline(never)]
fn message(port: &Neighbour<Body>, count: u64) -> isize {
    let mut room = [0; 64];
    let ask = |offset| {
        let data = Data::sink(black_box(&mut room));
        count_of(Call::new(body(offset), data).run(port, &Spin))
    };
    (0..count).map(ask).sum()
}

#[inline(never)]
fn caused(port: &Neighbour<Body>, count: u64) -> isize {
    let (mut room, mut origin) = ([0; 64], Origin::root());
    let ask = |offset| {
        let data = Data::sink(black_box(&mut room));
        count_of(port.call(&mut origin, &Spin, &mut Call::new(body(offset), data)))
    };
    (0..count).map(ask).sum()
}
