//! Who meets which fate.

use core::fmt;

use driver::{Errno, Op};
use fastrand::Rng;

use crate::is_write;

/// How often what goes wrong: of a thousand requests so many. Together a thousand at most.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Are answered with an error.
    pub error: u32,
    /// With this one.
    pub errno: Errno,
    /// Are cut short, of those that transfer more than one block.
    pub short: u32,
    /// Are delayed.
    pub delay: u32,
    /// Until so many others have come.
    pub delay_for: u64,
    /// Lose their reply.
    pub drop: u32,
    /// The write, from 1 on, at which the power is cut; 0 for none.
    pub power_cut: u64,
}

impl Default for Rates {
    /// Nothing goes wrong.
    fn default() -> Rates {
        let (errno, delay_for) = (Errno::EIO, 8);
        Rates { error: 0, errno, short: 0, delay: 0, delay_for, drop: 0, power_cut: 0 }
    }
}

pub(crate) enum Fate {
    Pass,
    Error(Errno),
    Short(usize),
    Delay,
    Drop,
    /// The power is cut, once so much was written.
    Cut(usize),
    Dead,
}

pub(crate) struct Schedule {
    rates: Rates,
    rng: Rng,
    block: u64,
    writes: u64,
    dead: bool,
    requests: u64,
    errors: u64,
    shorts: u64,
    delays: u64,
    drops: u64,
}

impl Schedule {
    pub(crate) fn new(rates: Rates, seed: u64, block: u64) -> Schedule {
        let (rng, block) = (Rng::with_seed(seed), block.max(1));
        Schedule {
            rates,
            rng,
            block,
            writes: 0,
            dead: false,
            requests: 0,
            errors: 0,
            shorts: 0,
            delays: 0,
            drops: 0,
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    /// The next request's.
    pub(crate) fn next(&mut self, op: &Op, len: usize) -> Fate {
        self.requests += 1;
        if self.dead {
            return Fate::Dead;
        }
        self.writes += u64::from(is_write(op));
        if is_write(op) && self.writes == self.rates.power_cut {
            self.dead = true;
            return Fate::Cut(self.part(len + 1));
        }
        // Each request draws once, whatever becomes of it.
        let draw = self.rng.u32(0..1000);
        let Rates { error, errno, short, delay, drop, .. } = self.rates;
        let transfer = matches!(op, Op::Read { .. } | Op::Write { .. });
        if draw < error {
            self.errors += 1;
            Fate::Error(errno)
        } else if draw < error + short {
            if !transfer || len as u64 <= self.block {
                return Fate::Pass;
            }
            self.shorts += 1;
            Fate::Short(self.part(len).max(self.block as usize))
        } else if draw < error + short + delay {
            self.delays += 1;
            Fate::Delay
        } else if draw < error + short + delay + drop {
            self.drops += 1;
            Fate::Drop
        } else {
            Fate::Pass
        }
    }

    /// Whole blocks, less than `below` bytes.
    fn part(&mut self, below: usize) -> usize {
        let blocks = (below as u64).div_ceil(self.block).max(1);
        (self.rng.u64(0..blocks) * self.block) as usize
    }

    pub(crate) fn report(
        &self,
        out: &mut dyn fmt::Write,
        delayed: usize,
        dropped: usize,
    ) -> fmt::Result {
        let Schedule { requests, writes, errors, shorts, delays, drops, dead, .. } = self;
        writeln!(
            out,
            "{{\"requests\":{requests},\"writes\":{writes},\"errors\":{errors},\
             \"shorts\":{shorts},\"delays\":{delays},\"drops\":{drops},\"delayed\":{delayed},\
             \"dropped\":{dropped},\"power\":{}}}",
            !dead
        )
    }
}
