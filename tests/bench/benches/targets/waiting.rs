//! Two threads, each waiting as it does by itself: how long, and how much of the processors.

use std::{cell::RefCell, collections::BTreeMap};

use crate::{
    channels::{Crossbeam, Flume, Kanal, Mpsc},
    links::{Link, Sleeping, WARM, across},
    ours::Boxed,
    peers::Pair,
    rounds::{Rounds, Samples, Way},
    table::{Report, Row},
    waits::{Adaptive, Park},
    work::Number,
};

pub(crate) fn run(report: &mut Report) {
    let used = Used::default();
    let ours = vec![
        used.way::<Boxed<Adaptive>>("messages, adaptive"),
        used.way::<Boxed<Park>>("messages, parking"),
    ];
    let peers = vec![
        used.way::<Pair<Mpsc, Number>>("std mpsc"),
        used.way::<Pair<Crossbeam, Number>>("crossbeam bounded"),
        used.way::<Pair<Kanal, Number>>("kanal bounded"),
        used.way::<Pair<Flume, Number>>("flume bounded"),
    ];
    let results = Rounds::LONG.run(ours, peers);
    let peer = results.best();
    for (measure, ours) in [
        ("two threads waiting, adaptive", "messages, adaptive"),
        ("two threads waiting, parking", "messages, parking"),
    ] {
        let [mine, its] = [ours, peer.name].map(|name| used.median(name));
        let note = format!("CPU of both: {mine:.0} ns, peer's {its:.0} ns");
        report.row(Row::times(measure, results.of(ours), peer).note(note));
    }
    report.ways("two threads, waiting", results.into_samples());
}

/// Nanoseconds of processor time a question, of each way, by round.
#[derive(Default)]
struct Used(RefCell<BTreeMap<&'static str, Vec<f64>>>);

impl Used {
    fn way<L: Link<Number>>(&self, name: &'static str) -> Way<'_> {
        Way::new(name, move |count| {
            let times = across::<Number, L, Sleeping>(1, count);
            let each = times.used.as_nanos() as f64 / (WARM + count) as f64;
            self.0.borrow_mut().entry(name).or_default().push(each);
            times.took
        })
    }

    fn median(&self, name: &'static str) -> f64 {
        let rounds = self.0.borrow().get(name).cloned().unwrap_or_default();
        Samples::new(name, rounds).median
    }
}
