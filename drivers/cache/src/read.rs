//! Reading.

use alloc::vec;
use core::{ops::Range, sync::atomic::Ordering::Relaxed};

use driver::{Body, Counts, Errno, Exchange, Outcome, Request, Status};

use crate::{Cache, lines::Lines};

const COPY: Counts = Counts { copies: 1, ..Counts::ZERO };

impl Cache {
    pub(crate) fn read<'s>(&'s self, mut request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        let bytes = match self.room(offset, request.len() as u64) {
            Ok(0) => return request.done(Status::OK),
            Ok(len) => offset..offset + len,
            Err(errno) => return request.done(errno),
        };
        let lines = &mut *self.lines.lock();
        if lines.is_too_much(bytes.end - bytes.start) {
            let touched = lines.touched(&bytes);
            return match self.write_back(lines, &mut request, &touched) {
                Ok(()) => request.pass(&self.below.lower.port),
                Err(errno) => request.done(errno),
            };
        }
        let result = self.read_lines(lines, &mut request, &bytes);
        request.done(result)
    }

    fn read_lines(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        bytes: &Range<u64>,
    ) -> Result<usize, Errno> {
        let touched = lines.touched(bytes);
        let ahead = if lines.goes_on(bytes) { self.ahead } else { 0 };
        let hit = self.load(lines, request, &touched, ahead)?;
        self.figures.asked(hit);
        copy_out(lines, request, bytes)
    }

    /// Has lines read that are not here, and `ahead` more after the last of them; true where all
    /// were here.
    pub(crate) fn load(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        wanted: &Range<u64>,
        ahead: u64,
    ) -> Result<bool, Errno> {
        lines.touch(wanted);
        let mut at = wanted.start;
        while let Some(first) = (at..wanted.end).find(|line| !lines.has(*line)) {
            let end = (first..wanted.end).find(|line| lines.has(*line)).unwrap_or(wanted.end);
            let more = if end == wanted.end { self.beyond(lines, end, ahead) } else { end };
            match self.load_run(lines, request, &(first..more)) {
                // What nobody asked for yet may be what can't be read.
                Err(_) if more > end => self.load_run(lines, request, &(first..end))?,
                loaded => loaded?,
            }
            at = end;
        }
        Ok(at == wanted.start)
    }

    /// Where reading ahead from `start` on ends.
    fn beyond(&self, lines: &Lines, start: u64, ahead: u64) -> u64 {
        let end = lines.all().end.min(start + ahead);
        let end = (start..end).find(|line| lines.has(*line)).unwrap_or(end);
        self.figures.ahead.fetch_add(end.saturating_sub(start), Relaxed);
        end.max(start)
    }

    fn load_run(
        &self,
        lines: &mut Lines,
        request: &mut Request<'_>,
        run: &Range<u64>,
    ) -> Result<(), Errno> {
        self.make_room(lines, request, run.end - run.start)?;
        let range = lines.range(run);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.below.read(request, range.start, &mut bytes)?;
        request.count(COPY);
        for span in lines.spans(&range) {
            lines.put(span.line, &bytes[span.at..span.at + span.within.len()]);
        }
        self.note(lines);
        Ok(())
    }

    /// What `report` tells.
    pub(crate) fn note(&self, lines: &Lines) {
        self.figures.lines.store(lines.len(), Relaxed);
        self.figures.dirty.store(lines.dirty(), Relaxed);
    }
}

/// Puts kept lines into the request's room: in one look where that is private.
fn copy_out(
    lines: &mut Lines,
    request: &mut Request<'_>,
    bytes: &Range<u64>,
) -> Result<usize, Errno> {
    let spans = lines.spans(bytes);
    if let Some(room) = request.room() {
        for span in spans {
            let line = lines.get(span.line).ok_or(Errno::EIO)?;
            room[span.at..span.at + span.within.len()].copy_from_slice(&line[span.within]);
        }
    } else {
        for span in spans {
            let line = lines.get(span.line).ok_or(Errno::EIO)?;
            request.fill(span.at, &line[span.within])?;
        }
    }
    Ok((bytes.end - bytes.start) as usize)
}
