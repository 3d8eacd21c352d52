//! The part of a record that only a kept message needs: who keeps it, which layers wait for it,
//! and where sender, keeper and aborter meet.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::{
    cell::UnsafeCell, mem::MaybeUninit, ptr::NonNull, sync::atomic::AtomicBool, task::Waker,
};

#[cfg(feature = "alloc")]
use crate::reply::ReplyPort;
use crate::{
    count::LayerId,
    gate::Gate,
    kept::Kept,
    port::{Catch, MessageId, Port, Saved},
    record::Record,
    status::Status,
};

/// Layers that may stand on each other and be waiting for one message.
pub const MAX_DEPTH: usize = 8;

/// Ports outside the first stack that one message may be forwarded to.
#[cfg(feature = "alloc")]
pub(crate) const MAX_HOLDS: usize = 8;

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
    pub(crate) next: Option<NonNull<Record<B>>>,
    pub(crate) resume: Resume<B>,
    pub(crate) status: Status,
    pub(crate) reply: Reply<B>,
    #[cfg(feature = "alloc")]
    pub(crate) holds: [Option<Arc<dyn Port<B>>>; MAX_HOLDS],
}

#[cfg(feature = "alloc")]
impl<B> Own<B> {
    /// Keeps `port` alive until delivery.
    pub(crate) fn hold(&mut self, port: &Arc<dyn Port<B>>) -> Result<(), crate::Errno> {
        for place in &mut self.holds {
            match place {
                Some(held) if Arc::ptr_eq(held, port) => return Ok(()),
                Some(_) => {}
                None => {
                    *place = Some(Arc::clone(port));
                    return Ok(());
                }
            }
        }
        Err(crate::Errno::ELOOP)
    }
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
