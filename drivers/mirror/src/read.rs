//! Reading from one half, and from another where that fails.

use core::{ops::Range, sync::atomic::Ordering::Acquire};

use driver::{Body, Child, Errno, Exchange, Op, Outcome, Request, Saved, Status, prefix};

use crate::{Mirror, restored};

/// Bytes that the halves take turns by.
const TURN: u64 = 128 << 10;

/// The half that a request is at, and a mask of those that failed it; none for a request that
/// was split.
#[derive(Clone, Copy)]
struct Tries {
    at: u8,
    failed: u8,
}

const SPLIT: u8 = u8::MAX;

/// The whole part that a request had, in one word: both are below 4 GiB.
fn pack([start, len]: [u64; 2]) -> u64 {
    start | len << 32
}

fn unpack(word: u64) -> [u64; 2] {
    [word & u64::from(u32::MAX), word >> 32]
}

impl Mirror {
    pub(crate) fn read<'s>(&'s self, mut request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        let len = match self.room(offset, request.len() as u64) {
            Ok(0) => return request.done(Status::OK),
            Ok(len) => len,
            Err(errno) => return request.done(errno),
        };
        let part = pack(request.part().words());
        if let Err(errno) = request.narrow(0..len as usize) {
            return request.done(errno);
        }
        let first = (offset / TURN) as usize % self.halves.len();
        let at = match self.whole.load(Acquire) {
            true => Some(first),
            false => self.state.lock().pick(&(offset..offset + len), 0, first),
        };
        match at {
            Some(at) => self.read_at(request, Tries { at: at as u8, failed: 0 }, part),
            None => self.read_split(request, offset..offset + len, part),
        }
    }

    fn read_at<'s>(&'s self, request: Request<'s>, tries: Tries, part: u64) -> Outcome<'s, Body> {
        let saved = [part, tries.at.into(), tries.failed.into()];
        request.forward(self, &self.halves[usize::from(tries.at)].port, saved)
    }

    /// No half has all of it: each gives what it has. `EIO` where nobody has some of it.
    fn read_split<'s>(
        &'s self,
        request: Request<'s>,
        range: Range<u64>,
        part: u64,
    ) -> Outcome<'s, Body> {
        let (body, mut at) = (*request.body(), range.start);
        let mut pieces = alloc::vec::Vec::new();
        while at < range.end {
            let longest = self.state.lock().longest(&(at..range.end));
            let Some((half, end)) = longest else {
                return restored(request, unpack(part), Errno::EIO.into());
            };
            pieces.push((half, at..end));
            at = end;
        }
        let children = pieces.into_iter().map(move |(half, piece)| Child {
            port: &self.halves[half].port,
            body: Body { op: read_op(body.op, piece.start), ..body },
            range: (piece.start - range.start) as usize..(piece.end - range.start) as usize,
        });
        self.fan.forward(request, self, children, prefix, [part, SPLIT.into(), 0])
    }

    /// A half has answered. Where it failed, another is asked.
    pub(crate) fn was_read<'s>(
        &'s self,
        request: Request<'s>,
        status: Status,
        offset: u64,
        [part, at, failed]: Saved,
    ) -> Outcome<'s, Body> {
        let (range, at, failed) = (offset..offset + request.len() as u64, at as u8, failed as u8);
        if at == SPLIT || status == Errno::ECANCELED.into() {
            return restored(request, unpack(part), status);
        }
        if status == Status::ok(request.len()) {
            self.note_failed(failed, &range);
            return restored(request, unpack(part), status);
        }
        let failed = failed | 1 << at;
        let next = self.state.lock().pick(&range, failed.into(), usize::from(at) + 1);
        match next {
            Some(next) => self.read_at(request, Tries { at: next as u8, failed }, part),
            None => restored(request, unpack(part), status),
        }
    }

    /// Halves that could not give what another could lack it.
    fn note_failed(&self, failed: u8, range: &Range<u64>) {
        if failed != 0 {
            let halves = (0..self.halves.len()).filter(|half| failed >> half & 1 == 1);
            self.learn(|state| halves.for_each(|half| state.failed(half, range.clone())));
        }
    }
}

fn read_op(op: Op, to: u64) -> Op {
    match op {
        Op::Read { node, .. } => Op::Read { node, offset: to },
        other => other,
    }
}
