//! The part of a record that only a kept message needs: who keeps it, which layers wait for it,
//! and where sender, keeper and aborter meet.

#[cfg(feature = "alloc")]
use alloc::{sync::Arc, vec::Vec};
use core::{mem::MaybeUninit, ptr::NonNull, task::Waker};

use crate::{
    count::LayerId,
    guard::Guard,
    kept::Kept,
    port::{Port, Saved},
    record::Record,
    state::State,
    status::Status,
    sync::Cell,
};
#[cfg(feature = "alloc")]
use crate::{home::Shared, reply::ReplyPort};

/// Layers that may stand on each other and be waiting for one message.
pub const MAX_DEPTH: usize = 8;

/// Ports outside the first stack that one message may be forwarded to.
#[cfg(feature = "alloc")]
pub(crate) const MAX_HOLDS: usize = 8;

/// What a layer left behind to be told of the completion.
pub(crate) struct Frame<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) saved: Saved,
    pub(crate) guard: Option<NonNull<Guard<B>>>,
    pub(crate) layer: LayerId,
}

impl<B> Clone for Frame<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Frame<B> {}

/// How a keeper is entered.
pub(crate) enum Through<B: 'static> {
    /// As it is, until a guard around it says otherwise.
    Open,
    /// Through what stands around the driver that it belongs to.
    Guard(NonNull<Guard<B>>),
    /// As it is: a queue of this crate's, which needs no guard.
    Queue,
    /// As it is, and even where the abort was asked for before: it ends what it has begun.
    Join,
    /// As it is, and an abort is a mark on the message, which whoever takes it off looks for.
    Marks,
}

impl<B> Clone for Through<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Through<B> {}

/// Who keeps a message.
pub(crate) struct Keeper<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) through: Through<B>,
}

impl<B> Clone for Keeper<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Keeper<B> {}

impl<B> Keeper<B> {
    /// What stands around the keeper.
    pub(crate) fn guard(&self) -> Option<NonNull<Guard<B>>> {
        match self.through {
            Through::Guard(guard) => Some(guard),
            _ => None,
        }
    }

    /// Gives the message to the keeper itself.
    ///
    /// # Safety
    /// The keeper is alive until this returns.
    pub(crate) unsafe fn take(self, kept: Kept<B>) {
        // SAFETY: as the caller's.
        unsafe { &*self.port }.take(kept);
    }
}

/// The part of a record that only a kept message needs.
#[repr(C)] // what every one of them needs first
pub(crate) struct Late<B: 'static> {
    /// Who asked to keep the message; written before anything else here.
    pub(crate) keeping: MaybeUninit<Keeper<B>>,
    pub(crate) rest: MaybeUninit<Rest<B>>,
    /// The first `Record::frames` are written; the one nearest to the keeper comes first.
    pub(crate) frames: [MaybeUninit<Frame<B>>; MAX_DEPTH],
}

impl<B> Late<B> {
    #[inline]
    pub(crate) const fn uninit() -> Late<B> {
        Late {
            keeping: MaybeUninit::uninit(),
            rest: MaybeUninit::uninit(),
            frames: [const { MaybeUninit::uninit() }; MAX_DEPTH],
        }
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

/// The port that a message was sent to, and those that it was forwarded to.
#[cfg(feature = "alloc")]
pub(crate) struct Holds<B: 'static> {
    first: Option<Arc<dyn Port<B>>>,
    others: Vec<Arc<dyn Port<B>>>,
}

#[cfg(feature = "alloc")]
impl<B> Holds<B> {
    /// Keeps `port` alive until the sender has the message back.
    pub(crate) fn hold(&mut self, port: &Arc<dyn Port<B>>) -> Result<(), crate::Errno> {
        if self.first.iter().chain(&self.others).any(|held| Arc::ptr_eq(held, port)) {
            return Ok(());
        }
        if self.first.is_none() {
            self.first = Some(Arc::clone(port));
        } else if self.others.len() < MAX_HOLDS - 1 {
            self.others.push(Arc::clone(port));
        } else {
            return Err(crate::Errno::ELOOP);
        }
        Ok(())
    }

    /// The message is its sender's again.
    pub(crate) fn let_go(&mut self) {
        self.first = None;
        self.others.clear();
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
            holds: Cell::new(Holds { first: None, others: Vec::new() }),
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
