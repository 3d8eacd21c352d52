//! The port: where messages are taken.

use crate::{
    kept::Kept,
    request::{Outcome, Request},
    status::Status,
};

/// Words that a layer keeps about a message that it passed down.
pub type Saved = [u64; 3];

/// Names one kept message while it is kept. Numbers are used again afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(crate) usize);

/// Enters a driver so that its panic ends there: what a host of drivers does, where the language
/// has a way to.
pub trait Catch: Send + Sync {
    /// Calls `run`; false where that panicked. Must not unwind.
    fn catch(&self, run: &mut dyn FnMut()) -> bool;

    /// True while the calling thread unwinds: what a driver lets go of then is answered `EIO`
    /// and not `ECANCELED`. The default does not know.
    fn is_unwinding(&self) -> bool {
        false
    }
}

/// Takes messages of body `B`. The target decides: it completes a message in the sender's
/// context, or keeps it; the sender's code is the same.
///
/// A driver used as it is *is* an inline port: it runs in its callers' contexts, concurrently.
/// [`Serialized`](crate::Serialized) and [`ThreadPort`](crate::ThreadPort) are ports around one
/// that may not run concurrently, or that blocks.
///
/// Only [`begin`](Port::begin) may wait for another port. The others run in the context of
/// whoever completes or aborts a message, which may hold other drivers up.
pub trait Port<B: 'static>: Send + Sync {
    /// Begins a request.
    ///
    /// Outcomes: [`Request::done`] (the message goes back with its status; nothing of it
    /// remains here), [`Request::keep`] ([`take`](Port::take) follows, after every layer above
    /// has been told) or what [`Request::forward`] and [`Request::pass`] return. Each consumes
    /// the request, and an outcome comes from no other.
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B>;

    /// Receives a message that [`begin`](Port::begin) or [`up`](Port::up) kept, to own it until
    /// it is completed or forwarded. Letting go of it replies `ECANCELED`; that is the default.
    fn take(&self, kept: Kept<B>) {
        drop(kept);
    }

    /// A message that this port passed down with [`Request::forward`] comes back, completed
    /// with `status`, with the words that were saved for it. The layer undoes what it changed
    /// in the message and says how it goes on, as in [`begin`](Port::begin). The default passes
    /// the status up.
    fn up<'s>(&'s self, request: Request<'s, B>, status: Status, saved: Saved) -> Outcome<'s, B> {
        let _ = saved;
        request.done(status)
    }

    /// The sender of a message that is kept here no longer wants it. A hint, given once: the
    /// keeper still completes the message, as soon as it can, with `ECANCELED` or with what it
    /// has. An id that is not known here (any longer) is no error. The default does nothing.
    fn abort(&self, id: MessageId) {
        let _ = id;
    }

    /// The same of a message that is being begun here by a thread that waits in
    /// [`begin`](Port::begin) for it. For ports that wait there and can be told: called while
    /// they are entered, and by whoever aborts. The default does nothing.
    fn interrupt(&self, id: MessageId) {
        let _ = id;
    }

    /// The driver has panicked, and is not entered any more: it lets go of the messages that it
    /// keeps, which are answered `EIO`. Called where a host contains the driver, and contained
    /// like it; again for what came in meanwhile, where others were inside. What a driver keeps
    /// elsewhere is answered when that lets go. The default does nothing.
    fn fail(&self) {}
}
