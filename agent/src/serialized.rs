//! Ports around a driver that may not run concurrently, or that blocks.

use crate::{
    exchange::{Exchange, sealed::Holder},
    gate::Gate,
    kept::Kept,
    port::{MessageId, Port},
    request::{Outcome, Request},
    status::Errno,
    wait::Wait,
};

/// Messages that a queue takes before it pushes back, unless told otherwise.
pub const QUEUE_LIMIT: usize = 1024;

/// A port that is entered by one message at a time: inline where it is idle; else the message
/// waits, and the one inside lets it in on leaving. Completions that come up to the driver enter
/// the same way.
///
/// Answers of its own: `EDEADLK` to a `call` whose own chain is inside already; `EAGAIN` where
/// the queue is full; `ELOOP` where the chain holds too many serializers; `EINVAL` to a message
/// handed to [`take`](Port::take) that was not kept with this port. A driver that panics inside
/// never leaves: contain it inside ([`Request::contain`]). The driver's `take` and `abort` are not entries in this sense: they may
/// run while a message is inside, and touch only what the driver kept.
pub struct Serialized<B: 'static, P: Port<B>> {
    gate: Gate<B>,
    limit: usize,
    port: P,
}

impl<B: Send + 'static, P: Port<B>> Serialized<B, P> {
    /// A serialized port around `port`.
    pub const fn new(port: P) -> Self {
        Serialized { gate: Gate::new(false), limit: QUEUE_LIMIT, port }
    }

    /// The same with another limit to its queue.
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The port inside.
    pub fn inner(&self) -> &P {
        &self.port
    }
}

impl<B: Send + 'static, P: Port<B> + 'static> Port<B> for Serialized<B, P> {
    fn begin<'s>(&'s self, mut request: Request<'s, B>) -> Outcome<'s, B> {
        if request.waits() && request.record().chain.contains(&raw const self.gate) {
            return request.done(Errno::EDEADLK);
        }
        if request.record().chain.is_full() {
            return request.done(Errno::ELOOP);
        }
        if !self.gate.try_enter() {
            if self.gate.waiting() >= self.limit {
                return request.done(Errno::EAGAIN);
            }
            return request.keep(self);
        }
        request.record_mut().chain.push(&raw const self.gate);
        let outcome = request.through(&self.port, |record| record.chain.pop());
        self.gate.leave();
        outcome
    }

    fn take(&self, kept: Kept<B>) {
        if !kept.is_with(self) {
            return kept.done(Errno::EINVAL);
        }
        let port: *const dyn Port<B> = &raw const self.port;
        // SAFETY: given away; as the message's keeper this port, and so the one inside, lives
        // until delivery.
        unsafe { self.gate.begin(kept.into_record(), port) }
    }

    fn abort(&self, id: MessageId) {
        self.gate.cancel(id);
    }
}

/// A port whose messages are worked on by one thread of its own, for a driver that blocks.
///
/// The thread belongs to the placement, which calls [`run`](ThreadPort::run) on it. Answers of
/// its own: `EDEADLK` to a `call` that comes from the thread's own message, `EAGAIN` where the
/// queue is full, `ENODEV` once the port is closed, and those of [`Serialized`].
pub struct ThreadPort<B: 'static, P: Port<B>> {
    gate: Gate<B>,
    limit: usize,
    port: P,
}

impl<B: Send + 'static, P: Port<B> + 'static> ThreadPort<B, P> {
    /// A thread port in front of `port`. Nothing is worked on before [`run`](ThreadPort::run).
    pub const fn new(port: P) -> Self {
        ThreadPort { gate: Gate::new(true), limit: QUEUE_LIMIT, port }
    }

    /// The same with another limit to its queue.
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The port inside.
    pub fn inner(&self) -> &P {
        &self.port
    }

    /// Works on messages until the port is closed; then what waits is answered `ENODEV`. For
    /// one thread only. `wait` is how that thread waits for the next message.
    pub fn run(&self, wait: &dyn Wait) {
        while self.gate.is_open() {
            if !self.gate.work_one(|| wait.waker()) {
                if !self.gate.is_open() {
                    break;
                }
                wait.park();
            }
        }
        self.gate.turn_away();
    }

    /// Ends [`run`](ThreadPort::run) after the message that is worked on.
    pub fn close(&self) {
        self.gate.close();
    }
}

impl<B: Send + 'static, P: Port<B> + 'static> Port<B> for ThreadPort<B, P> {
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        if !self.gate.is_open() {
            return request.done(Errno::ENODEV);
        }
        if request.waits() && request.record().chain.contains(&raw const self.gate) {
            return request.done(Errno::EDEADLK);
        }
        if request.record().chain.is_full() {
            return request.done(Errno::ELOOP);
        }
        if self.gate.waiting() >= self.limit {
            return request.done(Errno::EAGAIN);
        }
        request.keep(self)
    }

    fn take(&self, kept: Kept<B>) {
        if !kept.is_with(self) {
            return kept.done(Errno::EINVAL);
        }
        let port: *const dyn Port<B> = &raw const self.port;
        // SAFETY: as in `Serialized::take`.
        unsafe { self.gate.begin(kept.into_record(), port) }
    }

    fn abort(&self, id: MessageId) {
        self.gate.cancel(id);
    }
}
