//! A message while many others are at the target.

use std::collections::VecDeque;

use agent::{Exchange, Kept, Message, Status};

use crate::{
    links::{Client, Link},
    ours::{Boxed, Sends, Takes},
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    waits::Park,
    work::{Number, Work},
};

const FEW: usize = 10;
const MANY: usize = 1_000_000;

pub(crate) fn run(report: &mut Report) {
    const NEWEST: [&str; 2] = ["at 10", "at 1,000,000"];
    const OLDEST: [&str; 2] = ["at 10, the oldest", "at 1,000,000, the oldest"];
    let ways = vec![
        way(NEWEST[0], FEW, Busy::newest),
        way(NEWEST[1], MANY, Busy::newest),
        way(OLDEST[0], FEW, Busy::oldest),
        way(OLDEST[1], MANY, Busy::oldest),
    ];
    let results = Rounds::SHORT.run(ways, Vec::new());
    let row =
        |measure, [few, many]: [&str; 2]| Row::times(measure, results.of(many), results.of(few));
    let newest = row("10⁶ outstanding, that message answered", NEWEST);
    report.row(newest.target(Target::Ratio(1.3)));
    let oldest = row("10⁶ outstanding, the oldest answered", OLDEST);
    report.row(oldest.note("its memory is far away"));
    report.ways("outstanding", results.into_samples());
}

fn way(
    name: &'static str,
    count: usize,
    step: fn(&mut Busy, Message<Number>) -> Message<Number>,
) -> Way<'static> {
    let mut busy = Busy::new(count);
    let mut message = Some(busy.client.item());
    Way::timed(name, move |count| {
        for _ in 0..count {
            message = message.take().map(|message| step(&mut busy, message));
        }
    })
}

/// A target that keeps many messages.
struct Busy {
    client: Sends<Number, Park>,
    server: Takes<Number, Park>,
    kept: VecDeque<Kept<Number>>,
}

impl Busy {
    fn new(count: usize) -> Busy {
        let (client, server) = Boxed::<Park>::open(count + 1);
        let mut busy = Busy { client, server, kept: VecDeque::with_capacity(count + 1) };
        for number in 0..count as u64 {
            let mut message = busy.client.item();
            message.body_mut().ask(number);
            let kept = busy.send(message);
            busy.kept.push_back(kept);
        }
        busy
    }

    fn send(&mut self, message: Message<Number>) -> Kept<Number> {
        self.client.send(message);
        self.server.take().expect("it is there")
    }

    fn answer(&mut self, mut kept: Kept<Number>) -> Message<Number> {
        kept.body_mut().serve();
        kept.done(Status::OK);
        self.client.get().expect("it is answered")
    }

    /// Sends a message, and answers that one.
    fn newest(&mut self, message: Message<Number>) -> Message<Number> {
        let kept = self.send(message);
        self.answer(kept)
    }

    /// Sends a message, and answers the one that has waited longest.
    fn oldest(&mut self, message: Message<Number>) -> Message<Number> {
        let kept = self.send(message);
        self.kept.push_back(kept);
        let oldest = self.kept.pop_front().expect("one was put there");
        self.answer(oldest)
    }
}
