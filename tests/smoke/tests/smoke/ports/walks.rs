//! Ports over handles against the model: random steps, the same ones each time.

use super::{
    beside,
    pair::{Step, walk},
    random::Random,
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![ports_over_handles_do_as_the_model];

const WALKS: u64 = 24;
const STEPS: usize = 250;

fn ports_over_handles_do_as_the_model() {
    beside(|_, daemon, _| {
        for seed in 1..=WALKS {
            walk(&daemon.at(&format!("user/0/{seed}-")), steps(Random(seed * 0x9e37_79b9)));
        }
    });
}

fn steps(mut random: Random) -> impl Iterator<Item = Step> {
    let step = move || {
        let mut byte = || random.below(256) as u8;
        Some((byte(), byte(), byte(), byte() & 1 == 1, byte() & 1 == 1))
    };
    std::iter::from_fn(step).take(STEPS)
}
