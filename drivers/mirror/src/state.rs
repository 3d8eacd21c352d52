//! Which half lacks what, and what is under way.

use alloc::{vec, vec::Vec};
use core::{fmt, ops::Range};

use rangemap::RangeSet;

use crate::tally::Tally;

/// What is known of the halves. Every byte is good on one of them at least.
pub(crate) struct State {
    halves: Vec<Half>,
    changes: Vec<Change>,
    last_id: u64,
    copying: Option<Copying>,
    /// Where the search for something to copy goes on: the half that lacks it, and the place.
    cursor: (usize, u64),
    /// Of what the search has left behind, some can be copied at once.
    again: bool,
}

#[derive(Clone, Default)]
struct Half {
    /// Bytes that others have and this one lacks.
    stale: RangeSet<u64>,
    failed: u64,
    copied: u64,
}

/// A change that is under way.
struct Change {
    id: u64,
    range: Range<u64>,
    /// Another one overlaps: each half may have them in another order.
    mixed: bool,
    /// Old bytes were being copied to this half meanwhile: it may have those instead.
    spoilt: Option<usize>,
}

/// A piece that is to be copied.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) range: Range<u64>,
}

struct Copying {
    to: usize,
    range: Range<u64>,
    /// A change came meanwhile: what is copied may be old.
    touched: bool,
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

impl State {
    pub(crate) fn new(halves: usize) -> State {
        State {
            halves: vec![Half::default(); halves],
            changes: Vec::new(),
            last_id: 0,
            copying: None,
            cursor: (0, 0),
            again: false,
        }
    }

    /// True where no half lacks anything.
    pub(crate) fn is_whole(&self) -> bool {
        self.halves.iter().all(|half| half.stale.is_empty())
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A change of a range begins.
    pub(crate) fn begin(&mut self, id: u64, range: Range<u64>) {
        let mut mixed = false;
        for other in self.changes.iter_mut().filter(|other| overlap(&other.range, &range)) {
            (other.mixed, mixed) = (true, true);
        }
        let copying = self.copying.as_mut().filter(|copying| overlap(&copying.range, &range));
        let spoilt = copying.map(|copying| {
            copying.touched = true;
            copying.to
        });
        self.changes.push(Change { id, range, mixed, spoilt });
    }

    /// A change has ended; on which halves it really has. A flush, of `all`, has no range: a half that failed it may lack any
    /// of what was written.
    pub(crate) fn end(&mut self, id: u64, tally: Tally, all: Option<u64>) -> Tally {
        let Some(at) = self.changes.iter().position(|change| change.id == id) else { return tally };
        let Change { range, mixed, spoilt, .. } = self.changes.swap_remove(at);
        if tally.is_empty() {
            return tally;
        }
        for (half, known) in self.halves.iter_mut().enumerate() {
            known.failed += u64::from(!tally.is_done(half) && !tally.is_cancelled(half));
        }
        let tally = spoilt.map_or(tally, |half| tally.without(half));
        let range = all.map_or(range, |size| 0..size);
        match (all.is_some(), tally.is_done_somewhere()) {
            (true, false) => {}
            (true, true) => (0..self.halves.len())
                .filter(|half| !tally.is_done(*half))
                .for_each(|half| self.lose(half, range.clone())),
            (false, true) if !mixed => self.settle(&range, &tally),
            (false, _) => self.differ(&range, &tally),
        }
        tally
    }

    /// Some halves have the change, and those have the range; the others lack it.
    fn settle(&mut self, range: &Range<u64>, tally: &Tally) {
        for half in 0..self.halves.len() {
            if tally.is_done(half) {
                self.found(half, range);
            } else {
                self.lose(half, range.clone());
            }
        }
    }

    /// Nobody knows what the halves have: one of them is believed from here on. Rather one that
    /// has the change, or else one that was only told to leave it.
    fn differ(&mut self, range: &Range<u64>, tally: &Tally) {
        let good = |half: &usize| !self.halves[*half].stale.overlaps(range);
        let halves = || 0..self.halves.len();
        let believed = halves()
            .find(|half| tally.is_done(*half))
            .or_else(|| halves().find(|half| good(half) && tally.is_cancelled(*half)))
            .or_else(|| halves().find(good))
            .unwrap_or(0);
        if tally.is_done(believed) {
            self.found(believed, range);
        }
        let known: Vec<Range<u64>> = self.halves[believed].stale.gaps(range).collect();
        for half in (0..self.halves.len()).filter(|half| *half != believed) {
            known.iter().for_each(|part| self.lose(half, part.clone()));
        }
    }

    /// A half lacks a range.
    pub(crate) fn lose(&mut self, half: usize, range: Range<u64>) {
        if !range.is_empty() {
            self.halves[half].stale.insert(range);
        }
    }

    fn found(&mut self, half: usize, range: &Range<u64>) {
        if !range.is_empty() {
            self.halves[half].stale.remove(range.clone());
        }
    }

    /// A half could not give a range that another gave.
    pub(crate) fn failed(&mut self, half: usize, range: Range<u64>) {
        self.halves[half].failed += 1;
        self.lose(half, range);
    }

    /// A half that has all of a range, none of those in the mask `tried`; the search begins at
    /// `first`.
    pub(crate) fn pick(&self, range: &Range<u64>, tried: usize, first: usize) -> Option<usize> {
        let count = self.halves.len();
        let has =
            |half: &usize| tried >> half & 1 == 0 && !self.halves[*half].stale.overlaps(range);
        (0..count).map(|turn| (first + turn) % count).find(has)
    }

    /// The half that has the most of a range from its start on, and up to where.
    pub(crate) fn longest(&self, range: &Range<u64>) -> Option<(usize, u64)> {
        let reach =
            |half: &Half| half.stale.overlapping(range).next().map_or(range.end, |r| r.start);
        let reaches = self.halves.iter().map(reach).enumerate();
        reaches.max_by_key(|(_, end)| *end).filter(|(_, end)| *end > range.start)
    }

    /// The next piece to copy, of `most` bytes; taken until [`copied`](State::copied).
    pub(crate) fn next_piece(&mut self, most: u64) -> Option<Piece> {
        if self.copying.is_some() {
            return None;
        }
        let piece = self.find_piece(most).or_else(|| {
            self.cursor = (0, 0);
            core::mem::take(&mut self.again).then(|| self.find_piece(most)).flatten()
        })?;
        self.copying = Some(Copying { to: piece.to, range: piece.range.clone(), touched: false });
        Some(piece)
    }

    fn find_piece(&self, most: u64) -> Option<Piece> {
        let (first, at) = self.cursor;
        let rest = (first + 1..self.halves.len()).map(|half| (half, 0));
        let mut places = core::iter::once((first, at)).chain(rest);
        places.find_map(|(to, at)| self.find_piece_for(to, at, most))
    }

    /// The first piece from `at` on that a half lacks, another has, and no change is under way in.
    fn find_piece_for(&self, to: usize, mut at: u64, most: u64) -> Option<Piece> {
        for stale in self.halves[to].stale.iter() {
            at = at.max(stale.start);
            while at < stale.end {
                let wanted = at..stale.end.min(at.saturating_add(most));
                let (from, end) = self.longest(&wanted).unwrap_or((to, wanted.end));
                let range = at..end;
                if from != to && !self.changes.iter().any(|change| overlap(&change.range, &range)) {
                    return Some(Piece { from, to, range });
                }
                at = end;
            }
        }
        None
    }

    /// A piece was copied, or could not be: then what comes after it is next. Where a change was
    /// all that was in the way, the search comes back to it.
    pub(crate) fn copied(&mut self, piece: &Piece, done: bool) {
        let touched = self.copying.take().is_none_or(|copying| copying.touched);
        if done && !touched {
            self.found(piece.to, &piece.range);
            self.halves[piece.to].copied += piece.range.end - piece.range.start;
        } else {
            self.cursor = (piece.to, piece.range.end);
            self.again |= done;
        }
    }

    pub(crate) fn report(&self, out: &mut dyn fmt::Write, size: u64) -> fmt::Result {
        for (half, Half { stale, failed, copied }) in self.halves.iter().enumerate() {
            let stale: u64 = stale.iter().map(|range| range.end - range.start).sum();
            writeln!(
                out,
                "{{\"half\":{},\"size\":{size},\"stale\":{stale},\"copied\":{copied},\
                 \"failed\":{failed}}}",
                half + 1
            )?;
        }
        Ok(())
    }
}
