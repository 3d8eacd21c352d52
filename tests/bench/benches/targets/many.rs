//! Many threads that send to one port.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    channels::{ArrayQueue, Crossbeam, Flume, Kanal, SegQueue},
    links::{Client, Fan, Patience, Sleeping, Yielding, ask, end, items},
    ours::Boxed,
    peers::Many,
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    waits::{Adaptive, Park},
    work::Number,
};

const SENDERS: usize = 8;
/// Questions that each has under way.
const WINDOW: usize = 16;

pub(crate) fn yielding(report: &mut Report) {
    let ours = vec![way::<Boxed, Yielding>("messages")];
    let peers = vec![
        way::<Many<ArrayQueue, Number>, Yielding>("crossbeam ArrayQueue"),
        way::<Many<SegQueue, Number>, Yielding>("crossbeam SegQueue"),
        way::<Many<Crossbeam, Number>, Yielding>("crossbeam bounded"),
        way::<Many<Kanal, Number>, Yielding>("kanal bounded"),
        way::<Many<Flume, Number>, Yielding>("flume bounded"),
    ];
    let results = Rounds::LONG.run(ours, peers);
    let row = Row::times("8 senders, one port, yielding", results.of("messages"), results.best());
    report.row(row.target(Target::Ratio(0.9)));
    report.ways("8 senders, yielding", results.into_samples());
}

pub(crate) fn sleeping(report: &mut Report) {
    let ours =
        vec![way::<Boxed<Adaptive>, Sleeping>("adaptive"), way::<Boxed<Park>, Sleeping>("parking")];
    let peers = vec![
        way::<Many<Crossbeam, Number>, Sleeping>("crossbeam bounded"),
        way::<Many<Kanal, Number>, Sleeping>("kanal bounded"),
        way::<Many<Flume, Number>, Sleeping>("flume bounded"),
    ];
    let results = Rounds::LONG.run(ours, peers);
    for (measure, ours) in
        [("8 senders, one port, adaptive", "adaptive"), ("8 senders, one port, parking", "parking")]
    {
        report.row(Row::times(measure, results.of(ours), results.best()));
    }
    report.ways("8 senders, sleeping", results.into_samples());
}

fn way<F: Fan<Number>, P: Patience>(name: &'static str) -> Way<'static> {
    Way::new(name, |count| crowd::<F, P>(count))
}

/// What `count` questions of all take, from when all threads are there until all have answers.
fn crowd<F: Fan<Number>, P: Patience>(count: u64) -> Duration {
    let (clients, mut server) = F::open(SENDERS, WINDOW);
    let (there, through) = (Barrier::new(SENDERS + 2), Barrier::new(SENDERS + 1));
    thread::scope(|scope| {
        for (at, client) in clients.into_iter().enumerate() {
            let (there, through) = (&there, &through);
            let share = count / SENDERS as u64 + u64::from((at as u64) < count % SENDERS as u64);
            scope.spawn(move || sender::<_, P>(client, share, there, through, at == 0));
        }
        scope.spawn(|| {
            there.wait();
            while P::serve::<Number, _>(&mut server) {}
        });
        there.wait();
        let start = Instant::now();
        through.wait();
        start.elapsed()
    })
}

fn sender<C: Client<Number>, P: Patience>(
    mut client: C,
    share: u64,
    there: &Barrier,
    through: &Barrier,
    ends: bool,
) {
    let mut items = items(&client, WINDOW);
    there.wait();
    ask::<_, _, P>(&mut client, &mut items, share);
    through.wait();
    if ends {
        end::<Number, _, P>(&mut client, items.pop());
    }
}
