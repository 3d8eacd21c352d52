//! Send and get between two spinning threads, one question after the other.

use crate::{
    channels::{ArrayQueue, Crossbeam, CrossbeamUnbounded, Kanal, KanalUnbounded, SegQueue},
    links::{Link, Spinning, across},
    ours::{Boxed, Called},
    peers::Pair,
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    work::Number,
};

pub(crate) fn run(report: &mut Report) {
    let ours = vec![way::<Boxed>("send and get"), way::<Called>("call")];
    let peers = vec![
        way::<Pair<ArrayQueue, Number>>("crossbeam ArrayQueue"),
        way::<Pair<SegQueue, Number>>("crossbeam SegQueue"),
        way::<Pair<Crossbeam, Number>>("crossbeam bounded"),
        way::<Pair<CrossbeamUnbounded, Number>>("crossbeam unbounded"),
        way::<Pair<Kanal, Number>>("kanal bounded"),
        way::<Pair<KanalUnbounded, Number>>("kanal unbounded"),
    ];
    let results = Rounds::SHORT.run(ours, peers);
    for (measure, ours, most) in [
        ("two threads spinning, send and get", "send and get", 0.8),
        ("two threads spinning, call", "call", 1.05),
    ] {
        let row = Row::times(measure, results.of(ours), results.best());
        report.row(row.target(Target::Ratio(most)));
    }
    report.ways("two threads, spinning", results.into_samples());
}

fn way<L: Link<Number>>(name: &'static str) -> Way<'static> {
    Way::new(name, |count| across::<Number, L, Spinning>(1, count).took)
}
