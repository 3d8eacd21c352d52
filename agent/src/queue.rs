//! A list of messages that wait, linked through the messages themselves: it has room for every
//! one. What a list holds belongs to whoever has the list exclusively.

use core::ptr::NonNull;

use crate::{
    access,
    port::MessageId,
    record::{Flags, Record},
};

/// A message that waits.
pub(crate) type Rec<B> = NonNull<Record<B>>;

/// First come, first served.
pub(crate) struct List<B: 'static> {
    first: Option<Rec<B>>,
    /// Of use where there is a first one.
    last: Option<Rec<B>>,
}

// SAFETY: listed records are held exclusively by the list, and may change threads as `Kept` may.
unsafe impl<B: Send> Send for List<B> {}

impl<B> List<B> {
    pub(crate) const fn new() -> List<B> {
        List { first: None, last: None }
    }

    /// # Safety
    /// The caller holds the record and gives it to the list.
    #[inline]
    pub(crate) unsafe fn push(&mut self, record: Rec<B>) {
        // SAFETY: held by the caller.
        unsafe { access::own(record) }.next = None;
        match self.last.replace(record).filter(|_| self.first.is_some()) {
            // SAFETY: held by the list.
            Some(last) => unsafe { access::own(last) }.next = Some(record),
            None => self.first = Some(record),
        }
    }

    /// The next one, held by the caller from here on.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Rec<B>> {
        let record = self.first?;
        // SAFETY: held by the list.
        self.first = unsafe { access::own(record) }.next;
        Some(record)
    }

    /// The first record that `wanted` says yes to; it stays listed.
    pub(crate) fn find(&self, wanted: impl Fn(Rec<B>) -> bool) -> Option<Rec<B>> {
        let mut next = self.first;
        while let Some(record) = next {
            if wanted(record) {
                break;
            }
            // SAFETY: held by the list.
            next = unsafe { access::own(record) }.next;
        }
        next
    }

    /// Takes out the first record that `wanted` says yes to.
    pub(crate) fn remove(&mut self, wanted: impl Fn(Rec<B>) -> bool) -> Option<Rec<B>> {
        let (mut found, mut rest) = (None, List::new());
        while let Some(record) = self.pop() {
            if found.is_none() && wanted(record) {
                found = Some(record);
            } else {
                // SAFETY: just taken off the other list.
                unsafe { rest.push(record) };
            }
        }
        *self = rest;
        found
    }
}

/// A queue with a second lane that is always served first.
pub(crate) struct Queue<B: 'static> {
    urgent: List<B>,
    others: List<B>,
    len: usize,
}

impl<B> Queue<B> {
    pub(crate) const fn new() -> Queue<B> {
        Queue { urgent: List::new(), others: List::new(), len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// The caller holds the record and gives it to the queue.
    #[inline]
    pub(crate) unsafe fn push(&mut self, record: Rec<B>) {
        self.len += 1;
        // SAFETY: held by the caller.
        let urgent = unsafe { record.as_ref() }.flags.contains(Flags::PRIORITY);
        let lane = if urgent { &mut self.urgent } else { &mut self.others };
        // SAFETY: as the caller's.
        unsafe { lane.push(record) };
    }

    /// The next one, held by the caller from here on.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Rec<B>> {
        let lane = if self.urgent.first.is_some() { &mut self.urgent } else { &mut self.others };
        let record = lane.pop()?;
        self.len -= 1;
        Some(record)
    }

    /// True where there are some without priority.
    #[inline]
    pub(crate) fn has_others(&self) -> bool {
        self.others.first.is_some()
    }

    /// The next one of those with priority.
    pub(crate) fn pop_urgent(&mut self) -> Option<Rec<B>> {
        let record = self.urgent.pop()?;
        self.len -= 1;
        Some(record)
    }

    /// The next one; it stays queued.
    pub(crate) fn first(&self) -> Option<Rec<B>> {
        self.urgent.first.or(self.others.first)
    }

    /// The first record that `wanted` says yes to; it stays queued.
    pub(crate) fn find(&self, wanted: impl Fn(Rec<B>) -> bool) -> Option<Rec<B>> {
        self.urgent.find(&wanted).or_else(|| self.others.find(&wanted))
    }

    /// Takes out the message of this id, if it is here and `wanted` says yes to it.
    pub(crate) fn remove(
        &mut self,
        id: MessageId,
        wanted: impl Fn(Rec<B>) -> bool,
    ) -> Option<Rec<B>> {
        let this = |record: Rec<B>| record.as_ptr() as usize == id.0 && wanted(record);
        let found = self.urgent.remove(this).or_else(|| self.others.remove(this))?;
        self.len -= 1;
        Some(found)
    }
}
