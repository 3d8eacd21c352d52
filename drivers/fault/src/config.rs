//! Options.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{Built, Context, Errno, Kind, Lower, OptionKind, OptionSpec, Options, Stands};

use crate::{Fault, Rates};

const fn number(key: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { key, kind: OptionKind::Integer, required: false, help }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "fault",
    help: "goes wrong on a seeded schedule",
    stands: Stands::OnOne,
    options: &[
        number("seed", "what the schedule is made from (0)"),
        number("error", "of a thousand requests, how many fail (0)"),
        number("errno", "the number of the error that they fail with (5, EIO)"),
        number("short", "of a thousand transfers, how many are cut short (0)"),
        number("delay", "of a thousand requests, how many are delayed (0)"),
        number("delay_for", "how many others come before a delayed one (8)"),
        number("drop", "of a thousand requests, how many lose their reply (0)"),
        number("power_cut", "the write at which the power is cut, from 1 on (never)"),
    ],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, _: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let plain = Rates::default();
    let errno = options.integer("errno").unwrap_or(plain.errno.0.into());
    let errno = u16::try_from(errno).ok().filter(|errno| (1..4096).contains(errno));
    let rates = Rates {
        error: rate(options, "error")?,
        errno: Errno(errno.ok_or("errno makes no sense: use a number from 1 to 4095")?),
        short: rate(options, "short")?,
        delay: rate(options, "delay")?,
        delay_for: options.integer("delay_for").unwrap_or(plain.delay_for),
        drop: rate(options, "drop")?,
        power_cut: options.integer("power_cut").unwrap_or(0),
    };
    let sum = rates.error + rates.short + rates.delay + rates.drop;
    if sum > 1000 {
        return Err(format!("error, short, delay and drop are {sum} together: 1000 at most"));
    }
    Ok(Arc::new(Fault::new(lower, rates, options.integer("seed").unwrap_or(0))))
}

fn rate(options: &Options, key: &str) -> Result<u32, String> {
    match options.integer(key).unwrap_or(0) {
        rate @ 0..=1000 => Ok(rate as u32),
        rate => Err(format!("{key} = {rate} is more than 1000, which is always")),
    }
}
