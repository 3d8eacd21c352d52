//! The record behind a message, and the bookkeeping of one that was kept.
//!
//! A record has two parts. The head is all that a message needs that is answered at once. The
//! late part is written only once a target has kept the message; until then it is uninitialised
//! memory that costs nothing.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, sync::Arc};
#[cfg(feature = "alloc")]
use core::mem::ManuallyDrop;
use core::{cell::UnsafeCell, mem::MaybeUninit, sync::atomic::AtomicBool, task::Waker};

#[cfg(feature = "alloc")]
use crate::{count::Meter, send::ReplyPort};
use crate::{
    count::{Counts, LayerId},
    data::Slot,
    gate::Gate,
    kept::Kept,
    port::{Catch, MessageId, Port, Saved},
    status::Status,
};

/// Layers that may stand on each other and be waiting for one message.
pub const MAX_DEPTH: usize = 8;

/// Ports outside the first stack that one message may be forwarded to.
#[cfg(feature = "alloc")]
pub(crate) const MAX_HOLDS: usize = 8;

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

/// The serializers that a message's own chain of calls holds, outermost first.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Chain {
    len: u32,
    /// Those before this index are held by the messages that caused this one.
    inherited: u32,
    at: [MaybeUninit<*const ()>; MAX_DEPTH],
}

impl Chain {
    /// Not a constant: one would be copied, unused places and all.
    #[inline]
    pub(crate) const fn empty() -> Chain {
        Chain { at: [const { MaybeUninit::uninit() }; MAX_DEPTH], len: 0, inherited: 0 }
    }

    /// Holds what `other` holds. What it does not use is not copied.
    #[inline]
    pub(crate) fn copy_from(&mut self, other: &Chain) {
        (self.len, self.inherited) = (other.len, other.inherited);
        for (to, from) in self.at.iter_mut().zip(&other.at).take(other.len as usize) {
            *to = *from;
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.len, self.inherited) = (0, 0);
    }

    /// The same, for a message that is caused by this one.
    pub(crate) fn inherit(mut self) -> Chain {
        self.inherited = self.len;
        self
    }

    pub(crate) fn contains<T>(&self, gate: *const T) -> bool {
        // SAFETY: the first `len` places are written, by `push`.
        let held = |place: &MaybeUninit<*const ()>| unsafe { place.assume_init() };
        self.at[..self.len as usize].iter().any(|place| held(place) == gate.cast())
    }

    /// The innermost serializer that this very message went through.
    pub(crate) fn last_own<B>(&self) -> Option<*const Gate<B>> {
        let last = self.len.checked_sub(1).filter(|last| *last >= self.inherited)?;
        // SAFETY: written, by `push`; and one's own entries are gates of this body.
        Some(unsafe { self.at[last as usize].assume_init() }.cast())
    }

    /// There is room: a port with a gate looks ([`is_full`](Chain::is_full)) before it takes a
    /// message, and a message that it queued comes back with no more than it had then.
    pub(crate) fn push<B>(&mut self, gate: *const Gate<B>) {
        self.at[self.len as usize].write(gate.cast());
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) {
        self.len -= 1;
    }

    /// How many serializers are held, to return to with [`truncate`](Chain::truncate).
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn truncate(&mut self, len: u32) {
        self.len = self.len.min(len);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len as usize == MAX_DEPTH
    }
}

/// What a layer left behind to be told of the completion.
pub(crate) struct Frame<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) saved: Saved,
    pub(crate) gate: Option<*const Gate<B>>,
    pub(crate) layer: LayerId,
    pub(crate) catch: Option<*const (dyn Catch + 'static)>,
}

/// Who keeps a message, and under what it is entered.
pub(crate) struct Keeper<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) catch: Option<*const (dyn Catch + 'static)>,
}

impl<B> Clone for Keeper<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Keeper<B> {}

impl<B> Keeper<B> {
    /// # Safety
    /// The keeper is alive until this returns.
    pub(crate) unsafe fn take(self, kept: Kept<B>) {
        // SAFETY: as the caller's.
        unsafe { self.enter(kept, |port, kept| port.take(kept)) }
    }

    /// # Safety
    /// The keeper is alive until this returns.
    pub(crate) unsafe fn abort(self, id: MessageId) {
        // SAFETY: as the caller's.
        unsafe { self.enter(id, |port, id| port.abort(id)) }
    }

    /// # Safety
    /// The keeper is alive until this returns.
    unsafe fn enter<T>(self, with: T, entry: impl Fn(&dyn Port<B>, T)) {
        // SAFETY: as the caller's.
        let port = unsafe { &*self.port };
        let Some(catch) = self.catch else { return entry(port, with) };
        let mut with = Some(with);
        // SAFETY: lives as long as the keeper that it contains.
        unsafe { &*catch }
            .catch(&mut || with.take().into_iter().for_each(|with| entry(port, with)));
    }
}

impl<B> Clone for Frame<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Frame<B> {}

/// The part of a record that only a kept message needs.
pub(crate) struct Late<B: 'static> {
    /// Who asked to keep the message; written before anything else here.
    pub(crate) keeping: MaybeUninit<Keeper<B>>,
    /// The first `Record::frames` are written; the one nearest to the keeper comes first.
    pub(crate) frames: [MaybeUninit<Frame<B>>; MAX_DEPTH],
    pub(crate) rest: MaybeUninit<Rest<B>>,
}

impl<B> Late<B> {
    #[inline]
    pub(crate) const fn uninit() -> Late<B> {
        Late {
            keeping: MaybeUninit::uninit(),
            frames: [const { MaybeUninit::uninit() }; MAX_DEPTH],
            rest: MaybeUninit::uninit(),
        }
    }
}

/// Where sender, keeper and aborter meet.
pub(crate) struct Rest<B: 'static> {
    pub(crate) meeting: spin::Mutex<Meeting<B>>,
    /// Set last of all for a sender that waits: its record is gone right after.
    pub(crate) done: AtomicBool,
    /// The holder's own: link, what to resume with, how it ended.
    pub(crate) own: UnsafeCell<Own<B>>,
}

/// Protected by the lock.
pub(crate) struct Meeting<B: 'static> {
    /// Who can be asked to abort; `None` while the message is on its way.
    pub(crate) keeper: Option<Keeper<B>>,
    /// Counts the message's moves, so that a late comer knows that it moved on.
    pub(crate) hop: u32,
    /// Parties that still use keeper and record; the last of them delivers a reply.
    pub(crate) pins: u32,
    /// Sends so far; an abort handle is good for one of them.
    pub(crate) generation: u32,
    pub(crate) replied: bool,
    pub(crate) delivered: bool,
    /// A future's message is there to be taken.
    #[cfg(feature = "alloc")]
    pub(crate) back: bool,
    pub(crate) abort: bool,
    pub(crate) waker: Option<Waker>,
}

/// What only the current holder of the message touches.
pub(crate) struct Own<B: 'static> {
    pub(crate) next: Option<core::ptr::NonNull<Record<B>>>,
    pub(crate) resume: Resume<B>,
    pub(crate) status: Status,
    pub(crate) reply: Reply<B>,
    #[cfg(feature = "alloc")]
    pub(crate) holds: [Option<Arc<dyn Port<B>>>; MAX_HOLDS],
}

/// How a queued message goes on.
pub(crate) enum Resume<B: 'static> {
    /// Not begun yet at this port.
    Begin(*const (dyn Port<B> + 'static)),
    /// Completed below; its first frame is next.
    Up(Status),
}

/// Where the reply goes.
pub(crate) enum Reply<B: 'static> {
    /// To the sender, who waits on the record.
    Wait,
    /// To the holder of a future.
    #[cfg(feature = "alloc")]
    Future,
    /// To a reply port.
    #[cfg(feature = "alloc")]
    Port(Arc<dyn ReplyPort<B>>),
    /// Nowhere: not sent.
    #[cfg(not(feature = "alloc"))]
    #[allow(dead_code)]
    Nobody(core::marker::PhantomData<B>),
}

impl<B> Rest<B> {
    pub(crate) fn new(reply: Reply<B>, waker: Option<Waker>) -> Rest<B> {
        Rest {
            meeting: spin::Mutex::new(Meeting {
                keeper: None,
                hop: 0,
                pins: 0,
                generation: 0,
                replied: false,
                delivered: false,
                #[cfg(feature = "alloc")]
                back: false,
                abort: false,
                waker,
            }),
            done: AtomicBool::new(false),
            own: UnsafeCell::new(Own {
                next: None,
                resume: Resume::Up(Status::OK),
                status: Status::OK,
                reply,
                #[cfg(feature = "alloc")]
                holds: [const { None }; MAX_HOLDS],
            }),
        }
    }
}
