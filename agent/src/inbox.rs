//! An inbox: the reply port of one thread, and the send rights that it has.

use alloc::sync::Arc;
use core::{
    cell::{Cell as Plain, UnsafeCell},
    ptr::NonNull,
};

use crate::{
    access,
    call::Origin,
    flight::{self, Begun},
    home::{BATCH, Shared},
    late::Reply,
    pending::Ticket,
    port::Port,
    queue::{List, Queue},
    record::Record,
    reply::ReplyPort,
    request::{Ended, Request},
    send::{Droppable, Message},
    sync::left_out,
    wait::{Deadline, Moment, Wait},
};

type Rec<B> = NonNull<Record<B>>;

/// The reply port of one thread: what it sends comes back here, and nowhere is there a limit to
/// replies, for room is reserved when a message is sent.
///
/// Dropping it frees what is back, and later what is still away.
///
/// Threads can't share it:
///
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(agent::Inbox::<u32>::new(8));
/// ```
///
/// What is sent can't be borrowed:
///
/// ```compile_fail,E0597
/// # use agent::*;
/// # use std::sync::Arc;
/// fn send(inbox: &Inbox<&'static [u8]>, port: &Arc<dyn Port<&'static [u8]>>) {
///     let bytes = [0; 16];
///     let _ = inbox.send(Message::new(&bytes), port);
/// }
/// ```
pub struct Inbox<B: Send + 'static> {
    shared: NonNull<Shared<B>>,
    /// Plain messages that were completed at once. Borrowed for a step at a time, none of which
    /// leads back here.
    done: UnsafeCell<List<B>>,
    /// The others that are back and not got yet. Borrowed in the same way.
    back: UnsafeCell<Queue<B>>,
    limit: usize,
    /// Sent, and not got back yet.
    outstanding: Plain<usize>,
    /// Counts that no message carries.
    spare: Plain<usize>,
    /// Kept alive as long as the inbox.
    home: Option<Arc<dyn Port<B>>>,
}

// SAFETY: what is back is held by the inbox, and may change threads as `Message` may; the ports
// are `Send`.
unsafe impl<B: Send> Send for Inbox<B> {}

impl<B: Send + 'static> Inbox<B> {
    /// An inbox for up to `limit` messages that are sent and not got back.
    pub fn new(limit: usize) -> Inbox<B> {
        Inbox {
            shared: Shared::for_inbox(limit),
            done: UnsafeCell::new(List::new()),
            back: UnsafeCell::new(Queue::new()),
            limit,
            outstanding: Plain::new(0),
            spare: Plain::new(BATCH),
            home: None,
        }
    }

    /// The same for messages most of which go to `port`. The port is kept alive as long as the
    /// inbox is, so that no message need do it.
    pub fn at(port: &Arc<dyn Port<B>>, limit: usize) -> Inbox<B> {
        let mut inbox = Inbox::new(limit);
        inbox.shared().keep(port);
        inbox.home = Some(Arc::clone(port));
        inbox
    }

    #[inline]
    fn shared(&self) -> &Shared<B> {
        // SAFETY: one of the counts is the inbox's own.
        unsafe { self.shared.as_ref() }
    }

    /// Messages that are sent and not got back.
    pub fn outstanding(&self) -> usize {
        self.outstanding.get()
    }

    /// Sends the message; it comes back here, whether the target completed it at once or late.
    /// The port is kept alive until then. The message is returned where the limit is reached.
    #[inline]
    pub fn send(&self, message: Message<B>, port: &Arc<dyn Port<B>>) -> Result<(), Message<B>> {
        self.start(message, port, true, None)
    }

    /// The same on behalf of the message that `origin` is of, as with
    /// [`Message::send_from`].
    pub fn send_from(
        &self,
        origin: &Origin,
        message: Message<B>,
        port: &Arc<dyn Port<B>>,
    ) -> Result<(), Message<B>> {
        self.start(message, port, true, Some(origin))
    }

    /// The same for a message that the target may drop.
    pub fn send_droppable(
        &self,
        message: Droppable<B>,
        port: &Arc<dyn Port<B>>,
    ) -> Result<(), Droppable<B>> {
        self.start(message.0, port, true, None).map_err(Droppable)
    }

    /// A right to send to `port` from here. The port is kept alive as long as the inbox is, so
    /// that no message need do it.
    pub fn right(&self, port: Arc<dyn Port<B>>) -> SendRight<'_, B> {
        self.shared().keep(&port);
        SendRight { inbox: self, port }
    }

    #[inline]
    fn start(
        &self,
        message: Message<B>,
        port: &Arc<dyn Port<B>>,
        hold: bool,
        origin: Option<&Origin>,
    ) -> Result<(), Message<B>> {
        if self.outstanding.get() >= self.limit && !left_out("inbox-limit") {
            return Err(message);
        }
        self.outstanding.set(self.outstanding.get() + 1);
        if origin.is_none() && message.is_plain() {
            self.start_plain(message, port, hold);
        } else {
            self.start_noted(message, port, hold, origin);
        }
        Ok(())
    }

    /// Begins a plain message as a call is begun: where it is completed at once, nobody has to
    /// be told of it.
    #[inline]
    fn start_plain(&self, message: Message<B>, port: &Arc<dyn Port<B>>, hold: bool) {
        let record = message.into_record();
        let unwound = Unwound { inbox: self, record };
        // SAFETY: not in flight, so exclusive; the port outlives the call.
        let ended = unsafe { port.begin(Request::first(record)) }.ended;
        core::mem::forget(unwound);
        match ended {
            // SAFETY: not handed over, so still the sender's.
            Ended::Done(status) => unsafe {
                access::own(record).status = status;
                if (*self.back.get()).has_others() {
                    self.put_after(record);
                } else {
                    (*self.done.get()).push(record);
                }
            },
            // SAFETY: as above; kept.
            Ended::Kept(record) => unsafe { self.give_away(record, port, hold) },
        }
    }

    /// # Safety
    /// The message was begun as a call is, and its target unwound; the caller gives the record
    /// away.
    #[cold]
    unsafe fn unwound(&self, record: Rec<B>) {
        // SAFETY: as the caller's.
        unsafe {
            self.set_off(record);
            flight::unwound(record);
        }
    }

    /// Puts a plain message that was completed at once after what is back.
    ///
    /// # Safety
    /// The record is one of this inbox's messages, and given away.
    #[cold]
    unsafe fn put_after(&self, record: Rec<B>) {
        // SAFETY: held by the caller.
        unsafe {
            access::own(record).set_reply(Reply::Inbox(self.shared));
            (*self.back.get()).push(record);
        }
    }

    /// # Safety
    /// The caller holds the record, which was begun as a call is and is kept, and gives it away.
    #[inline(never)]
    unsafe fn give_away(&self, record: Rec<B>, port: &Arc<dyn Port<B>>, hold: bool) {
        // SAFETY: as the caller's; the port lives as long as the inbox where the message does not
        // hold it.
        unsafe {
            self.set_off(record);
            flight::give_away(record, self.hold(port, hold));
        }
    }

    /// What a message is to keep alive.
    #[inline]
    fn hold<'p>(&self, port: &'p Arc<dyn Port<B>>, hold: bool) -> Option<&'p Arc<dyn Port<B>>> {
        let home = || self.home.as_ref().is_some_and(|home| Arc::ptr_eq(home, port));
        (hold && !home()).then_some(port)
    }

    /// The message is under way from here on, with a count.
    ///
    /// # Safety
    /// The caller holds the record, which was begun as a call is.
    #[inline]
    unsafe fn set_off(&self, record: Rec<B>) {
        // SAFETY: as the caller's.
        unsafe { flight::set_off(record, Reply::Inbox(self.shared)) };
        self.spend();
    }

    #[inline(never)]
    fn start_noted(
        &self,
        message: Message<B>,
        port: &Arc<dyn Port<B>>,
        hold: bool,
        origin: Option<&Origin>,
    ) {
        let started = message.start(Reply::Inbox(self.shared), origin);
        let spends = Spends(self);
        // SAFETY: just started; the port lives as long as the inbox where the message does not
        // hold it.
        if let Begun::Back(record) = unsafe { started.begin(port, self.hold(port, hold)) } {
            core::mem::forget(spends);
            // SAFETY: back, and so held here.
            unsafe { self.put_back(record) };
        }
    }

    /// This inbox as a reply port for whatever others send: it comes back here too, beyond the
    /// limit. What comes when the inbox is gone is freed.
    pub fn reply_port(&self) -> Arc<dyn ReplyPort<B>> {
        // SAFETY: one of the counts is the inbox's own.
        unsafe { Shared::slot(self.shared) }
    }

    /// A count goes with a message.
    #[inline]
    fn spend(&self) {
        if self.spare.get() == 0 {
            self.shared().count_up(BATCH);
            self.spare.set(BATCH);
        }
        self.spare.set(self.spare.get() - 1);
    }

    /// # Safety
    /// The record is one of this inbox's messages, back, and given away.
    #[inline]
    unsafe fn put_back(&self, record: Rec<B>) {
        // SAFETY: held by the caller.
        unsafe {
            (*record.as_ptr()).switch_layer(0);
            access::state(record).back_at_once();
            (*self.back.get()).push(record);
        }
    }

    /// The next message that is back, those with priority first. The others come in the order in
    /// which this thread learns of them: what was completed at once may come before what came
    /// back late, and earlier.
    #[inline]
    pub fn get(&self) -> Option<Message<B>> {
        if self.has_others() {
            return self.get_other();
        }
        match self.get_done() {
            Some(message) => Some(message),
            None => self.get_late(),
        }
    }

    #[inline(never)]
    fn get_late(&self) -> Option<Message<B>> {
        Some(self.got(self.came()?))
    }

    /// True where there may be messages that come before those that were completed at once, or
    /// before those that came back late.
    #[inline]
    fn has_others(&self) -> bool {
        // SAFETY: as in `get`.
        self.shared().intake.beside() + unsafe { &*self.back.get() }.len() > 0
    }

    #[cold]
    fn get_other(&self) -> Option<Message<B>> {
        if self.shared().intake.is_urgent() {
            self.fetch();
        }
        // SAFETY: as in `get`.
        let back = unsafe { &mut *self.back.get() };
        if let Some(record) = back.pop_urgent() {
            return Some(self.got(record));
        }
        if let Some(message) = self.get_done() {
            return Some(message);
        }
        let record = back.pop().or_else(|| self.came())?;
        Some(self.got(record))
    }

    /// The next of those that were completed at once.
    #[inline]
    fn get_done(&self) -> Option<Message<B>> {
        // SAFETY: as in `get`.
        let record = unsafe { &mut *self.done.get() }.pop()?;
        self.outstanding.set(self.outstanding.get() - 1);
        // SAFETY: back, taken off the list; a plain one has nothing to be let go of.
        Some(unsafe { Message::as_it_is(record) })
    }

    /// What came back late, with the count that it brings.
    #[inline]
    fn came(&self) -> Option<Rec<B>> {
        let record = self.shared().intake.take()?;
        self.spare.set(self.spare.get() + 1);
        Some(record)
    }

    fn get_one(&self, ticket: &Ticket<B>) -> Option<Message<B>> {
        self.fetch();
        // SAFETY: as in `get`.
        let record = unsafe { &mut *self.back.get() }.remove(ticket.id(), |_| true)?;
        Some(self.got(record))
    }

    /// Takes over what has come in since, with the counts that it brings.
    #[inline]
    fn fetch(&self) {
        // SAFETY: as in `get`.
        let came = self.shared().intake.take_all(unsafe { &mut *self.back.get() });
        self.spare.set(self.spare.get() + came);
    }

    #[inline]
    fn got(&self, record: Rec<B>) -> Message<B> {
        // SAFETY: back, and taken off the queue.
        let message = unsafe { Message::from_record(record) };
        if message.is_of_inbox() {
            self.outstanding.set(self.outstanding.get() - 1);
        }
        message
    }

    /// Waits for the next message.
    pub fn wait(&self, wait: &dyn Wait) -> Message<B> {
        loop {
            if let Some(message) = self.shared().intake.look(wait, Deadline(None), || self.get()) {
                return message;
            }
        }
    }

    /// The same until a moment at the latest; then `None`.
    pub fn wait_until(&self, wait: &dyn Wait, moment: Moment) -> Option<Message<B>> {
        self.shared().intake.look(wait, Deadline(Some(moment)), || self.get())
    }

    /// Waits for the very message that `ticket` is of, and leaves others where they are. The
    /// message must have been sent from here, and not been got back: else nothing ends the wait.
    pub fn wait_for(&self, ticket: &Ticket<B>, wait: &dyn Wait) -> Message<B> {
        loop {
            if let Some(message) =
                self.shared().intake.look(wait, Deadline(None), || self.get_one(ticket))
            {
                return message;
            }
        }
    }
}

/// The count that goes with a message once its target has it, or has unwound over it.
struct Spends<'i, B: Send + 'static>(&'i Inbox<B>);

impl<B: Send + 'static> Drop for Spends<'_, B> {
    #[inline]
    fn drop(&mut self) {
        self.0.spend();
    }
}

/// Ends a message with `EIO` whose target unwound.
struct Unwound<'i, B: Send + 'static> {
    inbox: &'i Inbox<B>,
    record: Rec<B>,
}

impl<B: Send + 'static> Drop for Unwound<'_, B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `begin` is gone, its request with it, and nothing was handed over.
        unsafe { self.inbox.unwound(self.record) }
    }
}

impl<B: Send + 'static> Drop for Inbox<B> {
    fn drop(&mut self) {
        let mut back = core::mem::replace(self.back.get_mut(), Queue::new());
        let intake = &self.shared().intake;
        let came = if left_out("inbox-close") {
            intake.take_all(&mut back)
        } else {
            intake.close(&mut back)
        };
        while let Some(record) = back.pop().or_else(|| self.done.get_mut().pop()) {
            // SAFETY: back, and taken off its list.
            drop(unsafe { Message::from_record(record) });
        }
        // SAFETY: the inbox's own count, and those that no message carries.
        unsafe { Shared::count_down(self.shared, self.spare.get() + came + 1) }
    }
}

/// A right to send to one port, with an inbox to come back to.
pub struct SendRight<'i, B: Send + 'static> {
    inbox: &'i Inbox<B>,
    port: Arc<dyn Port<B>>,
}

impl<B: Send + 'static> SendRight<'_, B> {
    /// As [`Inbox::send`].
    #[inline]
    pub fn send(&self, message: Message<B>) -> Result<(), Message<B>> {
        self.inbox.start(message, &self.port, false, None)
    }
}
