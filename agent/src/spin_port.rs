//! A port that many receive from.

use alloc::{collections::VecDeque, sync::Arc};
use core::task::Waker;

use crate::{
    ending, engine,
    keeper::Through,
    kept::Kept,
    port::{MessageId, Port},
    queue::Queue,
    record::Flags,
    request::{Outcome, Request},
    status::Errno,
    sync::{Mutex, left_out},
    wait::{Deadline, Moment, Wait},
};

/// A port with many receivers: each message goes to one of them. A message that its sender no
/// longer wants leaves the queue at once.
///
/// Answers of its own: `EAGAIN` to a message that is sent, where the queue is full (a `call`
/// waits); `ENODEV` once it is closed.
pub struct SpinPort<B: 'static> {
    state: Mutex<State<B>>,
    limit: usize,
    watch: Option<Arc<dyn Watch>>,
}

/// Is told what happens at a port, in the context of whoever does it, and must not wait: for a
/// port whose receivers are no threads that could be woken.
pub trait Watch: Send + Sync {
    /// A message was queued. By now it may be received.
    fn queued(&self);

    /// The sender of a message that does not wait in the queue no longer wants it: a receiver
    /// has it, or is just getting it and finds it [aborted](Kept::aborted).
    fn aborted(&self, id: MessageId);
}

struct State<B: 'static> {
    queue: Queue<B>,
    /// Those who sleep now, each with a number of its own.
    sleepers: VecDeque<(u64, Waker)>,
    sleeps: u64,
    open: bool,
}

impl<B: Send + 'static> SpinPort<B> {
    /// A port for up to `limit` messages of senders that do not wait.
    pub fn new(limit: usize) -> Arc<SpinPort<B>> {
        SpinPort::make(limit, None)
    }

    /// The same, with somebody who is told of what happens there.
    pub fn watched(limit: usize, watch: Arc<dyn Watch>) -> Arc<SpinPort<B>> {
        SpinPort::make(limit, Some(watch))
    }

    fn make(limit: usize, watch: Option<Arc<dyn Watch>>) -> Arc<SpinPort<B>> {
        let (queue, sleepers) = (Queue::new(), VecDeque::new());
        let state = State { queue, sleepers, sleeps: 0, open: true };
        Arc::new(SpinPort { state: Mutex::new(state), limit, watch })
    }

    /// The next message, those with priority first; `None` where none waits.
    pub fn get(&self) -> Option<Kept<B>> {
        let record = self.state.lock().queue.pop()?;
        // SAFETY: taken off the queue, so held.
        Some(unsafe { Kept::new(record) })
    }

    /// The next message, if `wanted` says yes to what it asks; it stays queued where it says no,
    /// and the answer is `Err`. `wanted` is called with the queue locked.
    #[allow(clippy::result_unit_err)] // there is one reason
    pub fn get_if(&self, wanted: impl FnOnce(&B) -> bool) -> Result<Option<Kept<B>>, ()> {
        let mut state = self.state.lock();
        let Some(record) = state.queue.first() else { return Ok(None) };
        // SAFETY: held by the queue, which is locked.
        if !wanted(&unsafe { record.as_ref() }.body) {
            return Err(());
        }
        let record = state.queue.pop();
        // SAFETY: taken off the queue, so held.
        Ok(record.map(|record| unsafe { Kept::new(record) }))
    }

    /// Waits for the next message; `None` once the port is closed. A receiver may be woken in
    /// vain: another was faster.
    pub fn wait(&self, wait: &dyn Wait) -> Option<Kept<B>> {
        self.wait_for(wait, Deadline(None))
    }

    /// The same until a moment at the latest; then `None`.
    pub fn wait_until(&self, wait: &dyn Wait, moment: Moment) -> Option<Kept<B>> {
        self.wait_for(wait, Deadline(Some(moment)))
    }

    fn wait_for(&self, wait: &dyn Wait, deadline: Deadline) -> Option<Kept<B>> {
        let mut looked = 0;
        loop {
            if let Some(kept) = self.get() {
                return Some(kept);
            }
            if deadline.has_come(wait) {
                return None;
            }
            if wait.look_again(looked) {
                looked = looked.saturating_add(1);
                if self.state.lock().is_over() {
                    return None;
                }
            } else {
                self.sleep(wait, deadline)?;
            }
        }
    }

    /// Sleeps, unless there is a message; `None` where none comes any more.
    fn sleep(&self, wait: &dyn Wait, deadline: Deadline) -> Option<()> {
        let waker = wait.waker();
        let number = {
            let mut state = self.state.lock();
            if state.is_over() {
                return None;
            }
            if state.queue.len() > 0 {
                return Some(());
            }
            state.sleeps += 1;
            let number = state.sleeps;
            state.sleepers.push_back((number, waker));
            number
        };
        deadline.park(wait);
        // A waker that stayed behind would be woken in place of one that sleeps.
        if !left_out("spin-stale") {
            self.state.lock().sleepers.retain(|sleeper| sleeper.0 != number);
        }
        Some(())
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        // SAFETY: held by the queue.
        let droppable = |record: core::ptr::NonNull<crate::record::Record<B>>| unsafe {
            record.as_ref().flags.contains(Flags::DROPPABLE)
        };
        let record = self.state.lock().queue.remove(id, droppable).ok_or(Errno::ENOENT)?;
        // SAFETY: taken off the queue, so held.
        unsafe { ending::never_sent(record) };
        Ok(())
    }

    /// Ends the port: receivers get what waits, then nothing.
    pub fn close(&self) {
        let sleepers = {
            let mut state = self.state.lock();
            state.open = false;
            core::mem::take(&mut state.sleepers)
        };
        if !left_out("spin-close") {
            sleepers.into_iter().for_each(|sleeper| sleeper.1.wake());
        }
    }

    /// The same where nobody receives any more: what waits is answered `ENODEV`.
    pub fn abandon(&self) {
        self.close();
        while let Some(kept) = self.get() {
            kept.done(Errno::ENODEV);
        }
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// True where none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<B> State<B> {
    /// Nothing waits, and nothing comes any more.
    fn is_over(&self) -> bool {
        !self.open && self.queue.len() == 0
    }
}

impl<B: Send + 'static> Port<B> for SpinPort<B> {
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        request.keep_through(self, Through::QUEUE)
    }

    fn take(&self, kept: Kept<B>) {
        if !kept.is_with(self) {
            return kept.done(Errno::EINVAL);
        }
        let record = kept.into_record();
        // SAFETY: held.
        let (sent, receipt) =
            unsafe { (record.as_ref().flags.contains(Flags::SENT), ending::receipt(record)) };
        let mut state = self.state.lock();
        let refused = if !state.open {
            Some(Errno::ENODEV)
        } else {
            (sent && state.queue.len() >= self.limit).then_some(Errno::EAGAIN)
        };
        if let Some(errno) = refused {
            drop(state);
            // SAFETY: held, and given away.
            return unsafe { engine::complete(record, errno.into()) };
        }
        // SAFETY: held, and given away.
        unsafe { state.queue.push(record) };
        let sleeper = state.sleepers.pop_front().map(|sleeper| sleeper.1);
        let sleeper = sleeper.filter(|_| !left_out("spin-wake"));
        drop(state);
        for waker in [receipt, sleeper].into_iter().flatten() {
            waker.wake();
        }
        if let Some(watch) = &self.watch {
            watch.queued();
        }
    }

    fn abort(&self, id: MessageId) {
        let found = self.state.lock().queue.remove(id, |_| true);
        match (found, &self.watch) {
            // SAFETY: taken off the queue, so held.
            (Some(record), _) => unsafe { engine::complete(record, Errno::ECANCELED.into()) },
            (None, Some(watch)) if !left_out("spin-watch") => watch.aborted(id),
            (None, _) => {}
        }
    }
}
