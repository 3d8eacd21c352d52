//! What a message takes besides time.

use std::{hint::black_box, thread};

use agent::{Call, Message};

use crate::{
    heap::allocated,
    links::{Client, Link, Patience, Server, Spinning, ask, end, items},
    ours::{Boxed, Inline},
    table::{Report, Row, Target},
    work::{Number, Work},
};

/// Messages after the first ones.
const COUNT: u64 = 10_000;

pub(crate) fn run(report: &mut Report) {
    let message = allocated(|| drop(black_box(Message::new(()))));
    report.row(bytes("state of a message that is sent", message.bytes));
    report.row(bytes("state of a call, on the stack", size_of::<Call<'_, ()>>()));
    let none = |measure, count: usize| {
        let row = Row::new(measure, "allocs").ours(count as f64);
        row.target(Target::AtMost(0.0)).note(format!("in {COUNT} messages, used again"))
    };
    report.row(none("allocations, inline", alone::<Inline>()));
    report.row(none("allocations, kept", alone::<Boxed>()));
    report.row(none("allocations, kept by another thread", across::<Boxed>()));
}

fn bytes(measure: &'static str, count: usize) -> Row {
    Row::new(measure, "bytes").ours(count as f64)
}

/// Allocations of both ends on one thread.
fn alone<L: Link<Number>>() -> usize {
    let (mut client, mut server) = L::open(1);
    let mut item = Some(client.item());
    let mut step = || {
        client.send(item.take().expect("it is back"));
        server.serve(Number::serve);
        item = client.get();
    };
    step();
    allocated(|| (0..COUNT).for_each(|_| step())).count
}

/// Allocations of both threads.
fn across<L: Link<Number>>() -> usize {
    const WINDOW: usize = 64;
    let (mut client, mut server) = L::open(WINDOW);
    let mut items = items(&client, WINDOW);
    thread::scope(|scope| {
        let there = scope.spawn(move || {
            (0..COUNT).for_each(|_| assert!(Spinning::serve::<Number, _>(&mut server)));
            allocated(|| while Spinning::serve::<Number, _>(&mut server) {}).count
        });
        ask::<Number, _, Spinning>(&mut client, &mut items, COUNT);
        let here = allocated(|| {
            ask::<Number, _, Spinning>(&mut client, &mut items, COUNT);
            end::<Number, _, Spinning>(&mut client, items.pop());
        });
        here.count + there.join().expect("it ends")
    })
}
