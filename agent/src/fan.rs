//! Fan-out: one message becomes several, each with a part of its data, and ends when they have.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use crate::{
    join::Join,
    port::{Port, Saved},
    request::{Outcome, Request},
    status::Status,
    sync::{Mutex, Ordering},
};

/// One of the messages that a message becomes. Names go along.
pub struct Child<'s, B: 'static> {
    /// Where it goes.
    pub port: &'s dyn Port<B>,
    /// What it asks.
    pub body: B,
    /// The part of the parent's data that it sees. Parts of room to fill must not overlap, and
    /// come in order.
    pub range: Range<usize>,
}

/// What a child came to.
pub struct Came<'a, B> {
    /// Its body, with the reply's values.
    pub body: &'a B,
    /// The part of the parent's data that it saw.
    pub range: Range<usize>,
    /// How it ended.
    pub status: Status,
}

/// Adds what a child came to: the parent's body to take values in, what the children before it
/// came to, and the child. Called in the children's order once all are back.
pub type Merge<B> = fn(&mut B, Status, Came<'_, B>) -> Status;

/// Sums what children count, and takes the first error, in their order.
pub fn sum<B>(_: &mut B, so_far: Status, child: Came<'_, B>) -> Status {
    match (so_far.result(), child.status.result()) {
        (Ok(before), Ok(count)) => Status::ok(before.saturating_add(count)),
        (Err(_), _) => so_far,
        (_, Err(_)) => child.status,
    }
}

/// For children that share the data out: counts up to the first that came short of its part, and
/// takes the first error, in their order. Past a gap there is nothing that a sender could use.
pub fn prefix<B>(_: &mut B, so_far: Status, child: Came<'_, B>) -> Status {
    match (so_far.result(), child.status.result()) {
        (Err(_), _) => so_far,
        (_, Err(_)) => child.status,
        (Ok(before), Ok(count)) if before == child.range.start => {
            Status::ok(before + count.min(child.range.len()))
        }
        (Ok(_), Ok(_)) => so_far,
    }
}

/// A driver's pool of children, and the joins that own their parents meanwhile. Nothing is
/// allocated once there are as many as are under way at a time.
pub struct Fan<B: 'static> {
    /// All there are, for as long as the pool: an abort may still look at one.
    joins: Mutex<Vec<Arc<Join<B>>>>,
}

impl<B: Send + 'static> Default for Fan<B> {
    fn default() -> Self {
        Fan::new()
    }
}

impl<B: Send + 'static> Fan<B> {
    /// An empty pool.
    pub fn new() -> Fan<B> {
        Fan { joins: Mutex::new(Vec::new()) }
    }

    /// Passes a message down as `children`. As with [`Request::forward`], `layer.up` hears of
    /// the completion, with `saved`, whether it came at once or late, and with the status that
    /// `merge` made of the children's. They are begun in order, in this context; those that are
    /// kept go to their keepers once the layers above know.
    ///
    /// The children's sender is the parent's: where that waits, a child is a call of its chain
    /// (`EDEADLK`). An abort of the parent is passed on to all that are away, and the parent
    /// ends when the last of them is back. Once the parent is to be aborted, or a child that was
    /// begun came back `ECANCELED`, the others are not begun, and count as `ECANCELED`. `ELOOP` where too many layers wait for the message
    /// already; `EINVAL` where a child's part is not of the data, or parts to be filled overlap:
    /// nothing has been begun then.
    pub fn forward<'s, L>(
        &'s self,
        request: Request<'s, B>,
        layer: &'s L,
        children: impl IntoIterator<Item = Child<'s, B>>,
        merge: Merge<B>,
        saved: Saved,
    ) -> Outcome<'s, B>
    where
        L: Port<B> + 's,
    {
        request.forward_by(layer, saved, |request| {
            let join = self.join();
            join.begin(request, children, merge)
        })
    }

    /// A join that is free, taken.
    fn join(&self) -> &Join<B> {
        let mut joins = self.joins.lock();
        let free = joins.iter().position(|join| join.free.swap(false, Ordering::Acquire));
        let at = free.unwrap_or_else(|| {
            joins.push(Join::new());
            joins.len() - 1
        });
        // SAFETY: a join stays where it is, and in the pool, for as long as that.
        unsafe { &*Arc::as_ptr(&joins[at]) }
    }
}
