//! The head of a record: all that a message needs that is answered at once, in one cache line
//! beside the body. Its late part is written only once a target has kept the message; until
//! then it is uninitialised memory that costs nothing.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use core::mem::ManuallyDrop;
use core::mem::MaybeUninit;

#[cfg(feature = "alloc")]
use crate::count::Meter;
use crate::{
    chain::{Chain, Gates},
    count::{Counts, LayerId, Packed},
    data::Slot,
    late::Late,
};

bitflags::bitflags! {
    /// What the sender chose.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Flags: u8 {
        /// The sender does not wait, so the message may queue behind what its own chain holds.
        const SENT = 1;
        /// Queues put the message before those without.
        const PRIORITY = 2;
        /// The target may drop the message from its queue.
        const DROPPABLE = 4;
        /// The sender wants to hear when the message is queued.
        const RECEIPT = 8;
        /// There is a ticket for the next send.
        const TICKET = 16;
        /// Was dropped: looks as if never sent.
        const DROPPED = 32;
        /// The late part is complete, and with it the state.
        const WHOLE = 64;
    }
}

/// What a target touches lies together, in one cache line; a message costs little more than
/// these stores.
#[repr(C)]
pub(crate) struct Record<B: 'static> {
    pub(crate) data: Slot,
    pub(crate) late: *mut Late<B>,
    /// Dropped by those who put one in: most messages have none, and needn't look.
    #[cfg(feature = "alloc")]
    pub(crate) meter: ManuallyDrop<Option<Box<Meter>>>,
    /// But for the message itself.
    extra: Packed,
    pub(crate) flags: Flags,
    /// Names given, up to two (a path; where a rename or link goes).
    named: u8,
    /// Frames written.
    pub(crate) frames: u8,
    /// Frames written, and room for those of the layers that are passing the message down.
    pub(crate) depth: u8,
    /// Serializers held.
    held: u8,
    pub(crate) body: B,
    /// In private memory of the sender; the first `named` are written.
    names: [MaybeUninit<*const [u8]>; 2],
    /// The first `held` are written.
    gates: Gates,
}

impl<B> Record<B> {
    #[inline]
    pub(crate) fn new(body: B, data: Slot, late: *mut Late<B>) -> Record<B> {
        Record {
            data,
            late,
            #[cfg(feature = "alloc")]
            meter: ManuallyDrop::new(None),
            extra: Packed::ZERO,
            flags: Flags::empty(),
            named: 0,
            frames: 0,
            depth: 0,
            held: 0,
            body,
            names: [const { MaybeUninit::uninit() }; 2],
            gates: Gates::uninit(),
        }
    }

    /// Forgets the last way down: a target that unwound may have left some of it.
    #[inline]
    pub(crate) fn restart(&mut self) {
        (self.frames, self.depth, self.held) = (0, 0, 0);
    }

    /// Makes the record ready to be sent once more. Mostly there is nothing to do, and then nothing
    /// is written: both ends keep the cache line.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn rewind(&mut self) {
        let passed =
            [self.frames, self.depth, self.held, self.flags.bits() & Flags::DROPPED.bits()];
        if u32::from_ne_bytes(passed) != 0 || !self.data.is_wide() || !self.extra.is_zero() {
            self.wind_back_late();
        }
    }

    #[cfg(feature = "alloc")]
    #[cold]
    fn wind_back_late(&mut self) {
        self.wind_back();
    }

    /// The same, and looks at nothing.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn wind_back(&mut self) {
        self.restart();
        self.flags.remove(Flags::DROPPED);
        self.data.widen();
        self.clear_counts();
    }

    /// The serializers that the message's chain of calls holds.
    #[inline]
    pub(crate) fn chain(&mut self) -> Chain<'_> {
        Chain::new(&mut self.held, &mut self.gates)
    }

    /// Holds none any more.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn leave_gates(&mut self) {
        if self.held != 0 {
            self.held = 0;
        }
    }

    /// Holds what the message that causes this one holds. What is not used is not copied.
    #[inline]
    pub(crate) fn inherit(&mut self, held: u8, gates: &Gates) {
        if self.held | held != 0 {
            self.held = held;
            self.copy_gates(gates);
        }
    }

    #[cold]
    fn copy_gates(&mut self, gates: &Gates) {
        self.gates.copy(self.held, gates);
    }

    /// True where the message's chain of calls holds this serializer.
    #[inline]
    pub(crate) fn holds<T>(&self, gate: *const T) -> bool {
        self.held > 0 && self.gates.contains(self.held, gate)
    }

    /// The same as a value, for messages that this one causes.
    pub(crate) fn held(&self) -> (u8, Gates) {
        (self.held, self.gates)
    }

    /// Adds a name, which the sender leaves alone until the reply.
    pub(crate) fn push_name(&mut self, name: *const [u8]) {
        assert!(self.named < 2, "a message carries two names at most");
        self.names[usize::from(self.named)].write(name);
        self.named += 1;
    }

    /// Carries the names that another message carries, which outlives this one.
    #[cfg(feature = "alloc")]
    pub(crate) fn copy_names(&mut self, other: &Record<B>) {
        (self.named, self.names) = (other.named, other.names);
    }

    pub(crate) fn clear_names(&mut self) {
        self.named = 0;
    }

    pub(crate) fn name(&self, index: usize) -> Option<&[u8]> {
        if index >= usize::from(self.named) {
            return None;
        }
        // SAFETY: written, by `push_name`; the bytes stay as they are until the reply.
        Some(unsafe { &*self.names[index].assume_init() })
    }

    /// The counts so far, the message among them.
    #[inline]
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = self.extra.counts();
        counts.messages = counts.messages.wrapping_add(1);
        counts
    }

    /// Adds the counts so far to others.
    #[inline]
    pub(crate) fn add_counts_to(&self, counts: &mut Counts) {
        self.extra.add_to(counts);
    }

    /// Counts from the message itself on.
    pub(crate) fn clear_counts(&mut self) {
        self.extra = Packed::ZERO;
    }

    /// Adds counts that the meter has had.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.extra.add(counts);
    }

    #[inline]
    pub(crate) fn count(&mut self, counts: Counts) {
        self.extra.add(counts);
        #[cfg(feature = "alloc")]
        if let Some(meter) = &mut *self.meter {
            meter.count(counts);
        }
    }

    #[inline]
    pub(crate) fn layer(&self) -> LayerId {
        #[cfg(feature = "alloc")]
        if let Some(meter) = &*self.meter {
            return meter.current();
        }
        0
    }

    #[inline]
    pub(crate) fn switch_layer(&mut self, layer: LayerId) {
        #[cfg(feature = "alloc")]
        if let Some(meter) = &mut *self.meter {
            meter.switch(layer);
        }
        #[cfg(not(feature = "alloc"))]
        let _ = layer;
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn what_an_inline_call_touches_is_one_cache_line_beside_the_body() {
        assert_eq!(core::mem::offset_of!(Record<u64>, body), 64);
    }
}
