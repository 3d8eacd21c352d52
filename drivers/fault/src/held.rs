//! Messages that are kept: delayed ones, and those whose reply is lost.

use alloc::{collections::VecDeque, vec::Vec};

use driver::{Body, Errno, Exchange, Kept, MessageId, Outcome, Port, Request};

/// Keeps messages until others have come.
pub(crate) struct Delayed {
    delay: u64,
    inner: spin::Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    now: u64,
    /// In the order in which they are due.
    kept: VecDeque<(u64, Kept<Body>)>,
}

impl Delayed {
    pub(crate) fn new(delay: u64) -> Delayed {
        Delayed { delay, inner: spin::Mutex::default() }
    }

    /// A request has come.
    pub(crate) fn tick(&self) {
        self.inner.lock().now += 1;
    }

    /// What has waited long enough.
    pub(crate) fn due(&self) -> Vec<Kept<Body>> {
        let inner = &mut *self.inner.lock();
        let count = inner.kept.iter().take_while(|(due, _)| *due <= inner.now).count();
        inner.kept.drain(..count).map(|(_, kept)| kept).collect()
    }

    /// What has waited longest.
    pub(crate) fn first(&self) -> Option<Kept<Body>> {
        self.inner.lock().kept.pop_front().map(|(_, kept)| kept)
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().kept.len()
    }

    pub(crate) fn fail(&self) {
        let kept = core::mem::take(&mut self.inner.lock().kept);
        drop(kept);
    }
}

impl Port<Body> for Delayed {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.done(Errno::EINVAL)
    }

    fn take(&self, kept: Kept<Body>) {
        let inner = &mut *self.inner.lock();
        inner.kept.push_back((inner.now + self.delay, kept));
    }

    /// An abort ends the wait, before the lower port has seen the message.
    fn abort(&self, id: MessageId) {
        let found = {
            let kept = &mut self.inner.lock().kept;
            let at = kept.iter().position(|(_, kept)| kept.id() == id);
            at.and_then(|at| kept.remove(at))
        };
        drop(found);
    }
}

/// Keeps messages that were done, so that nobody hears of it.
#[derive(Default)]
pub(crate) struct Dropped(spin::Mutex<Vec<Kept<Body>>>);

impl Dropped {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn fail(&self) {
        let kept = core::mem::take(&mut *self.0.lock());
        drop(kept);
    }
}

impl Port<Body> for Dropped {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.done(Errno::EINVAL)
    }

    fn take(&self, kept: Kept<Body>) {
        self.0.lock().push(kept);
    }

    fn abort(&self, id: MessageId) {
        let found = {
            let kept = &mut *self.0.lock();
            let at = kept.iter().position(|kept| kept.id() == id);
            at.map(|at| kept.swap_remove(at))
        };
        drop(found);
    }
}
