//! Writing, through or back; discarding; making room.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use driver::{Counts, Data, Errno, Exchange, Features, Node, Op, Request};

use crate::{
    Cache,
    lines::{Lines, Span},
};

/// Lines that are written back together.
const RUN: u64 = 64;

impl Cache {
    pub(crate) fn write(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = self.room(offset, request.len() as u64)?;
        if self.description.features.contains(Features::READ_ONLY) {
            return Err(Errno::EROFS);
        }
        if len == 0 {
            return if request.is_empty() { Ok(0) } else { Err(Errno::ENOSPC) };
        }
        let (lines, bytes) = (&mut *self.lines.lock(), offset..offset + len);
        let result = if lines.is_too_much(len) {
            self.write_past(lines, request, &bytes)
        } else if self.write_back {
            self.write_here(lines, request, &bytes)
        } else {
            self.write_through(lines, request, &bytes)
        };
        self.note(lines);
        result
    }

    /// Writes to the disk, from the caller's own memory; nothing of it stays here.
    fn write_past(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        bytes: &Range<u64>,
    ) -> Result<usize, Errno> {
        let touched = lines.touched(bytes);
        self.write_edges_back(lines, request, bytes)?;
        lines.forget(touched);
        let mut origin = request.origin();
        let op = Op::Write { node: Node::ROOT, offset: bytes.start };
        let body = driver::Body::new(op, request.body().cred);
        let len = (bytes.end - bytes.start) as usize;
        let status = match request.lend(0..len) {
            Ok(data) => {
                let mut call = driver::Call::new(body, data);
                self.below.lower.port.call(&mut origin, self.below.wait, &mut call)
            }
            Err(errno) => errno.into(),
        };
        request.rejoin(origin);
        status.result()
    }

    /// A private copy of what is to be written: one look.
    fn copy(&self, request: &mut Request<'_>, bytes: &Range<u64>) -> Result<Vec<u8>, Errno> {
        let mut copy = vec![0; (bytes.end - bytes.start) as usize];
        request.fetch(0, &mut copy)?;
        request.count(Counts { copies: 1, ..Counts::ZERO });
        Ok(copy)
    }

    fn write_through(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        bytes: &Range<u64>,
    ) -> Result<usize, Errno> {
        let copy = self.copy(request, bytes)?;
        lines.touch(&lines.touched(bytes));
        let new = |span: &Span| lines.is_whole(span) && !lines.has(span.line);
        let new = lines.spans(bytes).filter(new).count();
        self.make_room(lines, request, new as u64)?;
        let written = self.below.write(request, bytes.start, &copy);
        if written != Ok(copy.len()) {
            // Nobody knows what lies there now.
            lines.forget(lines.touched(bytes));
            return written;
        }
        for span in lines.spans(bytes) {
            let part = &copy[span.at..span.at + span.within.len()];
            let whole = lines.is_whole(&span);
            match lines.get_mut(span.line) {
                Some(line) => line[span.within].copy_from_slice(part),
                None if whole => lines.put(span.line, part),
                None => {}
            }
        }
        Ok(copy.len())
    }

    /// Writes into lines, which are newer than the disk then.
    fn write_here(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        bytes: &Range<u64>,
    ) -> Result<usize, Errno> {
        for line in self.edges(lines, bytes) {
            self.load(lines, request, &(line..line + 1), 0)?;
        }
        lines.touch(&lines.touched(bytes));
        let new = lines.touched(bytes).filter(|line| !lines.has(*line)).count();
        self.make_room(lines, request, new as u64)?;
        let copy = self.copy(request, bytes)?;
        for span in lines.spans(bytes) {
            let part = &copy[span.at..span.at + span.within.len()];
            match lines.get_mut(span.line) {
                Some(line) => line[span.within].copy_from_slice(part),
                None => lines.put(span.line, part),
            }
            lines.mark(span.line);
        }
        Ok(copy.len())
    }

    /// Lines that a range covers in part.
    fn edges(&self, lines: &Lines, bytes: &Range<u64>) -> Vec<u64> {
        let partial = |span: &Span| !lines.is_whole(span);
        lines.spans(bytes).filter(partial).map(|span| span.line).collect()
    }

    fn write_edges_back(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        bytes: &Range<u64>,
    ) -> Result<(), Errno> {
        self.edges(lines, bytes)
            .into_iter()
            .try_for_each(|line| self.write_back(lines, request, &(line..line + 1)))
    }

    pub(crate) fn discard(
        &self,
        request: &mut Request<'_>,
        offset: u64,
        len: u64,
    ) -> Result<usize, Errno> {
        let room = self.room(offset, len)?;
        if !self.description.features.contains(Features::DISCARD) {
            return Err(Errno::EOPNOTSUPP);
        }
        let (lines, bytes) = (&mut *self.lines.lock(), offset..offset + room);
        if room > 0 {
            self.write_edges_back(lines, request, &bytes)?;
            lines.forget(lines.touched(&bytes));
        }
        self.note(lines);
        self.below.ask(request, Op::Discard { offset, len: room }, Data::NONE)
    }

    /// Lets go of what was not used for longest until there is room for `more` lines.
    pub(crate) fn make_room(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        more: u64,
    ) -> Result<(), Errno> {
        while lines.excess(more) > 0 {
            if let Err(line) = lines.drop_oldest() {
                self.write_back(lines, request, &(line..line + RUN))?;
            }
        }
        Ok(())
    }

    /// Writes what is newer than the disk, in the disk's order.
    pub(crate) fn write_all_back(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
    ) -> Result<(), Errno> {
        let all = lines.all();
        let result = self.write_back(lines, request, &all);
        self.note(lines);
        result
    }

    /// Writes what is newer than the disk among some lines.
    pub(crate) fn write_back(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        among: &Range<u64>,
    ) -> Result<(), Errno> {
        while let Some(run) = lines.dirty_run(among, RUN) {
            let bytes = lines.gather(&run);
            let offset = lines.range(&run).start;
            if self.below.write(request, offset, &bytes)? != bytes.len() {
                return Err(Errno::EIO);
            }
            lines.clean(run);
        }
        Ok(())
    }
}
