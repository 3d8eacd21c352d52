//! Ways that are compared run in rounds that take turns, so that whatever else the machine does
//! meets all of them alike.

use std::time::{Duration, Instant};

use serde::Serialize;

/// A way to do a thing. It does it a number of times, and says how long that took: what it
/// prepares and waits for is not counted.
pub(crate) struct Way<'a> {
    name: &'static str,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Way<'a> {
    pub(crate) fn new(name: &'static str, run: impl FnMut(u64) -> Duration + 'a) -> Way<'a> {
        Way { name, run: Box::new(run) }
    }

    /// A way that counts all it does.
    pub(crate) fn timed(name: &'static str, mut run: impl FnMut(u64) + 'a) -> Way<'a> {
        Way::new(name, move |count| {
            let start = Instant::now();
            run(count);
            start.elapsed()
        })
    }
}

/// How many rounds there are, and about how long each way runs in one.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) rounds: usize,
    pub(crate) each: Duration,
}

impl Rounds {
    pub(crate) const SHORT: Rounds = Rounds { rounds: 201, each: Duration::from_millis(1) };
    /// For what starts many threads.
    pub(crate) const LONG: Rounds = Rounds { rounds: 51, each: Duration::from_millis(8) };

    /// Runs all of them, and keeps what a message took in each round.
    pub(crate) fn run(self, ours: Vec<Way<'_>>, peers: Vec<Way<'_>>) -> Results {
        let ours_end = ours.len();
        let ways = ours.into_iter().chain(peers);
        let mut lanes: Vec<_> = ways.map(|way| Lane::warm(way, self.each)).collect();
        let count = lanes.len();
        for round in 0..self.rounds {
            (0..count).for_each(|at| lanes[(round + at) % count].round());
        }
        let samples = lanes.into_iter().map(|lane| Samples::new(lane.way.name, lane.times));
        Results { samples: samples.collect(), ours: ours_end }
    }
}

struct Lane<'a> {
    way: Way<'a>,
    count: u64,
    times: Vec<f64>,
}

impl<'a> Lane<'a> {
    /// Finds the count that takes about `each`. What else the machine does can make a run long,
    /// never short.
    fn warm(mut way: Way<'a>, each: Duration) -> Lane<'a> {
        let mut count = 1;
        loop {
            let took = (0..3).map(|_| (way.run)(count)).min().expect("there are three");
            if took >= each / 2 {
                let fits = each.as_secs_f64() / took.as_secs_f64();
                let count = ((count as f64 * fits) as u64).max(1);
                return Lane { way, count, times: Vec::new() };
            }
            count *= 2;
        }
    }

    fn round(&mut self) {
        let took = (self.way.run)(self.count);
        self.times.push(took.as_nanos() as f64 / self.count as f64);
    }
}

/// Nanoseconds a message of one way, by round.
#[derive(Clone, Serialize)]
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    pub(crate) median: f64,
    pub(crate) quartiles: [f64; 2],
    #[serde(skip)]
    rounds: Vec<f64>,
}

impl Samples {
    pub(crate) fn new(name: &'static str, rounds: Vec<f64>) -> Samples {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| sorted[(sorted.len() - 1) * part / 4];
        Samples { name, median: at(2), quartiles: [at(1), at(3)], rounds }
    }

    /// How many times those of `other` these are, round by round: what changes the machine from
    /// one round to another changes both. The median.
    pub(crate) fn times(&self, other: &Samples) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Samples::new(self.name, pairs.map(|(mine, its)| mine / its).collect()).median
    }
}

/// What the ways took, in the rounds of one run.
pub(crate) struct Results {
    samples: Vec<Samples>,
    /// The first ones; the others are peers.
    ours: usize,
}

impl Results {
    /// # Panics
    /// Where no way has this name.
    pub(crate) fn of(&self, name: &str) -> &Samples {
        let found = self.samples.iter().find(|samples| samples.name == name);
        found.unwrap_or_else(|| panic!("{name:?} did not run"))
    }

    /// The quickest peer.
    pub(crate) fn best(&self) -> &Samples {
        self.best_of("")
    }

    /// The quickest peer of those whose names begin so.
    ///
    /// # Panics
    /// Where there is none.
    pub(crate) fn best_of(&self, names: &str) -> &Samples {
        let named = self.samples[self.ours..].iter().filter(|way| way.name.starts_with(names));
        let best = named.min_by(|one, other| one.median.total_cmp(&other.median));
        best.unwrap_or_else(|| panic!("no peer's name begins with {names:?}"))
    }

    /// What each of `count` more of something takes, that one way has and another has not: their
    /// difference, round by round.
    pub(crate) fn each(&self, with: &str, without: &str, count: usize) -> Samples {
        let (with, without) = (self.of(with), self.of(without));
        let pairs = with.rounds.iter().zip(&without.rounds);
        let each = pairs.map(|(with, without)| (with - without) / count as f64);
        Samples::new(with.name, each.collect())
    }

    pub(crate) fn into_samples(self) -> Vec<Samples> {
        self.samples
    }
}
