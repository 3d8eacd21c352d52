//! Counts what passes through it: messages, and those that failed.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use driver::{Body, Description, Driver, Kind, Lower, Outcome, Port, Request, Saved, Status};

/// A layer on any other port.
pub struct Tally(pub Lower, pub [AtomicU64; 2]);

/// How a description of a stack names it, and makes it.
pub const KIND: Kind = Kind {
    name: "tally",
    help: "counts messages and those that failed",
    stands: driver::Stands::OnOne,
    options: &[],
    make: |_, lower, _| Ok(Arc::new(Tally(Lower::required(lower, &KIND)?, Default::default()))),
};

impl Port<Body> for Tally {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.forward(self, &self.0.port, [0; 3])
    }
    fn up<'s>(&'s self, request: Request<'s>, status: Status, _: Saved) -> Outcome<'s, Body> {
        self.1[usize::from(!status.is_ok())].fetch_add(1, Relaxed);
        request.done(status)
    }
}

impl Driver for Tally {
    fn describe(&self) -> Description {
        self.0.description
    }
    fn report(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        let [done, failed] = self.1.each_ref().map(|count| count.load(Relaxed));
        writeln!(out, "{{\"done\":{done},\"failed\":{failed}}}")
    }
}
