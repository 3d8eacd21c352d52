//! Handles on a message that is away: to abort it, to wait for it as a future.

use alloc::sync::Arc;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::send::{Heap, Message};

/// Asks for the abort of one send of a message.
pub struct Ticket<B: 'static> {
    heap: Arc<Heap<B>>,
    generation: u32,
}

impl<B: Send + 'static> Ticket<B> {
    pub(crate) fn new(heap: Arc<Heap<B>>, generation: u32) -> Ticket<B> {
        Ticket { heap, generation }
    }

    /// Asks for the abort, once; the message still comes back, cancelled or completed. Nothing
    /// happens where it is back already, or has been sent again since.
    pub fn abort(&self) {
        self.heap.abort(self.generation);
    }
}

/// A message under way, as a future.
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

    /// The message, if it is back; else `waker` will be woken.
    fn poll_message(&mut self, waker: &Waker) -> Option<Message<B>> {
        let back = self.ticket.as_ref()?.heap.is_back_or_wake(waker);
        // Whoever delivered may still be letting go of its count.
        if back { self.ticket.take().map(|ticket| Message::back(ticket.heap)) } else { None }
    }
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
