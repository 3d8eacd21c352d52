//! What stands around a driver: a gate, so that it is not re-entered; containment, so that its
//! panic ends there. Whatever enters the driver goes through its guard, at once or late.

use core::ptr::NonNull;

use crate::{
    access,
    contain::{Catcher, Containment},
    ending,
    engine::{self, Step},
    frames,
    gate::{Entered, Gate, Next},
    keeper::{Keeper, Through},
    late::{Late, Pinned, Resume},
    port::{Catch, MessageId, Port},
    queue::List,
    record::Record,
    request::{Ended, Outcome, Request},
    status::{Errno, Status},
    sync::left_out,
    wait::Wait,
};

type Rec<B> = NonNull<Record<B>>;

/// Entries that the one inside works off before a sender that waits takes over.
const DRAIN_LIMIT: usize = if cfg!(loom) { 1 } else { 32 };

pub(crate) struct Guard<B: 'static> {
    pub(crate) gate: Option<Gate<B>>,
    pub(crate) containment: Option<Containment>,
}

impl<B> Guard<B> {
    pub(crate) fn new(gate: Option<Gate<B>>, catch: Option<Catcher>) -> Guard<B> {
        Guard { gate, containment: catch.map(Containment::new) }
    }

    /// True once the driver has panicked.
    pub(crate) fn has_failed(&self) -> bool {
        self.containment.as_ref().is_some_and(Containment::has_failed)
    }

    /// The same, or while it does.
    pub(crate) fn is_failing(&self) -> bool {
        self.containment.as_ref().is_some_and(Containment::is_failing)
    }

    /// Begins a message in its sender's context, the gate held. `catch` is the containment's.
    #[inline]
    pub(crate) fn begin<'s, C, P>(
        &'s self,
        catch: Option<&C>,
        request: Request<'s, B>,
        port: &'s P,
    ) -> Outcome<'s, B>
    where
        C: Catch,
        P: Port<B> + ?Sized,
    {
        let (record, waiting) = request.parts();
        let outcome = match catch.and(self.containment.as_ref()).zip(catch) {
            Some((containment, catch)) => containment.begin(catch, request, port),
            None => port.begin(request),
        };
        if let Ended::Kept(_) = outcome.ended {
            // SAFETY: kept and not handed over, so the record is this chain's.
            unsafe { self.seal(record, waiting) };
        }
        outcome
    }

    /// The message was kept behind this guard: its keeper and the frames after the first
    /// `waiting` are entered through it, but those that have a guard of their own.
    ///
    /// # Safety
    /// The caller holds the record, which was kept and is not handed over.
    #[cold]
    pub(crate) unsafe fn seal(&self, record: Rec<B>, waiting: u8) {
        let this = NonNull::from(self);
        // SAFETY: held by the caller; `keep` has written `keeping`, and the frames are written.
        unsafe {
            let keeper = (*access::late(record)).keeping.assume_init_mut();
            if keeper.through.is(Through::OPEN) {
                keeper.through = Through::guard(this);
            }
            if record.as_ref().frames == waiting {
                return;
            }
            for frame in &mut frames::written(record)[usize::from(waiting)..] {
                frame.assume_init_mut().guard.get_or_insert(this);
            }
        }
    }

    /// Lets a message in that goes on as its `resume` says, works on it, and leaves. `Gone`
    /// where it has to wait.
    ///
    /// # Safety
    /// The caller holds the record and gives it away, but for what the answer says; it holds no
    /// gate of its chain but those of the record.
    pub(crate) unsafe fn enter(&self, record: Rec<B>) -> Step {
        let Some(gate) = &self.gate else {
            // SAFETY: as the caller's; nothing else stands around the driver.
            return unsafe { self.run(record) };
        };
        // SAFETY: held by the caller.
        match unsafe { gate.enter(record) } {
            Entered::Inside => {
                // SAFETY: let in, so still held, and the gate is.
                let step = unsafe { self.inside(gate, record) };
                self.leave(gate);
                step
            }
            Entered::Queued => Step::Gone,
            Entered::Full => Step::Done(Errno::EAGAIN.into()),
            Entered::Closed => Step::Done(Errno::ENODEV.into()),
        }
    }

    /// Steps out, or works off what waits first.
    #[inline]
    pub(crate) fn leave(&self, gate: &Gate<B>) {
        if !gate.try_leave() {
            self.drain(gate);
        }
    }

    /// The same, for a sender that was asked to.
    pub(crate) fn drain_for_others(&self) {
        if let Some(gate) = &self.gate {
            self.drain(gate);
        }
    }

    /// Works off what waits, then leaves, then goes on with what was worked off.
    #[cold]
    fn drain(&self, gate: &Gate<B>) {
        let (mut worked, mut aborts) = (List::new(), None);
        let mut left = DRAIN_LIMIT;
        let waker = loop {
            let next = gate.next((left == 0).then_some(self));
            left = left.checked_sub(1).unwrap_or(DRAIN_LIMIT);
            match next {
                Next::Left => break None,
                Next::Handed(waker) => break waker.filter(|_| !left_out("hand-over-wake")),
                // SAFETY: pinned by its entry, whose pin goes on to the list.
                Next::Abort(record) => unsafe {
                    self.abort_inside(record);
                    *access::rest_in(record.late).next_abort.get() = aborts.replace(record);
                },
                // SAFETY: taken off the queue, so held; the gate is too.
                Next::Message(record) => unsafe { self.work(gate, record, &mut worked) },
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        // SAFETY: worked off here.
        unsafe { finish_drained(worked, aborts) }
    }

    /// Works on a queued message inside. What is left to do with it, which may lead to other
    /// drivers, waits until the gate is left.
    ///
    /// # Safety
    /// The caller holds the record, which it gives away, and the gate.
    unsafe fn work(&self, gate: &Gate<B>, record: Rec<B>, worked: &mut List<B>) {
        // SAFETY: as the caller's.
        let (resume, status) = match unsafe { self.inside(gate, record) } {
            Step::Gone => return,
            // SAFETY: still held.
            Step::Done(status) if unsafe { ending::is_plain(record) } => {
                // SAFETY: still held. No driver hears of it.
                return unsafe { engine::complete(record, status) };
            }
            Step::Done(status) => (Resume::Done, status),
            Step::Kept => (Resume::Kept, Status::OK),
        };
        // SAFETY: still held.
        let own = unsafe { access::own(record) };
        (own.resume, own.status) = (resume, status);
        // SAFETY: still held.
        unsafe { worked.push(record) };
    }

    /// Runs a message with the gate in its chain.
    ///
    /// # Safety
    /// The caller holds the record, which it gives away where the answer is `Gone`, and the gate.
    unsafe fn inside(&self, gate: &Gate<B>, mut record: Rec<B>) -> Step {
        // SAFETY: held by the caller.
        unsafe { record.as_mut() }.chain().push(gate);
        // SAFETY: as the caller's.
        let step = unsafe { self.run(record) };
        if !matches!(step, Step::Gone) {
            // SAFETY: still held.
            unsafe { record.as_mut() }.chain().pop();
        }
        step
    }

    /// Goes on with a message as its `resume` says.
    ///
    /// # Safety
    /// The caller holds the record, which it gives away where the answer is `Gone`, and the gate
    /// if there is one.
    unsafe fn run(&self, mut record: Rec<B>) -> Step {
        // SAFETY: held by the caller.
        match unsafe { access::own(record) }.resume {
            // SAFETY: `keeping` holds the port to begin at, which lives until delivery.
            Resume::Begin => unsafe {
                let port = (*access::late(record)).keeping.assume_init().port;
                engine::begin_at(record, port, Some(self))
            },
            // SAFETY: pinned by `hand_over`, whose pin `give` gives back. What is kept is in no
            // chain.
            Resume::Take => unsafe {
                if self.gate.is_some() {
                    record.as_mut().chain().pop();
                }
                engine::give(record);
                Step::Gone
            },
            // SAFETY: queued by `unwind`, so a frame is there.
            Resume::Up => unsafe { engine::tell_first(record) },
            Resume::Done | Resume::Kept => Step::Gone,
        }
    }

    /// Gives a message to its keeper behind this guard.
    pub(crate) fn take(&self, keeper: Keeper<B>, kept: crate::Kept<B>) {
        match &self.containment {
            // SAFETY: the keeper lives until delivery, and the message is pinned.
            None => unsafe { keeper.take(kept) },
            // SAFETY: as above.
            Some(containment) => containment.take(unsafe { &*keeper.port }, kept),
        }
    }

    /// Asks the keeper behind this guard to abort, now or when it is the abort's turn.
    ///
    /// # Safety
    /// The caller has pinned the record, whose `abort_at` is settled, and gives the pin away.
    pub(crate) unsafe fn abort(&self, record: Rec<B>, late: *mut Late<B>) {
        if let Some(gate) = &self.gate {
            // SAFETY: pinned.
            match unsafe { gate.enter_abort(Pinned { record, late }) } {
                Some(Entered::Inside) => {}
                Some(_) => return,
                // SAFETY: pinned by the caller.
                None => return unsafe { ending::unpin(record, late) },
            }
        }
        // SAFETY: pinned, and let in where there is a gate.
        unsafe { self.abort_inside(Pinned { record, late }) };
        if let Some(gate) = &self.gate {
            self.leave(gate);
        }
        // SAFETY: pinned by the caller.
        unsafe { ending::unpin(record, late) }
    }

    /// # Safety
    /// The caller has pinned the record, whose `abort_at` is settled, and holds the gate if
    /// there is one.
    unsafe fn abort_inside(&self, pinned: Pinned<B>) {
        // SAFETY: settled, and not written any more.
        let Some(keeper) = (unsafe { *access::rest_in(pinned.late).abort_at.read() }) else {
            return;
        };
        // SAFETY: a keeper lives until delivery, which waits for the pin.
        let port = unsafe { &*keeper.port };
        let id = MessageId(pinned.record.as_ptr() as usize);
        match &self.containment {
            None => port.abort(id),
            Some(containment) => containment.abort(port, id),
        }
    }

    /// For the gate's own thread: works on the next entry; `false` where none waits, and then
    /// the thread is woken for the next.
    pub(crate) fn work_one(&self, gate: &Gate<B>, wait: &dyn Wait) -> bool {
        let Some(next) = gate.next_of_thread(|| wait.waker()) else { return false };
        // SAFETY: held or pinned by the entry; the gate is its thread's.
        unsafe { self.work_alone(gate, next, false) };
        true
    }

    /// Answers what waits behind a closed gate, then leaves it to whoever comes.
    pub(crate) fn turn_away(&self, gate: &Gate<B>) {
        loop {
            match gate.next(None) {
                Next::Left | Next::Handed(_) => return,
                // SAFETY: as in `work_one`.
                next => unsafe { self.work_alone(gate, next, true) },
            }
        }
    }

    /// # Safety
    /// What `next` names was taken off the queue; the gate is this thread's.
    unsafe fn work_alone(&self, gate: &Gate<B>, next: Next<B>, away: bool) {
        match next {
            // SAFETY: pinned by its entry.
            Next::Abort(record) => unsafe {
                self.abort_inside(record);
                ending::unpin(record.record, record.late);
            },
            // SAFETY: taken off the queue, so held.
            Next::Message(record) => unsafe {
                if away && access::own(record).resume == Resume::Begin {
                    return engine::complete(record, Errno::ENODEV.into());
                }
                let step = self.inside(gate, record);
                engine::go_on(record, step);
            },
            Next::Left | Next::Handed(_) => {}
        }
    }
}

/// # Safety
/// The caller holds the records of `worked`, and a pin on each of `aborts`, and gives them away.
unsafe fn finish_drained<B>(mut worked: List<B>, mut aborts: Option<Pinned<B>>) {
    while let Some(record) = worked.pop() {
        // SAFETY: held by the caller.
        let own = unsafe { access::own(record) };
        let step = if own.resume == Resume::Kept { Step::Kept } else { Step::Done(own.status) };
        // SAFETY: held, and the gate is left.
        unsafe { engine::go_on(record, step) };
    }
    while let Some(record) = aborts {
        // SAFETY: pinned, and no longer in any queue.
        unsafe {
            aborts = (*access::rest_in(record.late).next_abort.get()).take();
            ending::unpin(record.record, record.late);
        }
    }
}
