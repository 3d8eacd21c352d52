//! Handles on a message that is away: to abort it, to wait for it as a future.

use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::{
    heap::Heap,
    port::MessageId,
    send::Message,
    sync::{Counted, left_out, pause},
};

/// Asks for the abort of one send of a message.
pub struct Ticket<B: 'static> {
    heap: Counted<Heap<B>>,
    send: u32,
}

impl<B: 'static> Clone for Ticket<B> {
    fn clone(&self) -> Ticket<B> {
        Ticket { heap: Counted::clone(&self.heap), send: self.send }
    }
}

impl<B: Send + 'static> Ticket<B> {
    pub(crate) fn new(heap: Counted<Heap<B>>, send: u32) -> Ticket<B> {
        Ticket { heap, send }
    }

    /// Asks for the abort, once; the message still comes back, cancelled or completed. Nothing
    /// happens where it is not [begun](Ticket::is_begun), is back already, or has been sent again
    /// since.
    pub fn abort(&self) {
        Heap::abort(&self.heap, self.send);
    }

    /// True where that send has begun, be it over or not.
    pub fn is_begun(&self) -> bool {
        let send = self.heap.state().sends();
        send == self.send || self.is_past(send)
    }

    /// True where that send is over: the message is back, or on its way out of its target's
    /// hands.
    pub fn is_done(&self) -> bool {
        let seen = self.heap.state().see();
        self.is_past(seen.send()) || (seen.send() == self.send && seen.is_back())
    }

    fn is_past(&self, send: u32) -> bool {
        (send.wrapping_sub(self.send) as i32) > 0
    }

    pub(crate) fn id(&self) -> MessageId {
        MessageId(Heap::raw(&self.heap).as_ptr() as usize)
    }
}

/// A message under way, as a future. Used without an executor, it is a reply port that takes no
/// note of replies but for the mark on the message: look with [`try_take`](Pending::try_take).
#[must_use = "dropping it aborts the message"]
pub struct Pending<B: Send + 'static> {
    ticket: Option<Ticket<B>>,
}

impl<B: Send + 'static> Pending<B> {
    pub(crate) fn new(ticket: Ticket<B>) -> Pending<B> {
        Pending { ticket: Some(ticket) }
    }

    /// Asks for the abort; the message still comes back.
    pub fn abort(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.abort();
        }
    }

    /// True where the message is back.
    pub fn is_done(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_done)
    }

    /// The message, where it is back; else this value again.
    pub fn try_take(mut self) -> Result<Message<B>, Pending<B>> {
        if !self.is_done() {
            return Err(self);
        }
        self.ticket.take().map(|ticket| Message::back(ticket.heap)).ok_or(self)
    }

    /// Asks for the abort once `timer` is ready, a future of whatever executor there is; the
    /// message still comes back.
    pub fn abort_after<T: Future<Output = ()> + Unpin>(self, timer: T) -> AbortAfter<B, T> {
        AbortAfter { pending: self, timer: Some(timer) }
    }

    /// The message, if it is back; else `waker` will be woken.
    fn poll_message(&mut self, waker: &Waker) -> Option<Message<B>> {
        let heap = &self.ticket.as_ref()?.heap;
        if !heap.state().see().is_back() && leave_waker(heap, waker) {
            return None;
        }
        // Whoever delivered may still be letting go of its count.
        self.ticket.take().map(|ticket| Message::back(ticket.heap))
    }
}

/// Leaves a waker for whoever replies; `false` where the message is back.
fn leave_waker<B: 'static>(heap: &Heap<B>, waker: &Waker) -> bool {
    let (state, rest) = (heap.state(), heap.rest());
    // The waker that was left before is this side's again, unless it is being woken.
    if state.stop_waiting() {
        // SAFETY: nobody waits by the state's word, so the waker is the waiting side's.
        let left = unsafe { &mut *rest.waker.get() };
        if !left.as_ref().is_some_and(|left| left.will_wake(waker) || left_out("changed-waker")) {
            *left = Some(waker.clone());
        }
        if state.wait() {
            return true;
        }
    }
    // Replied; at the most a waker is being taken out.
    while !state.see().is_back() {
        pause();
    }
    false
}

impl<B: Send + 'static> Future for Pending<B> {
    type Output = Message<B>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Message<B>> {
        assert!(self.ticket.is_some(), "polled after the message was back");
        match self.poll_message(context.waker()) {
            Some(message) => Poll::Ready(message),
            None => Poll::Pending,
        }
    }
}

impl<B: Send + 'static> Drop for Pending<B> {
    fn drop(&mut self) {
        self.abort();
    }
}

/// A message under way with a deadline.
#[must_use = "dropping it aborts the message"]
pub struct AbortAfter<B: Send + 'static, T> {
    pending: Pending<B>,
    timer: Option<T>,
}

impl<B: Send + 'static, T: Future<Output = ()> + Unpin> Future for AbortAfter<B, T> {
    type Output = Message<B>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Message<B>> {
        let this = &mut *self;
        if let Some(timer) = &mut this.timer
            && Pin::new(timer).poll(context).is_ready()
        {
            this.timer = None;
            this.pending.abort();
        }
        Pin::new(&mut this.pending).poll(context)
    }
}
