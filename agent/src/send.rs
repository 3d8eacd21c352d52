//! `send`: a message that is given away with its data, and comes back with the reply.
//!
//! One allocation holds record, late part and what the message owns; it can be used again.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{marker::PhantomData, ptr::NonNull, task::Waker};

use crate::{
    access,
    call::Origin,
    count::{Counts, Meter},
    data::{Bytes, Slot},
    flight::Started,
    heap::Heap,
    late::Reply,
    pending::{Pending, Ticket},
    port::{MessageId, Port},
    record::{Flags, Record},
    reply::ReplyPort,
    status::Status,
    sync::{Counted, left_out},
};

/// A message of one's own: not sent, or back again. What it carries is owned.
///
/// Once sent it is no longer there to be touched:
///
/// ```compile_fail,E0382
/// # use agent::*;
/// # use std::sync::Arc;
/// fn twice(message: Message<u32>, port: Arc<dyn Port<u32>>, reply: Arc<dyn ReplyPort<u32>>) {
///     message.send(&port, &reply);
///     println!("{}", message.body());
/// }
/// ```
///
/// Threads share it only where they may share its body:
///
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(agent::Message::new(std::cell::Cell::new(1)));
/// ```
pub struct Message<B: 'static> {
    heap: Counted<Heap<B>>,
    /// `&Message` gives `&B`: shared among threads only where a `B` may be.
    body: PhantomData<B>,
}

impl<B: 'static> Message<B> {
    /// The value of a message that is not in flight.
    #[inline]
    pub(crate) fn back(heap: Counted<Heap<B>>) -> Message<B> {
        // SAFETY: not in flight any more, so the value made here is the holder. What kept the
        // ports alive is let go of only now: they may be what replied. Somebody may wait for the
        // message the next time, so it may not be dropped then.
        unsafe {
            let flags = &mut (*Heap::raw(&heap).as_ptr()).flags;
            let of_last = Flags::DROPPABLE.union(Flags::TICKET).union(Flags::HOLDS);
            if flags.intersects(of_last) {
                let holds = flags.contains(Flags::HOLDS);
                flags.remove(of_last);
                if holds {
                    (*heap.rest().holds.get()).let_go();
                }
            }
        }
        Message { heap, body: PhantomData }
    }

    /// The same, of a record that is one of `send`'s.
    ///
    /// # Safety
    /// The message is back, the record comes of [`Message::send`] and its kind, and is the
    /// caller's.
    #[inline]
    pub(crate) unsafe fn from_record(record: NonNull<Record<B>>) -> Message<B> {
        // SAFETY: sending gave up this very count.
        Message::back(unsafe { Counted::from_raw(Heap::of(record)) })
    }
}

impl<B: 'static> Message<B> {
    /// The same for one that is as it was when it was sent.
    ///
    /// # Safety
    /// As [`from_record`](Message::from_record); and it keeps no port alive, nobody has a ticket
    /// for it, and no queue may drop it.
    #[inline]
    pub(crate) unsafe fn as_it_is(record: NonNull<Record<B>>) -> Message<B> {
        // SAFETY: as the caller's.
        Message { heap: unsafe { Counted::from_raw(Heap::of(record)) }, body: PhantomData }
    }

    /// True where the message was last sent from an inbox.
    #[inline]
    pub(crate) fn is_of_inbox(&self) -> bool {
        // SAFETY: not in flight, so this value is the holder.
        matches!(unsafe { &access::own(Heap::raw(&self.heap)).reply }, Reply::Inbox(_))
    }

    /// The message as a record that [`from_record`](Message::from_record) makes one of again.
    pub(crate) fn into_record(self) -> NonNull<Record<B>> {
        Heap::record_of(Counted::into_raw(self.heap))
    }
}

impl<B: Send + 'static> Message<B> {
    /// A message that asks `body`.
    pub fn new(body: B) -> Message<B> {
        let heap = Heap::of_body(body);
        Message { heap, body: PhantomData }
    }

    fn record(&self) -> &Record<B> {
        // SAFETY: not in flight, so the record is this value's alone.
        unsafe { Heap::raw(&self.heap).as_ref() }
    }

    fn record_mut(&mut self) -> &mut Record<B> {
        // SAFETY: as `record`.
        unsafe { Heap::raw(&self.heap).as_mut() }
    }

    fn data_mut(&mut self) -> &mut Bytes {
        // SAFETY: as `record`.
        unsafe { &mut *self.heap.data.get() }
    }

    /// What is asked, or, once the message is back, with the reply's values.
    pub fn body(&self) -> &B {
        &self.record().body
    }

    /// The same, to ask something else.
    pub fn body_mut(&mut self) -> &mut B {
        &mut self.record_mut().body
    }

    /// Puts data in; what was there is returned.
    pub fn set_data(&mut self, data: Bytes) -> Bytes {
        let before = core::mem::replace(self.data_mut(), data);
        self.record_mut().data = self.data_mut().slot();
        before
    }

    /// Takes the data out.
    pub fn take_data(&mut self) -> Bytes {
        self.set_data(Bytes::None)
    }

    /// Lets go of the data.
    #[inline]
    pub fn drop_data(&mut self) {
        if !matches!(self.data_mut(), Bytes::None) {
            self.take_data();
        }
    }

    /// Puts names in, two at most; more are dropped. What was there is gone.
    pub fn set_names(&mut self, names: impl IntoIterator<Item = Vec<u8>>) {
        self.record_mut().clear_names();
        // SAFETY: not in flight, so both are this value's, and they are apart.
        let (owned, record) =
            unsafe { (&mut *self.heap.names.get(), Heap::raw(&self.heap).as_mut()) };
        owned.clear();
        owned.extend(names.into_iter().take(2));
        for name in owned {
            record.push_name(&raw const **name);
        }
    }

    /// Reads costs by layer while the message is away. Returns what was set before: after the
    /// reply, the meter with what was read.
    pub fn set_meter(&mut self, meter: Option<Box<Meter>>) -> Option<Box<Meter>> {
        self.record_mut().set_meter(meter)
    }

    /// What the message cost, with those that it caused.
    pub fn counts(&self) -> Counts {
        self.record().counts()
    }

    /// How the message ended, the last time that it came back.
    pub fn status(&self) -> Status {
        // SAFETY: not in flight, so this value is the holder.
        unsafe { access::own(Heap::raw(&self.heap)) }.status
    }

    /// True where the last target dropped the message from its queue: it looks as if never sent.
    pub fn was_dropped(&self) -> bool {
        self.record().flags.contains(Flags::DROPPED)
    }

    /// Lets queues put the message before those that have no priority, or not.
    pub fn set_priority(&mut self, priority: bool) {
        self.record_mut().flags.set(Flags::PRIORITY, priority);
    }

    /// Wakes `receipt` each time that a port queues the message, and not where it is begun at
    /// once.
    pub fn set_receipt(&mut self, receipt: Option<Waker>) {
        self.record_mut().flags.set(Flags::RECEIPT, receipt.is_some());
        // SAFETY: as `record`.
        unsafe { *self.heap.receipt.get() = receipt.map(Box::new) };
    }

    /// The name of the message while it is kept.
    pub fn id(&self) -> MessageId {
        MessageId(Heap::raw(&self.heap).as_ptr() as usize)
    }

    /// A handle that can ask for the abort of the next send, and whether that is back.
    pub fn ticket(&mut self) -> Ticket<B> {
        self.expect_abort();
        let send = self.heap.state().sends().wrapping_add(1);
        Ticket::new(Counted::clone(&self.heap), send)
    }

    /// Somebody may ask for the abort of the next send: whoever replies to that looks who was
    /// told, and must not find who was told of the last.
    fn expect_abort(&mut self) {
        self.record_mut().flags.insert(Flags::TICKET);
        if !left_out("last-abort") {
            // SAFETY: not in flight, so nobody else reads it.
            unsafe { *self.heap.rest().abort_at.get() = None };
        }
    }

    /// Allows the target to drop the message from its queue. Nobody should wait for such a
    /// message alone, so it can be sent, and not asked.
    pub fn droppable(mut self) -> Droppable<B> {
        self.record_mut().flags.insert(Flags::DROPPABLE);
        Droppable(self)
    }

    /// Sends the message; it comes back through `reply`, whether the target completed it at
    /// once or late. The port is kept alive until then. A target that unwinds has the message
    /// come back with `EIO`.
    pub fn send(self, port: &Arc<dyn Port<B>>, reply: &Arc<dyn ReplyPort<B>>) {
        self.send_from(&Origin::root(), port, reply);
    }

    /// The same on behalf of the message that `origin` is of, whose driver goes on: a `call`
    /// that this message causes while it is worked on in the driver's context is told where the
    /// driver is what it would wait for. What a driver sends while it is entered, it sends in
    /// this way: else such a call waits for ever.
    pub fn send_from(
        self,
        origin: &Origin,
        port: &Arc<dyn Port<B>>,
        reply: &Arc<dyn ReplyPort<B>>,
    ) {
        let started = self.start(Reply::Port(Arc::clone(reply)), Some(origin));
        // SAFETY: just started; the port is the caller's for as long.
        unsafe { started.begin(port, Some(port)).deliver() }
    }

    /// Sends the message; it comes back as the future's output. No executor in particular is
    /// needed. Dropping the future asks for the abort and frees the message once it is back.
    pub fn ask(self, port: &Arc<dyn Port<B>>) -> Pending<B> {
        self.ask_from(&Origin::root(), port)
    }

    /// The same on behalf of the message that `origin` is of, as with
    /// [`send_from`](Message::send_from).
    pub fn ask_from(mut self, origin: &Origin, port: &Arc<dyn Port<B>>) -> Pending<B> {
        let ticket = self.ticket();
        let started = self.start(Reply::Future, Some(origin));
        // SAFETY: just started; the port is the caller's for as long.
        unsafe { started.begin(port, Some(port)).deliver() }
        Pending::new(ticket)
    }

    /// Puts the message under way; it is the caller's to begin.
    #[inline]
    pub(crate) fn start(mut self, reply: Reply<B>, origin: Option<&Origin>) -> Started<B> {
        self.prepare(origin);
        let future = matches!(reply, Reply::Future);
        let shared = self.record().flags.contains(Flags::TICKET);
        let state = self.heap.state();
        state.start(state.sends().wrapping_add(1), shared, future);
        // SAFETY: not in flight, so this value is the holder.
        unsafe { access::own(Heap::raw(&self.heap)) }.set_reply(reply);
        // The message is in flight from here on: delivery makes the value again.
        Started(self.into_record())
    }

    /// The message, to be begun as a call is, and on behalf of nobody.
    #[inline]
    pub(crate) fn start_alone(&mut self) -> NonNull<Record<B>> {
        self.record_mut().rewind();
        Heap::raw(&self.heap)
    }

    /// Puts such a message under way, before it is given to its keeper.
    pub(crate) fn share(&mut self) -> Ticket<B> {
        self.expect_abort();
        let state = self.heap.state();
        state.start(state.sends().wrapping_add(1), true, false);
        Ticket::new(Counted::clone(&self.heap), state.sends())
    }

    /// Such a message was completed at once.
    #[inline]
    pub(crate) fn end_alone(&mut self, status: Status) {
        // SAFETY: not in flight, so this value is the holder.
        unsafe { access::own(Heap::raw(&self.heap)) }.status = status;
        if self.record().flags.contains(Flags::TICKET) {
            self.end_noted();
        }
    }

    /// Whoever has a ticket sees that the send is over.
    #[cold]
    fn end_noted(&mut self) {
        let state = self.heap.state();
        state.start(state.sends().wrapping_add(1), false, false);
        state.back_at_once();
        self.record_mut().flags.remove(Flags::TICKET);
    }

    /// See [`Record::is_plain`].
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.record().is_plain()
    }

    /// Puts the message under way as the child of another one that is begun: with names and
    /// chain of that, its sender's way of waiting, and the data set by `set_slot`.
    ///
    /// # Safety
    /// The caller holds the parent, and the parent outlives the message's way.
    pub(crate) unsafe fn start_for(
        mut self,
        reply: Reply<B>,
        mut parent: NonNull<Record<B>>,
    ) -> NonNull<Record<B>> {
        // SAFETY: held by the caller.
        let parent = unsafe { parent.as_mut() };
        let inherited = Flags::SENT | Flags::PRIORITY;
        self.record_mut().wind_back();
        self.record_mut().flags = parent.flags & inherited | Flags::WHOLE | Flags::ALLOCATED;
        // An abort of the parent needs a way to the child.
        self.expect_abort();
        let started = self.start(reply, None).0;
        // SAFETY: just started, so still held here.
        let record = unsafe { &mut *started.as_ptr() };
        record.copy_names(parent);
        let (held, gates) = parent.held();
        record.inherit(held, &gates);
        started
    }

    /// Where the record is, for as long as the message.
    pub(crate) fn record_at(&self) -> NonNull<Record<B>> {
        Heap::raw(&self.heap)
    }

    /// Data of somebody else's, for the next [`start_for`](Message::start_for).
    pub(crate) fn set_slot(&mut self, data: Slot) {
        self.record_mut().data = data;
    }

    /// A message that was completed in its sender's context.
    ///
    /// # Safety
    /// The record is the caller's, started and back.
    pub(crate) unsafe fn back_at_once(record: NonNull<Record<B>>, status: Status) -> Message<B> {
        // SAFETY: as the caller's.
        unsafe {
            access::state(record).back_at_once();
            let own = access::own(record);
            (own.status, own.reply) = (status, Reply::Nobody(PhantomData));
            Message::from_record(record)
        }
    }

    #[inline]
    fn prepare(&mut self, origin: Option<&Origin>) {
        let record = self.record_mut();
        record.rewind();
        if let Some(origin) = origin {
            record.inherit(origin.held, &origin.gates);
        }
    }
}

/// A message that its target may drop from its queue.
///
/// Waiting for one is a mistake:
///
/// ```compile_fail,E0599
/// # use agent::*;
/// # use std::sync::Arc;
/// fn ask(message: Droppable<u32>, port: Arc<dyn Port<u32>>) {
///     let _ = message.ask(&port);
/// }
/// ```
pub struct Droppable<B: 'static>(pub(crate) Message<B>);

impl<B: Send + 'static> Droppable<B> {
    /// As [`Message::send`]. Where the target drops the message, it comes back too, and says so
    /// ([`Message::was_dropped`]).
    pub fn send(self, port: &Arc<dyn Port<B>>, reply: &Arc<dyn ReplyPort<B>>) {
        self.0.send(port, reply);
    }

    /// The name of the message while it is kept.
    pub fn id(&self) -> MessageId {
        self.0.id()
    }

    /// The message, not to be dropped.
    pub fn into_message(mut self) -> Message<B> {
        self.0.record_mut().flags.remove(Flags::DROPPABLE);
        self.0
    }
}
