//! Benchmarks: what a message costs beside a plain call.
//!
//! The same question, a read of the null device, asked in several ways. Each way is a loop of
//! `count` questions, so that its cost is a difference of two runs over the difference of their
//! counts, in instructions (`calls` under callgrind) or in time (`cargo bench`).

mod plain;
pub mod valgrind;

use std::{hint::black_box, sync::Arc};

use driver::{
    Body, Call, Cred, Data, Driver, Lower, Neighbour, Node, Op, Origin, Port, Spin, Status,
};
use driver_null::Null;
use driver_pass::{Hears, Pass};

use plain::Plain;

/// A way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A virtual call, the operation a value as in a message; below this many layers.
    Plain(usize),
    /// The same, the layers looking at what comes back.
    Heard(usize),
    /// A virtual call of a method for the operation.
    Read,
    /// A message to a neighbour below this many layers, which hear of the completion.
    Message(usize),
    /// The same, the layers stepping out of the way.
    Passed(usize),
    /// A message to a neighbour on behalf of another message.
    Caused,
}

impl Way {
    /// All ways that are measured, by name.
    pub const ALL: [(&str, Way); 11] = [
        ("plain", Way::Plain(0)),
        ("plain-read", Way::Read),
        ("message", Way::Message(0)),
        ("one-layer", Way::Message(1)),
        ("two-layers", Way::Message(2)),
        ("eight-layers", Way::Message(8)),
        ("caused", Way::Caused),
        ("plain-four", Way::Plain(4)),
        ("heard-four", Way::Heard(4)),
        ("passed-four", Way::Passed(4)),
        ("four-layers", Way::Message(4)),
    ];

    /// Asks `count` times; the sum of the answers.
    pub fn ask(self, count: u64) -> isize {
        match self {
            Way::Plain(layers) => plain(black_box(&*plain::stack(layers, false)), count),
            Way::Heard(layers) => plain(black_box(&*plain::stack(layers, true)), count),
            Way::Read => plain_read(black_box(&Null), count),
            Way::Message(layers) => message(black_box(&stack(layers, true)), count),
            Way::Passed(layers) => message(black_box(&stack(layers, false)), count),
            Way::Caused => caused(black_box(&stack(0, true)), count),
        }
    }
}

/// The null device below `layers` layers, which hear of completions or not.
fn stack(layers: usize, hear: bool) -> Neighbour<Body> {
    let null = Neighbour::new(Arc::new(Null), 1);
    (0..layers).fold(null, |port, _| {
        let lower = Lower { port, description: Null.describe() };
        let layer: Arc<dyn Port<Body>> =
            if hear { Arc::new(Hears::new(lower)) } else { Arc::new(Pass::new(lower)) };
        Neighbour::new(layer, 1)
    })
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
