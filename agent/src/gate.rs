//! The gate of a driver that is never re-entered: who is inside, and who waits.
//!
//! New requests and completions enter alike. Where someone is inside already, on the same stack
//! or on another CPU, the message waits in the queue, and the one inside lets it in on leaving.
//! A thread's gate is always held by its thread.

use core::{ptr::NonNull, task::Waker};

use crate::{
    access,
    engine::{self, Step},
    late::Resume,
    port::{MessageId, Port},
    record::Record,
    status::{Errno, Status},
};

type Rec<B> = NonNull<Record<B>>;

pub(crate) struct Gate<B: 'static> {
    state: spin::Mutex<State<B>>,
}

struct State<B: 'static> {
    busy: bool,
    open: bool,
    first: Option<Rec<B>>,
    last: Option<Rec<B>>,
    len: usize,
    bell: Option<Waker>,
}

/// What came of a message at a gate.
enum Entered {
    Inside,
    Queued,
    /// Closed to messages that have not begun.
    Closed,
}

// SAFETY: queued records are held exclusively by the queue, which the lock protects, and may
// change threads as `Kept` may.
unsafe impl<B: Send> Send for State<B> {}

impl<B> Gate<B> {
    /// A gate that nobody holds, or that its thread holds for good.
    pub(crate) const fn new(held: bool) -> Gate<B> {
        let state = State { busy: held, open: true, first: None, last: None, len: 0, bell: None };
        Gate { state: spin::Mutex::new(state) }
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().len
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().open
    }

    pub(crate) fn try_enter(&self) -> bool {
        !core::mem::replace(&mut self.state.lock().busy, true)
    }

    /// Lets a message in, then it is the caller's to work on; or queues it.
    ///
    /// # Safety
    /// The caller holds the record; it gives it away where the answer is `Queued`.
    unsafe fn enter(&self, record: Rec<B>, resume: Resume<B>) -> Entered {
        let begins = matches!(resume, Resume::Begin(_));
        // SAFETY: held by the caller.
        unsafe { access::own(record) }.resume = resume;
        let mut state = self.state.lock();
        if begins && !state.open {
            return Entered::Closed;
        }
        if !state.busy {
            state.busy = true;
            return Entered::Inside;
        }
        // SAFETY: given away to the queue.
        unsafe { state.push(record) };
        let bell = state.bell.take();
        drop(state);
        if let Some(bell) = bell {
            bell.wake();
        }
        Entered::Queued
    }

    /// Begins a kept message at the port behind the gate, now or when it is its turn.
    ///
    /// # Safety
    /// The caller holds the record and gives it away; `port` lives until its delivery.
    pub(crate) unsafe fn begin(&self, record: Rec<B>, port: *const (dyn Port<B> + 'static)) {
        // SAFETY: as the caller's.
        match unsafe { self.enter(record, Resume::Begin(port)) } {
            // SAFETY: let in, so still held; the gate is too.
            Entered::Inside => unsafe { self.work(record) },
            Entered::Queued => {}
            // SAFETY: still held.
            Entered::Closed => unsafe {
                engine::complete(record, Status::error(Errno::ENODEV));
            },
        }
    }

    /// Lets the next one in, or leaves.
    pub(crate) fn leave(&self) {
        let mut state = self.state.lock();
        let next = state.pop();
        state.busy = next.is_some();
        drop(state);
        if let Some(record) = next {
            // SAFETY: taken off the queue, so held; the gate is still held too.
            unsafe { self.work(record) };
        }
    }

    /// Works on a message inside, then, outside, goes on with it, and comes back for the next.
    ///
    /// # Safety
    /// The caller holds the record and gives it away; it holds the gate and gives it away.
    unsafe fn work(&self, record: Rec<B>) {
        let mut next = Some(record);
        while let Some(record) = next {
            // SAFETY: held, and the gate is.
            let step = unsafe { self.inside(record, |record| engine::resume_queued(record)) };
            self.state.lock().busy = false;
            // SAFETY: held, and no gate is.
            unsafe { go_on(record, step) };
            let mut state = self.state.lock();
            next = if state.busy { None } else { state.pop() };
            state.busy |= next.is_some();
        }
    }

    /// Runs a step with the gate in the message's chain.
    ///
    /// # Safety
    /// The caller holds the record and the gate; the step gives the record back unless it says
    /// `Queued`.
    pub(crate) unsafe fn inside(
        &self,
        mut record: Rec<B>,
        step: impl FnOnce(Rec<B>) -> Step,
    ) -> Step {
        // SAFETY: held by the caller.
        unsafe { record.as_mut() }.chain.push(self);
        let step = step(record);
        if !matches!(step, Step::Queued) {
            // SAFETY: still held.
            unsafe { record.as_mut() }.chain.pop();
        }
        step
    }

    /// Takes a waiting message that has not begun out of the queue, and completes it.
    pub(crate) fn cancel(&self, id: MessageId) {
        let found = self.state.lock().remove(id);
        if let Some(record) = found {
            // SAFETY: taken off the queue, so held.
            unsafe { engine::complete(record, Status::error(Errno::ECANCELED)) };
        }
    }

    /// For the gate's own thread: works on the next message; `false` where none waits, and then
    /// `bell` rings for the next.
    pub(crate) fn work_one(&self, bell: impl FnOnce() -> Waker) -> bool {
        let next = {
            let mut state = self.state.lock();
            let next = state.pop();
            if next.is_none() && state.open {
                state.bell = Some(bell());
            }
            next
        };
        let Some(record) = next else { return false };
        // SAFETY: taken off the queue, so held; the gate is its thread's.
        unsafe {
            let step = self.inside(record, |record| engine::resume_queued(record));
            go_on(record, step);
        }
        true
    }

    /// Closes a thread's gate: nobody will let anyone in any more.
    pub(crate) fn close(&self) {
        let bell = {
            let mut state = self.state.lock();
            state.open = false;
            state.bell.take()
        };
        if let Some(bell) = bell {
            bell.wake();
        }
    }

    /// Answers all that waits behind a closed gate, then leaves it to whoever comes.
    pub(crate) fn turn_away(&self) {
        loop {
            let mut state = self.state.lock();
            let Some(record) = state.pop() else {
                state.busy = false;
                return;
            };
            drop(state);
            // SAFETY: taken off the queue, so held; the gate is still its thread's.
            unsafe { self.turn_away_one(record) };
        }
    }

    /// # Safety
    /// The caller holds the record, which it gives away, and the gate.
    unsafe fn turn_away_one(&self, record: Rec<B>) {
        // SAFETY: held by the caller.
        if matches!(unsafe { access::own(record) }.resume, Resume::Begin(_)) {
            // SAFETY: as above.
            return unsafe { engine::complete(record, Status::error(Errno::ENODEV)) };
        }
        // SAFETY: held, and the gate is.
        unsafe {
            let step = self.inside(record, |record| engine::resume_queued(record));
            go_on(record, step);
        }
    }
}

/// Tells the first layer of a completed message through the gate that it stands behind.
///
/// # Safety
/// The caller holds the record, which has a frame, and no gate; `gate` is alive.
pub(crate) unsafe fn tell_through<B>(gate: *const Gate<B>, record: Rec<B>, status: Status) -> Step {
    // SAFETY: part of the port of a layer, which lives until delivery.
    let gate = unsafe { &*gate };
    // SAFETY: held by the caller. A completion is let in or queued, closed or not.
    if !matches!(unsafe { gate.enter(record, Resume::Up(status)) }, Entered::Inside) {
        return Step::Queued;
    }
    // SAFETY: let in, so still held.
    let step = unsafe { gate.inside(record, |record| engine::tell_first(record, status)) };
    gate.leave();
    step
}

/// # Safety
/// The caller holds the record and gives it away; it holds no gate but its own thread's.
unsafe fn go_on<B>(record: Rec<B>, step: Step) {
    match step {
        // SAFETY: as the caller's.
        Step::Done(status) => unsafe { engine::unwind(record, status) },
        // SAFETY: as the caller's.
        Step::Kept => unsafe { engine::hand_over(record) },
        Step::Queued => {}
    }
}

impl<B> State<B> {
    /// # Safety
    /// The caller holds the record and gives it to the queue.
    unsafe fn push(&mut self, record: Rec<B>) {
        // SAFETY: held by the caller.
        unsafe { access::own(record) }.next = None;
        match self.last.replace(record) {
            // SAFETY: held by the queue.
            Some(last) => unsafe { access::own(last) }.next = Some(record),
            None => self.first = Some(record),
        }
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Rec<B>> {
        let record = self.first?;
        // SAFETY: held by the queue.
        self.first = unsafe { access::own(record) }.next.take();
        if self.first.is_none() {
            self.last = None;
        }
        self.len -= 1;
        Some(record)
    }

    /// Takes out the message of this id, if it waits to be begun.
    fn remove(&mut self, id: MessageId) -> Option<Rec<B>> {
        let (mut found, mut rest) = (None, self.len);
        while rest > 0 {
            rest -= 1;
            let record = self.pop()?;
            // SAFETY: taken off the queue, so held.
            let begins = matches!(unsafe { access::own(record) }.resume, Resume::Begin(_));
            if begins && record.as_ptr() as usize == id.0 {
                found = Some(record);
            } else {
                // SAFETY: goes back to the queue, in the same order.
                unsafe { self.push(record) };
            }
        }
        found
    }
}

impl<B> Drop for Gate<B> {
    fn drop(&mut self) {
        // A message that waits keeps its gate alive, so the queue is empty here.
        debug_assert!(self.state.get_mut().first.is_none());
    }
}
