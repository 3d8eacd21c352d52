//! The head of a record: all that a message needs that is answered at once. Its late part is
//! written only once a target has kept the message; until then it is uninitialised memory that
//! costs nothing.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use core::mem::ManuallyDrop;
use core::mem::MaybeUninit;

#[cfg(feature = "alloc")]
use crate::count::Meter;
use crate::{
    chain::Chain,
    count::{Counts, LayerId},
    data::Slot,
    late::Late,
};

/// What begins as zero lies together, for a message costs little more than these stores.
#[repr(C)]
pub(crate) struct Record<B: 'static> {
    pub(crate) body: B,
    pub(crate) late: *mut Late<B>,
    pub(crate) data: Slot,
    /// But for the message itself.
    extra: Counts,
    /// Dropped by those who put one in: most messages have none, and needn't look.
    #[cfg(feature = "alloc")]
    pub(crate) meter: ManuallyDrop<Option<Box<Meter>>>,
    /// Names given, up to two (a path; where a rename or link goes).
    named: u8,
    /// The sender does not wait, so the message may queue behind what its own chain holds.
    pub(crate) sent: bool,
    /// Frames written.
    pub(crate) frames: u16,
    /// Frames written, and room for those of the layers that are passing the message down.
    pub(crate) depth: u32,
    pub(crate) chain: Chain,
    /// In private memory of the sender; the first `named` are written.
    names: [MaybeUninit<*const [u8]>; 2],
}

impl<B> Record<B> {
    #[inline]
    pub(crate) fn new(body: B, data: Slot, late: *mut Late<B>) -> Record<B> {
        Record {
            body,
            late,
            data,
            extra: Counts::default(),
            #[cfg(feature = "alloc")]
            meter: ManuallyDrop::new(None),
            named: 0,
            sent: false,
            frames: 0,
            depth: 0,
            chain: Chain::empty(),
            names: [const { MaybeUninit::uninit() }; 2],
        }
    }

    /// Forgets the last way down: a target that unwound may have left some of it.
    #[inline]
    pub(crate) fn restart(&mut self) {
        (self.frames, self.depth) = (0, 0);
        self.chain.clear();
    }

    /// Adds a name, which the sender leaves alone until the reply.
    pub(crate) fn push_name(&mut self, name: *const [u8]) {
        assert!(self.named < 2, "a message carries two names at most");
        self.names[usize::from(self.named)].write(name);
        self.named += 1;
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
        let mut counts = self.extra;
        counts.messages = counts.messages.wrapping_add(1);
        counts
    }

    /// Counts from the message itself on.
    pub(crate) fn clear_counts(&mut self) {
        self.extra = Counts::default();
    }

    /// Adds counts that the meter has had.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.extra += counts;
    }

    #[inline]
    pub(crate) fn count(&mut self, counts: Counts) {
        self.extra += counts;
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
