//! Records what passes: operation, range, latency, result. It looks at nothing, and never at
//! names or data.
//!
//! The records are in a ring: the newest push the oldest out. They are read with
//! [`Driver::report`], oldest first, a JSON object a line.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod record;

use alloc::{collections::VecDeque, format, sync::Arc, vec::Vec};
use core::fmt;

use driver::{
    Body, Built, Context, Description, Driver, Exchange, Features, Kind, Lower, OptionKind,
    OptionSpec, Options, Outcome, Port, Request, Saved, Stands, Status, Time,
};

use record::Record;

/// A layer that records what passes.
pub struct Trace {
    lower: Lower,
    now: fn() -> Time,
    most: usize,
    ring: spin::Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    last: u64,
    records: VecDeque<Record>,
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "trace",
    help: "records what passes, to be read with portctl trace",
    stands: Stands::OnOne,
    options: &[OptionSpec {
        key: "records",
        kind: OptionKind::Integer,
        required: false,
        help: "how many of the latest are kept (1024)",
    }],
    make,
};

const MOST: u64 = 1 << 20;

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let most = options.integer("records").unwrap_or(1024);
    if !(1..=MOST).contains(&most) {
        return Err(format!("records = {most} makes no sense: use 1 to {MOST}"));
    }
    let (most, now) = (most as usize, context.now);
    // All the room from the start: a request allocates nothing.
    let records = VecDeque::with_capacity(most);
    Ok(Arc::new(Trace { lower, now, most, ring: spin::Mutex::new(Ring { last: 0, records }) }))
}

fn nanoseconds(time: Time) -> u64 {
    time.sec.wrapping_mul(1_000_000_000).wrapping_add(time.nsec.into())
}

impl Port<Body> for Trace {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let saved = [nanoseconds((self.now)()), request.len() as u64, 0];
        request.forward(self, &self.lower.port, saved)
    }

    #[inline]
    fn up<'s>(
        &'s self,
        request: Request<'s>,
        status: Status,
        [start, len, _]: Saved,
    ) -> Outcome<'s, Body> {
        let took = nanoseconds((self.now)()).saturating_sub(start);
        let mut record = Record::new(request.body(), len, start, took, status);
        let ring = &mut *self.ring.lock();
        if ring.records.len() == self.most {
            ring.records.pop_front();
        }
        ring.last += 1;
        record.number = ring.last;
        ring.records.push_back(record);
        request.done(status)
    }
}

impl Driver for Trace {
    fn describe(&self) -> Description {
        let described = self.lower.description;
        Description { features: described.features | Features::CONCURRENT, ..described }
    }

    fn passes_data(&self) -> bool {
        true
    }

    /// The records, oldest first: number, operation, node, offset and length where it has them,
    /// uid, start and latency in nanoseconds, result: a count, or the name of an error.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        // Copied, so that nobody waits while they are written.
        let records: Vec<Record> = self.ring.lock().records.iter().copied().collect();
        records.iter().try_for_each(|record| record.write(out))
    }
}
