//! A message of `send`'s under way: begun in its sender's context, given back in the replier's.

use alloc::sync::Arc;
use core::{marker::PhantomData, ptr::NonNull, task::Waker};

use crate::{
    access,
    call::Origin,
    count::LayerId,
    ending, engine,
    heap::Heap,
    home::Shared,
    late::{Late, Reply},
    neighbour::Neighbour,
    pending::Ticket,
    port::Port,
    record::Record,
    reply::ReplyPort,
    request::{Ended, Request},
    send::Message,
    state::Seen,
    status::{Errno, Status},
    sync::Counted,
};

/// A message under way that has not begun.
pub(crate) struct Started<B: 'static>(pub(crate) NonNull<Record<B>>);

/// A message whose target has seen it.
pub(crate) enum Begun<B: 'static> {
    /// Completed at once: the record is the sender's, and says how.
    Back(NonNull<Record<B>>),
    /// Given to its keeper.
    Away,
}

impl<B: 'static> Started<B> {
    /// Begins the message at `port`; `hold` keeps it alive until the message is back.
    ///
    /// # Safety
    /// The port lives until this returns, and until the message is back where `hold` is not
    /// given.
    #[inline]
    pub(crate) unsafe fn begin(
        self,
        port: &Arc<dyn Port<B>>,
        hold: Option<&Arc<dyn Port<B>>>,
    ) -> Begun<B> {
        let record = self.0;
        let unwound = Unwound(record);
        // SAFETY: just made exclusive; `port` outlives the call.
        let outcome = unsafe { port.begin(Request::new(record)) };
        core::mem::forget(unwound);
        // SAFETY: not handed over, so still the sender's.
        unsafe {
            match outcome.ended {
                Ended::Done(status) => {
                    access::own(record).status = status;
                    Begun::Back(record)
                }
                Ended::Kept(record) => {
                    give_away(record, hold);
                    Begun::Away
                }
            }
        }
    }
}

/// Says of a message that was begun as a call is that it is under way.
///
/// # Safety
/// The caller holds the record, which is one of `send`'s.
#[inline]
pub(crate) unsafe fn set_off<B>(record: NonNull<Record<B>>, reply: Reply<B>) {
    // SAFETY: as the caller's.
    unsafe {
        access::state(record).start_next();
        access::own(record).set_reply(reply);
    }
}

/// Gives a message to its keeper in its sender's context; `hold` keeps the port alive until it is
/// back.
///
/// # Safety
/// The caller holds the record, which is kept and under way, and gives it away.
#[inline]
pub(crate) unsafe fn give_away<B>(record: NonNull<Record<B>>, hold: Option<&Arc<dyn Port<B>>>) {
    // SAFETY: as the caller's.
    unsafe {
        // The sender goes on, and holds nothing that the message would wait for.
        (*record.as_ptr()).leave_gates();
        if let Some(port) = hold {
            // There is room: nothing else is held yet.
            let held = access::hold(record, port);
            debug_assert!(held.is_ok());
        }
        engine::hand_over_first(record);
    }
}

/// Ends a message under way whose target unwound.
///
/// # Safety
/// The request is gone, nothing was handed over; the caller gives the record away.
pub(crate) unsafe fn unwound<B>(mut record: NonNull<Record<B>>) {
    // SAFETY: as the caller's.
    unsafe {
        record.as_mut().restart();
        engine::complete(record, Status::error(Errno::EIO));
    }
}

impl<B: 'static> Begun<B> {
    /// What a send does itself where the target completed the message at once.
    ///
    /// # Safety
    /// The message has not been delivered.
    pub(crate) unsafe fn deliver(self) {
        if let Begun::Back(record) = self {
            // SAFETY: the record is the sender's until it is delivered.
            unsafe {
                (*record.as_ptr()).switch_layer(0);
                let (late, seen) = (access::late(record), access::state(record).back_at_once());
                deliver(record, late, seen);
            }
        }
    }
}

impl<B: Send + 'static> Message<B> {
    /// Sends the message on behalf of the one that `origin` is of, or of nobody. Where the target
    /// completes it at once it is returned, and what it cost is `origin`'s, as after a call;
    /// nothing was made for a reply that comes late. Else `late` says where that goes to, and is
    /// given a ticket: the message is away, with the meter, and the port is kept alive.
    #[inline(always)]
    pub fn begin(
        mut self,
        origin: Option<&mut Origin>,
        port: &Neighbour<B>,
        late: impl FnOnce(Ticket<B>) -> Arc<dyn ReplyPort<B>>,
    ) -> Option<Message<B>> {
        let record = self.start_alone();
        let origin = origin.map(|origin| self.on_behalf(origin));
        // SAFETY: this value holds the record, and is not touched while the request is; the port
        // is borrowed for as long.
        let outcome = unsafe { port.begin(Request::new(record)) };
        // SAFETY: done or not handed over, so this value's again.
        unsafe {
            if let Ended::Done(status) = outcome.ended {
                self.end_alone(status);
                if let Some((origin, layer)) = origin {
                    self.tell_costs(origin, layer);
                }
                return Some(self);
            }
            self.leave(port, late);
        }
        None
    }

    /// Gives the message to whoever asked to keep it.
    ///
    /// # Safety
    /// It has just been kept at `port`.
    #[cold]
    unsafe fn leave(
        mut self,
        port: &Neighbour<B>,
        late: impl FnOnce(Ticket<B>) -> Arc<dyn ReplyPort<B>>,
    ) {
        let record = self.record_at();
        // SAFETY: not handed over, so this value's.
        unsafe {
            let reply = late(self.share());
            access::own(record).set_reply(Reply::Port(reply));
            give_away(self.into_record(), Some(port.port()));
        }
    }

    /// Holds what the message holds that causes this one, and takes the meter along; the layer that
    /// it is at.
    fn on_behalf<'o>(&mut self, origin: &'o mut Origin) -> (&'o mut Origin, LayerId) {
        self.set_meter(origin.meter.take());
        // SAFETY: not begun, so this value's.
        let record = unsafe { self.record_at().as_mut() };
        record.inherit(origin.held, &origin.gates);
        (origin, record.layer())
    }

    /// Gives the meter back, at that layer.
    fn tell_costs(&mut self, origin: &mut Origin, layer: LayerId) {
        // SAFETY: back, so this value's.
        let record = unsafe { self.record_at().as_mut() };
        record.add_counts_to(&mut origin.counts);
        record.switch_layer(layer);
        origin.meter = self.set_meter(None);
    }
}

/// Gives a message back whose target unwound.
struct Unwound<B: 'static>(NonNull<Record<B>>);

impl<B> Drop for Unwound<B> {
    fn drop(&mut self) {
        // SAFETY: `begin` is gone, its request with it, and nothing was handed over.
        unsafe { unwound(self.0) }
    }
}

/// Gives a message back to its sender.
///
/// # Safety
/// The record is one of `send`'s; the caller is the one by whose step, which found `seen`, it is
/// back, and does not use the record afterwards.
#[inline]
pub(crate) unsafe fn deliver<B>(record: NonNull<Record<B>>, late: *mut Late<B>, seen: Seen) {
    if !seen.is_future() {
        // SAFETY: nobody else holds the message any more.
        if let Reply::Inbox(inbox) = unsafe { access::own(record) }.reply {
            // SAFETY: the record is one of `send`'s, the count one of the inbox's.
            return unsafe { Shared::reply(inbox, record) };
        }
    }
    // SAFETY: as the caller's.
    unsafe { deliver_otherwise(record, late, seen) }
}

/// # Safety
/// As [`deliver`].
#[cold]
unsafe fn deliver_otherwise<B>(record: NonNull<Record<B>>, late: *mut Late<B>, seen: Seen) {
    if seen.is_future() {
        if seen.is_awaited() {
            // SAFETY: as the caller's; the allocation stays as long as its count.
            unsafe { ending::wake(record, late) }
        }
        // SAFETY: sending gave up this very count.
        return drop(unsafe { Counted::from_raw(Heap::of(record)) });
    }
    // SAFETY: nobody else holds the message any more.
    let reply = unsafe { &mut access::own(record).reply };
    if let Reply::Port(port) = core::mem::replace(reply, Reply::Nobody(PhantomData)) {
        // SAFETY: as above.
        port.reply(unsafe { Message::from_record(record) });
    }
}

/// What is to be woken once the message is queued.
///
/// # Safety
/// The record is one of `send`'s, and the caller's.
pub(crate) unsafe fn receipt<B>(record: NonNull<Record<B>>) -> Option<Waker> {
    // SAFETY: one of `send`'s, and what the message owns is its holder's.
    unsafe { (*(*Heap::of(record)).receipt.get()).as_deref().cloned() }
}
