//! The part of a record that only a kept message needs: who keeps it, which layers wait for it,
//! and where sender, keeper and aborter meet.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::{mem::MaybeUninit, ptr::NonNull, task::Waker};

use crate::{
    guard::Guard, keeper::Keeper, record::Record, state::State, status::Status, sync::Cell,
};
#[cfg(feature = "alloc")]
use crate::{holds::Holds, home::Shared, reply::ReplyPort};

/// Layers that may stand on each other and be waiting for one message.
pub const MAX_DEPTH: usize = 8;

/// The part of a record that only a kept message needs.
#[repr(C)] // what every one of them needs first
pub(crate) struct Late<B: 'static> {
    /// Who asked to keep the message; written before anything else here.
    pub(crate) keeping: MaybeUninit<Keeper<B>>,
    pub(crate) rest: MaybeUninit<Rest<B>>,
}

impl<B> Late<B> {
    #[inline]
    pub(crate) const fn uninit() -> Late<B> {
        Late { keeping: MaybeUninit::uninit(), rest: MaybeUninit::uninit() }
    }
}

/// What sender and holder of a kept message write, the one after the other.
#[repr(C)]
pub(crate) struct Course<B: 'static> {
    pub(crate) state: State,
    /// The holder's own.
    pub(crate) own: Cell<Own<B>>,
}

impl<B> Course<B> {
    #[inline]
    pub(crate) fn new(reply: Reply<B>) -> Course<B> {
        let own = Own { next: None, status: Status::OK, reply, resume: Resume::Begin };
        Course { state: State::new(), own: Cell::new(own) }
    }
}

/// Where sender, holder and aborter meet.
pub(crate) struct Rest<B: 'static> {
    /// The sender's, until it waits; then its waker's.
    pub(crate) waker: Cell<Option<Waker>>,
    /// Who can be asked to abort, where the state says so.
    pub(crate) keeper: Cell<MaybeUninit<Keeper<B>>>,
    /// The keeper that was asked to abort; settled once the state says that the keeper has been
    /// read.
    pub(crate) abort_at: Cell<Option<Keeper<B>>>,
    /// The next abort in that guard's queue, whose lock protects it.
    pub(crate) next_abort: Cell<Option<Pinned<B>>>,
    /// What the sender is to drain, where the state says so.
    pub(crate) drain: Cell<Option<NonNull<Guard<B>>>>,
    /// The holder's.
    #[cfg(feature = "alloc")]
    pub(crate) holds: Cell<Holds<B>>,
}

/// What only the current holder of the message touches: link, how it goes on, how it ended.
pub(crate) struct Own<B: 'static> {
    pub(crate) next: Option<NonNull<Record<B>>>,
    pub(crate) status: Status,
    pub(crate) reply: Reply<B>,
    pub(crate) resume: Resume,
}

impl<B> Own<B> {
    /// Says where the reply goes. What was there needs no drop: a port that was replied to has
    /// been taken out.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn set_reply(&mut self, reply: Reply<B>) {
        let before = core::mem::replace(&mut self.reply, reply);
        debug_assert!(!matches!(before, Reply::Port(_)));
        core::mem::forget(before);
    }
}

/// How a message goes on that waited for a driver to be free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    /// To be begun at the port in `keeping`.
    Begin,
    /// To be given to the keeper in `keeping`.
    Take,
    /// Completed below with the status; its first frame is next.
    Up,
    /// Through with the driver, which has completed it with the status.
    Done,
    /// Through with the driver, which has kept it.
    Kept,
}

/// Where the reply goes.
pub(crate) enum Reply<B: 'static> {
    /// To the sender, who waits on the record.
    Call,
    /// To the holder of a future.
    #[cfg(feature = "alloc")]
    Future,
    /// To a reply port.
    #[cfg(feature = "alloc")]
    Port(Arc<dyn ReplyPort<B>>),
    /// To an inbox, of which this is one of the counts.
    #[cfg(feature = "alloc")]
    Inbox(NonNull<Shared<B>>),
    /// Nowhere: not sent.
    #[allow(dead_code)] // without `alloc` all messages are calls
    Nobody(core::marker::PhantomData<B>),
}

impl<B> Rest<B> {
    pub(crate) fn new() -> Rest<B> {
        Rest {
            waker: Cell::new(None),
            keeper: Cell::new(MaybeUninit::uninit()),
            abort_at: Cell::new(None),
            next_abort: Cell::new(None),
            drain: Cell::new(None),
            #[cfg(feature = "alloc")]
            holds: Cell::new(Holds::none()),
        }
    }
}

/// A record that is pinned and not held: the head is its holder's.
pub(crate) struct Pinned<B: 'static> {
    pub(crate) record: NonNull<Record<B>>,
    pub(crate) late: *mut Late<B>,
}

impl<B> Clone for Pinned<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Pinned<B> {}
