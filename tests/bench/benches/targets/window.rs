//! Many questions under way between two threads, with a payload that both touch.

use crate::{
    channels::{
        ArrayQueue, Crossbeam, CrossbeamUnbounded, Flume, FlumeUnbounded, Kanal, KanalUnbounded,
        SegQueue,
    },
    links::{Link, Patience, Sleeping, Spinning, across},
    ours::Boxed,
    peers::Pair,
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    waits::{Adaptive, Park},
    work::Payload,
};

const WINDOW: usize = 64;

/// A channel may carry a payload itself, or a box of it.
type Boxes = Box<Payload>;

pub(crate) fn spinning(report: &mut Report) {
    let ours = vec![spins::<Boxed>("messages")];
    let peers = vec![
        spins::<Pair<ArrayQueue, Payload>>("crossbeam ArrayQueue"),
        spins::<Pair<ArrayQueue, Boxes>>("crossbeam ArrayQueue, boxes"),
        spins::<Pair<SegQueue, Payload>>("crossbeam SegQueue"),
        spins::<Pair<SegQueue, Boxes>>("crossbeam SegQueue, boxes"),
        spins::<Pair<Crossbeam, Payload>>("crossbeam bounded"),
        spins::<Pair<Crossbeam, Boxes>>("crossbeam bounded, boxes"),
        spins::<Pair<CrossbeamUnbounded, Boxes>>("crossbeam unbounded, boxes"),
        spins::<Pair<Kanal, Payload>>("kanal bounded"),
        spins::<Pair<Kanal, Boxes>>("kanal bounded, boxes"),
        spins::<Pair<KanalUnbounded, Boxes>>("kanal unbounded, boxes"),
        spins::<Pair<Flume, Payload>>("flume bounded"),
        spins::<Pair<Flume, Boxes>>("flume bounded, boxes"),
        spins::<Pair<FlumeUnbounded, Boxes>>("flume unbounded, boxes"),
    ];
    let results = Rounds::SHORT.run(ours, peers);
    let row = Row::times("64 under way, spinning", results.of("messages"), results.best());
    report.row(row.target(Target::Ratio(0.9)));
    report.ways("64 under way, spinning", results.into_samples());
}

pub(crate) fn sleeping(report: &mut Report) {
    let ours = vec![sleeps::<Boxed<Adaptive>>("adaptive"), sleeps::<Boxed<Park>>("parking")];
    let peers = vec![
        sleeps::<Pair<Crossbeam, Payload>>("crossbeam bounded"),
        sleeps::<Pair<Crossbeam, Boxes>>("crossbeam bounded, boxes"),
        sleeps::<Pair<Kanal, Payload>>("kanal bounded"),
        sleeps::<Pair<Kanal, Boxes>>("kanal bounded, boxes"),
        sleeps::<Pair<Flume, Payload>>("flume bounded"),
        sleeps::<Pair<Flume, Boxes>>("flume bounded, boxes"),
    ];
    let results = Rounds::SHORT.run(ours, peers);
    for (measure, ours) in
        [("64 under way, adaptive", "adaptive"), ("64 under way, parking", "parking")]
    {
        report.row(Row::times(measure, results.of(ours), results.best()));
    }
    report.ways("64 under way, sleeping", results.into_samples());
}

fn spins<L: Link<Payload>>(name: &'static str) -> Way<'static> {
    way::<L, Spinning>(name)
}

fn sleeps<L: Link<Payload>>(name: &'static str) -> Way<'static> {
    way::<L, Sleeping>(name)
}

fn way<L: Link<Payload>, P: Patience>(name: &'static str) -> Way<'static> {
    Way::new(name, |count| across::<Payload, L, P>(WINDOW, count).took)
}
