//! Time of each way to ask, in rounds that take turns, beside that of a plain call.

use std::{hint::black_box, time::Instant};

use bench::Way;

const ROUNDS: usize = 101;
const CALLS: u64 = 20_000;

/// Nanoseconds a call.
fn time(way: Way) -> f64 {
    let start = Instant::now();
    black_box(way.ask(black_box(CALLS)));
    start.elapsed().as_nanos() as f64 / CALLS as f64
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let mut times = Way::ALL.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (times, (_, way)) in times.iter_mut().zip(Way::ALL) {
            times.push(time(way));
        }
    }
    let medians = times.map(|mut times| median(&mut times));
    for ((name, _), median_of) in Way::ALL.iter().zip(medians) {
        println!("{name:14} {median_of:8.2} ns  {:6.2} plain calls", median_of / medians[0]);
    }
}
