//! Where messages come back: reply ports.

use crate::send::Message;

/// Takes messages back and acts on them at once, in the context of whoever replies: it must not
/// wait. A port that only takes replies; the queue for one thread is an
/// [`Inbox`](crate::Inbox).
pub trait ReplyPort<B: 'static>: Send + Sync {
    /// A message is back; it is the receiver's.
    fn reply(&self, message: Message<B>);
}

/// A reply port that frees what comes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl<B: 'static> ReplyPort<B> for Discard {
    fn reply(&self, message: Message<B>) {
        drop(message);
    }
}
