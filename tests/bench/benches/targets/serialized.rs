//! A serialized port beside locks around the same driver.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Barrier, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cores,
    guarded::{Guarded, Ours, ParkingLot, Spin, Std},
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    waits::Adaptive,
};

pub(crate) fn run(report: &mut Report) {
    for (threads, measure) in [(1, "serialized, 1 thread"), (2, "serialized, 2 threads")] {
        let longest = Longest { threads, waits: RefCell::default() };
        let ours = vec![
            longest.way("adaptive", Ours::<Adaptive>::new()),
            longest.way("spinning", Ours::<agent::Spin>::new()),
        ];
        let peers = vec![
            longest.way("std Mutex", Std::new()),
            longest.way("parking_lot Mutex", ParkingLot::new()),
            longest.way("spin Mutex", Spin::new()),
        ];
        let results = Rounds::SHORT.run(ours, peers);
        let row = |ours, lock| {
            let [mine, its] = [ours, lock].map(|name| longest.micros(name));
            let note = format!("{ours}; longest wait {mine:.1} µs, peer's {its:.1} µs");
            Row::times(measure, results.of(ours), results.of(lock)).note(note)
        };
        report.row(row("adaptive", "std Mutex").target(Target::Ratio(1.1)));
        report.row(row("adaptive", "parking_lot Mutex"));
        report.row(row("adaptive", "spin Mutex"));
        report.row(row("spinning", "std Mutex"));
        report.ways(measure, results.into_samples());
    }
}

/// The longest wait that was seen of each way, in calls that are not counted in its times.
struct Longest {
    threads: usize,
    waits: RefCell<BTreeMap<&'static str, Duration>>,
}

impl Longest {
    fn way<'a>(&'a self, name: &'static str, guarded: impl Guarded + 'a) -> Way<'a> {
        Way::new(name, move |count| {
            let wait = longest_of(&guarded, self.threads, count / 8 + 1);
            let mut waits = self.waits.borrow_mut();
            let longest = waits.entry(name).or_default();
            *longest = wait.max(*longest);
            contend(&guarded, self.threads, count)
        })
    }

    fn micros(&self, name: &str) -> f64 {
        self.waits.borrow()[name].as_nanos() as f64 / 1e3
    }
}

/// Does `work` on each of the threads at once, each on its processor; the time from the start
/// to the end of the last.
fn together(threads: usize, work: impl Fn() + Sync) -> Duration {
    let (there, through) = (Barrier::new(threads), Barrier::new(threads));
    thread::scope(|scope| {
        let run = |at: usize| {
            let _here = cores::pin(at);
            there.wait();
            let start = Instant::now();
            work();
            through.wait();
            start.elapsed()
        };
        (1..threads).for_each(|at| drop(scope.spawn(move || run(at))));
        run(0)
    })
}

/// What `count` calls of all threads take.
fn contend(guarded: &impl Guarded, threads: usize, count: u64) -> Duration {
    let (before, share) = (guarded.total(), count.div_ceil(threads as u64));
    let took = together(threads, || (0..share).for_each(|number| guarded.ask(number)));
    assert_eq!(guarded.total() - before, share * threads as u64, "two were inside at once");
    took
}

/// The longest of `count` calls.
fn longest_of(guarded: &impl Guarded, threads: usize, count: u64) -> Duration {
    let longest = Mutex::new(Duration::ZERO);
    together(threads, || {
        let calls = (0..count.div_ceil(threads as u64)).map(|number| {
            let start = Instant::now();
            guarded.ask(number);
            start.elapsed()
        });
        let mine = calls.max().unwrap_or_default();
        let mut longest = longest.lock().expect("nobody panics");
        *longest = (*longest).max(mine);
    });
    longest.into_inner().expect("nobody panics")
}
