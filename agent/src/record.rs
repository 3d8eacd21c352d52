//! The head of a record: all that a message needs that is answered at once, in one cache line
//! beside the body. What stands behind it, its course, and its late part are written only once a
//! target has kept the message; until then they are uninitialised memory that costs nothing.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use core::mem::ManuallyDrop;
use core::{
    mem::{MaybeUninit, offset_of},
    ops::Range,
    ptr::NonNull,
};

#[cfg(feature = "alloc")]
use crate::count::Meter;
use crate::{
    chain::{Chain, Gates},
    count::{Counts, LayerId, Packed},
    data::Slot,
    late::{Course, Late},
    status::Errno,
};

bitflags::bitflags! {
    /// What the sender chose.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Flags: u32 {
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
        /// Only a part of the data may be seen now.
        const NARROWED = 128;
        /// There are counts but for the message itself.
        const COUNTED = 256;
        /// There is a meter.
        const METERED = 512;
        /// A port is kept alive, or several.
        const HOLDS = 1024;
        /// In an allocation of its own, with what it owns.
        const ALLOCATED = 2048;
    }
}

impl Flags {
    /// Of a message that is sent with nothing special.
    pub(crate) const OF_SENT: Flags = Flags::SENT.union(Flags::WHOLE).union(Flags::ALLOCATED);
}

/// What a target touches lies together, in one cache line; a message costs little more than
/// these stores.
#[repr(C)]
pub(crate) struct Record<B: 'static> {
    /// Names given, in private memory of the sender; the first `named` are written.
    names: [MaybeUninit<*const [u8]>; 2],
    /// The first `held` are written.
    gates: Gates,
    pub(crate) data: Slot,
    pub(crate) late: *mut Late<B>,
    /// Dropped by those who put one in: most messages have none, and needn't look.
    #[cfg(feature = "alloc")]
    meter: ManuallyDrop<Option<Box<Meter>>>,
    /// But for the message itself.
    extra: Packed,
    pub(crate) flags: Flags,
    /// Frames written.
    pub(crate) frames: u8,
    /// Serializers held.
    held: u8,
    /// Names given, up to two (a path; where a rename or link goes).
    named: u8,
    /// From the flags on, all is looked at as one word.
    spare: u8,
    /// The course shares its cache line where there is room.
    pub(crate) body: B,
}

/// A record, and its course at a place that is known from the record's.
#[repr(C)]
pub(crate) struct Whole<B: 'static> {
    pub(crate) record: Record<B>,
    pub(crate) course: MaybeUninit<Course<B>>,
}

impl<B> Whole<B> {
    #[inline]
    pub(crate) fn new(record: Record<B>) -> Whole<B> {
        Whole { record, course: MaybeUninit::uninit() }
    }

    /// The record, as what leads to the course too.
    #[inline]
    pub(crate) fn record_in(this: NonNull<Whole<B>>) -> NonNull<Record<B>> {
        this.cast()
    }

    /// The course of a record that is a whole one's.
    #[inline]
    pub(crate) fn course_of(record: NonNull<Record<B>>) -> *mut Course<B> {
        record.as_ptr().wrapping_byte_add(offset_of!(Whole<B>, course)).cast()
    }
}

impl<B> Record<B> {
    #[inline]
    pub(crate) fn new(body: B, data: Slot, late: *mut Late<B>) -> Record<B> {
        Record {
            names: [const { MaybeUninit::uninit() }; 2],
            gates: Gates::uninit(),
            data,
            late,
            #[cfg(feature = "alloc")]
            meter: ManuallyDrop::new(None),
            extra: Packed::ZERO,
            flags: Flags::empty(),
            frames: 0,
            held: 0,
            named: 0,
            spare: 0,
            body,
        }
    }

    /// Forgets the last way down: a target that unwound may have left some of it.
    #[inline]
    pub(crate) fn restart(&mut self) {
        (self.frames, self.held) = (0, 0);
    }

    /// True of a message that is sent with nothing special, and that its last way has left as it
    /// was: as of most. It can be sent as it is, and nothing is written: both ends keep the cache
    /// line.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        const PLAIN: u64 = Record::<()>::word(Flags::OF_SENT, [0; 4]);
        // One load, as the compiler sees.
        Self::word(self.flags, [self.frames, self.held, self.named, self.spare]) == PLAIN
    }

    #[inline(always)]
    const fn word(flags: Flags, [one, two, three, four]: [u8; 4]) -> u64 {
        let (low, high) = ((one as u64) | (two as u64) << 8, (three as u64) | (four as u64) << 8);
        flags.bits() as u64 | low << 32 | high << 48
    }

    /// Makes the record ready to be sent once more.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn rewind(&mut self) {
        if !self.is_plain() {
            self.wind_back();
        }
    }

    #[cfg(feature = "alloc")]
    #[cold]
    pub(crate) fn wind_back(&mut self) {
        self.restart();
        self.flags.remove(Flags::DROPPED);
        self.widen();
        self.clear_counts();
    }

    /// As `Slot::narrow`.
    pub(crate) fn narrow(&mut self, range: Range<usize>) -> Result<(), Errno> {
        self.flags.insert(Flags::NARROWED);
        self.data.narrow(range)
    }

    /// As `Slot::restore`.
    pub(crate) fn restore(&mut self, part: (usize, usize)) -> Result<(), Errno> {
        self.flags.insert(Flags::NARROWED);
        self.data.restore(part)
    }

    #[cfg(feature = "alloc")]
    fn widen(&mut self) {
        self.flags.remove(Flags::NARROWED);
        self.data.widen();
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
        self.flags.remove(Flags::COUNTED);
        self.extra = Packed::ZERO;
    }

    /// Adds counts that the meter has had.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.flags.insert(Flags::COUNTED);
        self.extra.add(counts);
    }

    #[inline]
    pub(crate) fn count(&mut self, counts: Counts) {
        self.flags.insert(Flags::COUNTED);
        self.extra.add(counts);
        #[cfg(feature = "alloc")]
        if let Some(meter) = &mut *self.meter {
            meter.count(counts);
        }
    }

    /// Reads costs by layer; what was set before.
    #[cfg(feature = "alloc")]
    pub(crate) fn set_meter(&mut self, meter: Option<Box<Meter>>) -> Option<Box<Meter>> {
        self.flags.set(Flags::METERED, meter.is_some());
        core::mem::replace(&mut *self.meter, meter)
    }

    /// The meter, if there is one.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn meter(&mut self) -> Option<&mut Meter> {
        self.meter.as_deref_mut()
    }

    /// True where costs are read by layer.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn is_metered(&self) -> bool {
        self.meter.is_some()
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
