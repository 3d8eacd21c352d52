//! The same contents on several block devices (RAID 1). It looks at nothing.
//!
//! Writes go to all halves, as children that share the data; a read goes to one, and to another
//! where that fails. A write counts where one half has it. What a half lacks is stale there, is
//! not read from it, and is copied to it by and by: see [`Driver::tend`].
//!
//! Which half lacks what is known only as long as the driver lives. After that the description
//! has to say which half is to be copied anew: `rebuild = 2`.
//!
//! A stop between the halves' writes leaves halves that differ, and nobody has noted where, for
//! the driver keeps nothing on the disks. With `unclean = true` the first half is believed (the
//! second with `rebuild = 1`) and the rest is stale until it is copied: what was read once is
//! never read otherwise, and what the believed half can't give meanwhile is `EIO`. Who can't
//! know how the last run ended says it always; the price is a copy of the disk at each start.
//!
//! As on any disk, writes that overlap and are under way together leave either's bytes; but the
//! same ones on every half, in the end.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod copy;
mod read;
mod state;
mod tally;

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering::Release},
};

use driver::{
    Access, Body, Child, Description, Driver, Errno, Exchange, Fan, Lower, Node, Op, Outcome, Part,
    Port, Request, Saved, Status, Wait,
};

use alloc::vec::Vec;

pub use config::KIND;

use state::State;
use tally::{Tally, tally};

/// Several block devices with the same contents.
pub struct Mirror {
    halves: Vec<Lower>,
    description: Description,
    fan: Fan<Body>,
    state: spin::Mutex<State>,
    /// No half lacks anything: reads need not look at the state.
    whole: AtomicBool,
    wait: &'static (dyn Wait + Sync),
}

impl Mirror {
    /// Changes what is known of the halves.
    fn learn<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.whole.store(state.is_whole(), Release);
        result
    }

    /// How much of `len` bytes from `offset` on there is. `EINVAL` where they are misaligned.
    fn room(&self, offset: u64, len: u64) -> Result<u64, Errno> {
        if (offset | len) & (u64::from(self.description.block_size) - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.description.size.saturating_sub(offset)))
    }

    fn write<'s>(&'s self, request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        match self.room(offset, request.len() as u64) {
            Ok(0) if request.is_empty() => request.done(Status::OK),
            Ok(0) => request.done(Errno::ENOSPC),
            // The halves are to read the same bytes, which nobody may of what is room.
            Ok(_) if !request.access().contains(Access::FETCH) => request.done(Errno::EFAULT),
            Ok(len) => self.change(request, offset, len, len as usize),
            Err(errno) => request.done(errno),
        }
    }

    fn discard<'s>(&'s self, mut request: Request<'s>, offset: u64, len: u64) -> Outcome<'s, Body> {
        match self.room(offset, len) {
            Ok(0) => request.done(Status::OK),
            Ok(fits) => {
                request.body_mut().op = Op::Discard { offset, len: fits };
                self.change(request, len, fits, 0)
            }
            Err(errno) => request.done(errno),
        }
    }

    /// Passes what changes `len` bytes to all halves, each with as much `data`. `own` is what
    /// the request is to have again: a write's offset, a discard's length.
    fn change<'s>(
        &'s self,
        request: Request<'s>,
        own: u64,
        len: u64,
        data: usize,
    ) -> Outcome<'s, Body> {
        let body = *request.body();
        let start = match body.op {
            Op::Write { offset, .. } | Op::Discard { offset, .. } => offset,
            _ => 0,
        };
        let id = self.state.lock().next_id();
        let children = self.halves.iter().enumerate().map(move |(half, lower)| {
            if half == 0 {
                // Only now is it sure that the completion will be heard of.
                self.state.lock().begin(id, start..start + len);
            }
            Child { port: &lower.port, body, range: 0..data }
        });
        self.fan.forward(request, self, children, tally, [own, id, data as u64])
    }

    /// A change has come to an end on every half.
    fn changed<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        [own, id, data]: Saved,
    ) -> Outcome<'s, Body> {
        if let Op::Discard { len, .. } = &mut request.body_mut().op {
            *len = own;
        }
        let flushed = matches!(request.body().op, Op::Flush { .. });
        let all = flushed.then_some(self.description.size);
        let tally = self.learn(|state| state.end(id, Tally::of(status), all));
        request.done(tally.outcome(data as usize))
    }
}

impl Port<Body> for Mirror {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { node: Node::ROOT, offset } => self.read(request, offset),
            Op::Write { node: Node::ROOT, offset } => self.write(request, offset),
            Op::Discard { offset, len } => self.discard(request, offset, len),
            Op::Flush { node: Node::ROOT } => self.change(request, 0, 0, 0),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => request.done(Errno::ESTALE),
            _ => request.done(Errno::EOPNOTSUPP),
        }
    }

    #[inline]
    fn up<'s>(&'s self, request: Request<'s>, status: Status, saved: Saved) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { offset, .. } => self.was_read(request, status, offset, saved),
            _ => self.changed(request, status, saved),
        }
    }
}

impl Driver for Mirror {
    fn describe(&self) -> Description {
        self.description
    }

    /// An object a half: bytes that are stale there, requests that it failed; and what was
    /// copied to it since the start.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.state.lock().report(out, self.description.size)
    }

    /// Copies a piece of what a half lacks from one that has it.
    fn tend(&self) -> bool {
        self.copy_piece()
    }

    fn tends(&self) -> bool {
        true
    }
}

/// Gives the request its own part of the data again, and completes it.
fn restored(mut request: Request<'_>, part: [u64; 2], status: Status) -> Outcome<'_, Body> {
    match request.restore(Part::from_words(part)) {
        Ok(()) => request.done(status),
        Err(errno) => request.done(errno),
    }
}
