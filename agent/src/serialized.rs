//! Ports around a driver that may not run concurrently, that blocks, or that may panic.

use crate::{
    contain::{Held, Uncontained},
    ending, engine,
    exchange::{Exchange, sealed::Holder},
    gate::{Gate, PortStats},
    guard::Guard,
    keeper::Through,
    kept::Kept,
    late::Resume,
    port::{Catch, MessageId, Port},
    request::{Outcome, Request},
    status::Errno,
    sync::left_out,
    wait::Wait,
};

/// Messages of senders that do not wait that a queue takes before it pushes back, unless told
/// otherwise.
pub const QUEUE_LIMIT: usize = 1024;

/// A port that is entered by one message at a time: inline where it is idle; else the message
/// waits, and the one inside lets it in on leaving, for a number of entries; then a sender that
/// waits takes over, if there is one. Everything that enters the driver does so in this way:
/// requests, what it has asked to keep, completions, aborts.
///
/// Answers of its own: `EDEADLK` to a `call` whose own chain is inside already; `EAGAIN` to a
/// message that is sent, where the queue is full (a `call` waits); `ELOOP` where the chain holds
/// too many serializers; `EINVAL` to a message handed to [`take`](Port::take) that was not kept
/// with this port; `EIO` once a contained driver has panicked.
pub struct Serialized<B: 'static, P: Port<B>, C: Catch + 'static = Uncontained> {
    guard: Guard<B>,
    catch: Option<Held<C>>,
    port: P,
}

impl<B: Send + 'static, P: Port<B>> Serialized<B, P> {
    /// A serialized port around `port`. A driver that panics inside never leaves.
    pub fn new(port: P) -> Self {
        Serialized { guard: guard(false, None), catch: None, port }
    }
}

fn guard<B>(held: bool, catch: Option<Held<dyn Catch>>) -> Guard<B> {
    Guard::new(Some(Gate::new(held, QUEUE_LIMIT)), catch)
}

impl<B: Send + 'static, P: Port<B>, C: Catch + 'static> Serialized<B, P, C> {
    /// A serialized port around `port`, where a panic of the driver ends at the driver.
    pub fn contained(port: P, catch: Held<C>) -> Self {
        Serialized { guard: guard(false, Some(Held::<C>::clone(&catch))), catch: Some(catch), port }
    }

    /// The same with another limit to its queue.
    pub fn with_limit(self, limit: usize) -> Self {
        self.gate().set_limit(limit);
        self
    }

    /// The port inside.
    pub fn inner(&self) -> &P {
        &self.port
    }

    /// What came to the port so far.
    pub fn stats(&self) -> PortStats {
        self.gate().stats()
    }

    /// True once the driver has panicked: it is not entered any more.
    pub fn has_failed(&self) -> bool {
        self.guard.has_failed()
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    #[cfg(feature = "alloc")]
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        drop_message(self.gate(), id)
    }

    #[inline]
    fn gate(&self) -> &Gate<B> {
        // SAFETY: never `None`.
        unsafe { self.guard.gate.as_ref().unwrap_unchecked() }
    }
}

#[cfg(feature = "alloc")]
fn drop_message<B>(gate: &Gate<B>, id: MessageId) -> Result<(), Errno> {
    let record = gate.drop_message(id).ok_or(Errno::ENOENT)?;
    // SAFETY: taken off the queue, so held.
    unsafe { ending::never_sent(record) };
    Ok(())
}

/// What a port with a gate answers before it takes a message.
#[inline]
fn refusal<B: 'static>(request: &mut Request<'_, B>, gate: &Gate<B>) -> Option<Errno> {
    if request.record().holds(gate) && request.waits() {
        return Some(Errno::EDEADLK);
    }
    request.record_mut().chain().is_full().then_some(Errno::ELOOP)
}

/// Queues a message that was kept at a gate to be begun at `port`, or begins it.
fn take<B: Send + 'static, K, P>(kept: Kept<B>, keeper: &K, guard: &Guard<B>, port: &P)
where
    K: Port<B>,
    P: Port<B> + 'static,
{
    if !kept.is_with(keeper) {
        return kept.done(Errno::EINVAL);
    }
    let record = kept.into_record();
    // SAFETY: held, and given away; as the message's keeper this port, and so the one inside,
    // lives until delivery.
    unsafe {
        engine::keep_at(record, port, Resume::Begin);
        let step = guard.enter(record);
        engine::go_on(record, step);
    }
}

impl<B, P, C> Port<B> for Serialized<B, P, C>
where
    B: Send + 'static,
    P: Port<B> + 'static,
    C: Catch + 'static,
{
    #[inline]
    fn begin<'s>(&'s self, mut request: Request<'s, B>) -> Outcome<'s, B> {
        let gate = self.gate();
        if let Some(errno) = refusal(&mut request, gate) {
            return request.done(errno);
        }
        if !(gate.try_enter() || request.waits() && gate.enter_soon()) {
            return request.keep_through(self, Through::QUEUE);
        }
        let mut record = request.parts().0;
        let held = request.record_mut().chain().push(gate);
        let outcome = self.guard.begin(self.catch.as_deref(), request, &self.port);
        // SAFETY: done or not handed over yet, so the record is this chain's.
        unsafe { record.as_mut() }.chain().return_to(held);
        self.guard.leave(gate);
        outcome
    }

    fn take(&self, kept: Kept<B>) {
        take(kept, self, &self.guard, &self.port);
    }

    fn abort(&self, id: MessageId) {
        if let Some(record) = self.gate().cancel(id) {
            // SAFETY: taken off the queue, so held.
            unsafe { engine::complete(record, Errno::ECANCELED.into()) }
        }
    }
}

/// A port whose messages are worked on by one thread of its own, for a driver that blocks.
///
/// The thread belongs to the placement, which calls [`run`](ThreadPort::run) on it. Answers of
/// its own: `EDEADLK` to a `call` that comes from the thread's own message, `EAGAIN` to a message
/// that is sent, where the queue is full (a `call` waits), `ENODEV` once the port is closed, and
/// those of [`Serialized`].
pub struct ThreadPort<B: 'static, P: Port<B>> {
    guard: Guard<B>,
    port: P,
}

impl<B: Send + 'static, P: Port<B> + 'static> ThreadPort<B, P> {
    /// A thread port in front of `port`. Nothing is worked on before [`run`](ThreadPort::run).
    pub fn new(port: P) -> Self {
        ThreadPort { guard: guard(true, None), port }
    }

    /// The same, where a panic of the driver ends at the driver.
    pub fn contained(port: P, catch: Held<dyn Catch>) -> Self {
        ThreadPort { guard: guard(true, Some(catch)), port }
    }

    /// The same with another limit to its queue.
    pub fn with_limit(self, limit: usize) -> Self {
        self.gate().set_limit(limit);
        self
    }

    /// The port inside.
    pub fn inner(&self) -> &P {
        &self.port
    }

    /// What came to the port so far.
    pub fn stats(&self) -> PortStats {
        self.gate().stats()
    }

    /// True once the driver has panicked: it is not entered any more.
    pub fn has_failed(&self) -> bool {
        self.guard.has_failed()
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    #[cfg(feature = "alloc")]
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        drop_message(self.gate(), id)
    }

    /// Works on messages until the port is closed; then what waits is answered `ENODEV`. For
    /// one thread only. `wait` is how that thread waits for the next message.
    pub fn run(&self, wait: &dyn Wait) {
        let gate = self.gate();
        let mut looked = 0;
        while gate.is_open() {
            if gate.has_entries() && self.guard.work_one(gate, wait) {
                looked = 0;
            } else if wait.look_again(looked) {
                looked = looked.saturating_add(1);
            } else if !self.guard.work_one(gate, wait) && gate.is_open() {
                wait.park();
            }
        }
        self.guard.turn_away(gate);
    }

    /// Ends [`run`](ThreadPort::run) after the message that is worked on.
    pub fn close(&self) {
        self.gate().close();
    }

    fn gate(&self) -> &Gate<B> {
        // SAFETY: never `None`.
        unsafe { self.guard.gate.as_ref().unwrap_unchecked() }
    }
}

impl<B: Send + 'static, P: Port<B> + 'static> Port<B> for ThreadPort<B, P> {
    fn begin<'s>(&'s self, mut request: Request<'s, B>) -> Outcome<'s, B> {
        let gate = self.gate();
        if !gate.is_open() {
            return request.done(Errno::ENODEV);
        }
        if let Some(errno) = refusal(&mut request, gate) {
            return request.done(errno);
        }
        request.keep_through(self, Through::QUEUE)
    }

    fn take(&self, kept: Kept<B>) {
        take(kept, self, &self.guard, &self.port);
    }

    fn abort(&self, id: MessageId) {
        match self.gate().cancel(id) {
            // SAFETY: taken off the queue, so held.
            Some(record) => unsafe { engine::complete(record, Errno::ECANCELED.into()) },
            // The thread has it, and may wait with it.
            None if !left_out("interrupt") => self.port.interrupt(id),
            None => {}
        }
    }
}

/// An inline port around a driver that may panic: its panic ends at the driver. The message that
/// met it is answered `EIO`, and so are all that come after, and those that the driver keeps.
pub struct Contained<B: 'static, P: Port<B>, C: Catch + 'static> {
    guard: Guard<B>,
    catch: Held<C>,
    port: P,
}

impl<B: Send + 'static, P: Port<B>, C: Catch + 'static> Contained<B, P, C> {
    /// A contained port around `port`.
    pub fn new(port: P, catch: Held<C>) -> Self {
        Contained { guard: Guard::new(None, Some(Held::<C>::clone(&catch))), catch, port }
    }

    /// The port inside.
    pub fn inner(&self) -> &P {
        &self.port
    }

    /// True once the driver has panicked: it is not entered any more.
    pub fn has_failed(&self) -> bool {
        self.guard.has_failed()
    }
}

impl<B, P, C> Port<B> for Contained<B, P, C>
where
    B: Send + 'static,
    P: Port<B> + 'static,
    C: Catch + 'static,
{
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        self.guard.begin(Some(&*self.catch), request, &self.port)
    }
}
