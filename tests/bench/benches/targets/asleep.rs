//! Two threads, each asleep whenever a message is sent to it.
//!
//! Whoever sends looks first, until the kernel says that the other thread sleeps. The looking is
//! not counted: the message carries the times between which it was under way.

use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{
    channels::{Mpsc, MpscSync},
    cores::{self, Sleeper},
    links::{Client, Link, Server},
    ours::Boxed,
    peers::Pair,
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    work::Work,
};

/// A question that says when it came and when the answer left.
pub(crate) struct Stamps {
    last: bool,
    came: Instant,
    left: Instant,
}

impl Work for Stamps {
    fn new() -> Stamps {
        let now = Instant::now();
        Stamps { last: false, came: now, left: now }
    }

    fn ask(&mut self, _: u64) {}

    fn end(&mut self) {
        self.last = true;
    }

    fn serve(&mut self) -> bool {
        !self.last
    }

    fn check(&self, _: u64) {}
}

pub(crate) fn run(report: &mut Report) {
    for (measure, processor) in
        [("both asleep, two processors", 1), ("both asleep, one processor", 0)]
    {
        let ours = vec![sleep::<Boxed>("messages", processor)];
        let peers = vec![
            sleep::<Pair<Mpsc, Stamps>>("std mpsc", processor),
            sleep::<Pair<MpscSync, Stamps>>("std mpsc bounded", processor),
        ];
        let results = Rounds::SHORT.run(ours, peers);
        let row = Row::times(measure, results.of("messages"), results.best());
        report.row(row.target(Target::Ratio(1.0)));
        report.ways(measure, results.into_samples());
    }
}

fn sleep<L: Link<Stamps>>(name: &'static str, processor: usize) -> Way<'static> {
    Way::new(name, move |count| wake::<L>(processor, count))
}

/// The times under way of `count` questions and answers.
fn wake<L: Link<Stamps>>(processor: usize, count: u64) -> Duration {
    let (mut client, mut server) = L::open(1);
    let (asker, answerer) = (Sleeper::id(), OnceLock::new());
    let _here = cores::pin(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _there = cores::pin(processor);
            let asker = Sleeper::new(asker);
            answerer.set(Sleeper::id()).expect("nobody else does");
            while server.wait(|stamps| {
                stamps.came = Instant::now();
                if !stamps.last {
                    asker.until_asleep();
                }
                stamps.left = Instant::now();
                stamps.serve()
            }) {}
        });
        let answerer = Sleeper::new(*answerer.wait());
        let mut item = client.item();
        let mut took = Duration::ZERO;
        for _ in 0..count {
            answerer.until_asleep();
            let sent = Instant::now();
            client.send(item);
            item = client.wait();
            let back = Instant::now();
            let stamps = L::Client::work(&mut item);
            took += (stamps.came - sent) + (back - stamps.left);
        }
        L::Client::work(&mut item).end();
        client.send(item);
        client.wait();
        took
    })
}
