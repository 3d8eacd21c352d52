//! The contents: pages that were written to, by number.

use alloc::{boxed::Box, collections::BTreeMap};
use core::ops::Range;

use driver::{Errno, Exchange, Request};

const PAGE: usize = 4096;

#[derive(Default)]
pub(crate) struct Pages(BTreeMap<u64, Box<[u8; PAGE]>>);

/// The part of one page that a request touches.
struct Span {
    page: u64,
    within: Range<usize>,
    /// Where that lies in the request's data.
    at: usize,
}

fn spans(offset: u64, len: usize) -> impl Iterator<Item = Span> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let place = offset + at as u64;
        let start = (place % PAGE as u64) as usize;
        let within = start..PAGE.min(start + (len - at));
        let span = Span { page: place / PAGE as u64, within, at };
        at += span.within.len();
        (!span.within.is_empty()).then_some(span)
    })
}

impl Pages {
    pub(crate) fn resident(&self) -> u64 {
        (self.0.len() * PAGE) as u64
    }

    pub(crate) fn read(
        &self,
        request: &mut Request<'_>,
        offset: u64,
        len: usize,
    ) -> Result<(), Errno> {
        for Span { page, within, at } in spans(offset, len) {
            match self.0.get(&page) {
                Some(bytes) => request.fill(at, &bytes[within])?,
                None => request.fill_zero(at..at + within.len())?,
            }
        }
        Ok(())
    }

    pub(crate) fn write(
        &mut self,
        request: &mut Request<'_>,
        offset: u64,
        len: usize,
    ) -> Result<(), Errno> {
        for Span { page, within, at } in spans(offset, len) {
            let bytes = self.0.entry(page).or_insert_with(|| Box::new([0; PAGE]));
            request.fetch(at, &mut bytes[within])?;
        }
        Ok(())
    }

    /// Whole pages are freed, the rest of the range becomes zeros.
    pub(crate) fn discard(&mut self, offset: u64, len: usize) {
        let end = offset + len as u64;
        let first = end.min(offset.next_multiple_of(PAGE as u64));
        let last = first.max(end - end % PAGE as u64);
        self.zero(offset..first);
        self.free(first / PAGE as u64..last / PAGE as u64);
        self.zero(last..end);
    }

    fn zero(&mut self, range: Range<u64>) {
        for Span { page, within, .. } in spans(range.start, (range.end - range.start) as usize) {
            if let Some(bytes) = self.0.get_mut(&page) {
                bytes[within].fill(0);
            }
        }
    }

    fn free(&mut self, pages: Range<u64>) {
        let mut tail = self.0.split_off(&pages.start);
        self.0.append(&mut tail.split_off(&pages.end));
    }
}
