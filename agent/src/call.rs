//! `call`: a message whose sender waits, with everything on the sender's stack.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

#[cfg(feature = "alloc")]
use crate::count::Meter;
use crate::{
    access,
    chain::Gates,
    count::Counts,
    data::{Data, Slot},
    ending, engine,
    frames::OfCall,
    late::{Course, Late, Reply, Rest},
    port::Port,
    record::{Flags, Record, Whole},
    request::{Ended, Request},
    state::State,
    status::{Errno, Status},
    wait::{Deadline, Moment, Wait, Woken},
};

/// What a message inherits from the one that causes it, and gives back: the serializers that
/// the chain holds, the meter, the costs. [`Exchange::origin`](crate::Exchange::origin) makes
/// one; a sender that nobody called has [`Origin::root`].
pub struct Origin {
    pub(crate) held: u8,
    pub(crate) gates: Gates,
    /// The message's counts when it was asked for the origin.
    #[cfg(feature = "alloc")]
    pub(crate) before: Counts,
    pub(crate) counts: Counts,
    #[cfg(feature = "alloc")]
    pub(crate) meter: Option<Box<Meter>>,
}

// SAFETY: the addresses in the chain are compared, never followed.
unsafe impl Send for Origin {}

impl Origin {
    /// Nobody's: no chain, no meter.
    pub const fn root() -> Origin {
        Origin {
            held: 0,
            gates: Gates::uninit(),
            #[cfg(feature = "alloc")]
            before: Counts::ZERO,
            counts: Counts::ZERO,
            #[cfg(feature = "alloc")]
            meter: None,
        }
    }

    /// What the messages so far cost.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Adds costs of a kind that no message counts by itself.
    pub fn count(&mut self, counts: Counts) {
        self.counts += counts;
        #[cfg(feature = "alloc")]
        if let Some(meter) = &mut self.meter {
            meter.count(counts);
        }
    }

    /// True where somebody reads costs by layer.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn is_metered(&self) -> bool {
        self.meter.is_some()
    }

    /// Reads costs by layer from here on.
    #[cfg(feature = "alloc")]
    pub fn set_meter(&mut self, meter: Option<Box<Meter>>) -> Option<Box<Meter>> {
        core::mem::replace(&mut self.meter, meter)
    }
}

impl Default for Origin {
    fn default() -> Origin {
        Origin::root()
    }
}

/// A message for one or more calls, with data and names that the caller lends. It may live on
/// the stack: the caller waits.
///
/// What is lent is not there to be touched while the message may be run:
///
/// ```compile_fail,E0506
/// # use agent::*;
/// fn ask(port: &dyn Port<u32>) {
///     let mut room = [0; 16];
///     let mut call = Call::new(1, Data::sink(&mut room));
///     room[0] = 1;
///     call.run(port, &Spin);
/// }
/// ```
#[repr(C, align(64))] // what a target touches begins at a cache line, wherever the stack is
pub struct Call<'a, B: 'static> {
    apart: [MaybeUninit<u64>; 4],
    whole: Whole<B>,
    borrow: PhantomData<&'a mut [u8]>,
}

impl<'a, B: 'static> Call<'a, B> {
    /// A message that asks `body`, with data.
    #[inline]
    pub fn new(body: B, data: Data<'a>) -> Call<'a, B> {
        let record = Record::new(body, Slot::new(data), core::ptr::null_mut());
        Call { apart: [MaybeUninit::uninit(); 4], whole: Whole::new(record), borrow: PhantomData }
    }

    /// Adds a name; the second is where a rename or link goes.
    ///
    /// # Panics
    /// At the third.
    pub fn name(mut self, name: &'a [u8]) -> Call<'a, B> {
        self.whole.record.push_name(name);
        self
    }

    /// Sends the message and waits for the reply. What was lent is the caller's again
    /// afterwards. The errors are the target's.
    #[inline]
    pub fn run<P: Port<B> + ?Sized>(&mut self, port: &P, wait: &dyn Wait) -> Status {
        self.whole.record.restart();
        self.run_on::<P, false>(port, wait, None)
    }

    /// The same with a deadline, on the clock of `wait`: when it has come, the abort is asked
    /// for, and the reply, which then comes soon, still waited for. `ETIMEDOUT` where the target
    /// cancelled the message because of that.
    pub fn run_until<P: Port<B> + ?Sized>(
        &mut self,
        port: &P,
        wait: &dyn Wait,
        moment: Moment,
    ) -> Status {
        self.whole.record.restart();
        self.run_on::<P, false>(port, wait, Some(moment))
    }

    #[inline]
    fn run_on<P: Port<B> + ?Sized, const METERED: bool>(
        &mut self,
        port: &P,
        wait: &dyn Wait,
        until: Option<Moment>,
    ) -> Status {
        let mut late = OfCall::<B>::uninit();
        self.whole.record.late = (&raw mut late).cast();
        let record = Whole::record_in(NonNull::from(&mut self.whole));
        // SAFETY: the record is this call's, which returns only once the message is back; the
        // port is borrowed for as long.
        let request =
            unsafe { if METERED { Request::new(record) } else { Request::first(record) } };
        match port.begin(request).ended {
            Ended::Done(status) => status,
            // SAFETY: kept, not handed over; `late` is this frame's.
            Ended::Kept(record) => unsafe { wait_for(record, wait, Deadline(until)) },
        }
    }

    /// Sends the message on behalf of another one, `origin`'s, and waits for the reply.
    #[inline]
    pub fn run_from<P: Port<B> + ?Sized>(
        &mut self,
        origin: &mut Origin,
        port: &P,
        wait: &dyn Wait,
    ) -> Status {
        self.whole.record.restart();
        self.whole.record.inherit(origin.held, &origin.gates);
        #[cfg(feature = "alloc")]
        let status = match origin.meter.take() {
            None => self.run_on::<P, false>(port, wait, None),
            Some(meter) => self.run_metered(meter, origin, port, wait),
        };
        #[cfg(not(feature = "alloc"))]
        let status = self.run_on::<P, false>(port, wait, None);
        self.whole.record.add_counts_to(&mut origin.counts);
        status
    }

    /// Runs with a meter, which goes back to `origin`.
    #[cfg(feature = "alloc")]
    #[cold]
    fn run_metered<P: Port<B> + ?Sized>(
        &mut self,
        meter: Box<Meter>,
        origin: &mut Origin,
        port: &P,
        wait: &dyn Wait,
    ) -> Status {
        self.whole.record.set_meter(Some(meter));
        let layer = self.whole.record.layer();
        let status = self.run_on::<P, true>(port, wait, None);
        // A reply that came late left the meter at the layer where it came from.
        self.whole.record.switch_layer(layer);
        origin.meter = self.whole.record.set_meter(None);
        status
    }

    /// Lets queues put the message before those that have no priority.
    pub fn priority(mut self) -> Call<'a, B> {
        self.whole.record.flags.insert(Flags::PRIORITY);
        self
    }

    /// Makes the message ready for another question, with other data. Names are gone.
    pub fn reset(&mut self, body: B, data: Data<'a>) {
        self.whole.record.body = body;
        self.whole.record.data = Slot::new(data);
        self.whole.record.clear_names();
        self.whole.record.clear_counts();
    }

    /// The body, with the reply's values once [`run`](Call::run) has returned.
    pub fn body(&self) -> &B {
        &self.whole.record.body
    }

    /// Gives the body back.
    pub fn into_body(self) -> B {
        self.whole.record.body
    }

    /// What the message cost, with those that it caused.
    pub fn counts(&self) -> Counts {
        self.whole.record.counts()
    }
}

/// Aborts where a wait unwinds: the record is on the stack that would go.
struct NeverUnwind;

impl Drop for NeverUnwind {
    fn drop(&mut self) {
        panic!("a wait for a reply must not unwind");
    }
}

/// # Safety
/// The message was kept and is not handed over yet; its record and late part are the caller's
/// and stay where they are.
#[cold]
unsafe fn wait_for<B>(record: NonNull<Record<B>>, wait: &dyn Wait, deadline: Deadline) -> Status {
    let guard = NeverUnwind;
    // SAFETY: the caller still holds the record; course and late part are this call's, and not in
    // use yet.
    let (course, late, rest) = unsafe {
        let (course, late) = (Whole::course_of(record), access::late(record));
        let rest = (&raw mut (*late).rest).cast::<Rest<B>>();
        course.write(Course::new(Reply::Call));
        rest.write(Rest::new());
        (*record.as_ptr()).flags.insert(Flags::WHOLE);
        (course, late, rest)
    };
    // SAFETY: written above; only shared from here on.
    let (state, shared) = unsafe { (access::state(record), &*rest) };
    state.start_call();
    // SAFETY: the caller's to hand over, now complete.
    unsafe { engine::hand_over_first(record) };
    // SAFETY: away, and this is the sender.
    let timed_out = unsafe { wait_on((state, shared), record, late, wait, deadline) };
    // SAFETY: back, so the record is the caller's again.
    let status = unsafe { access::own(record) }.status;
    // SAFETY: written above, used no more.
    unsafe {
        (*record.as_ptr()).flags.remove(Flags::WHOLE);
        core::ptr::drop_in_place(rest);
        core::ptr::drop_in_place(course);
    }
    core::mem::forget(guard);
    if timed_out && status == Status::error(Errno::ECANCELED) {
        return Status::error(Errno::ETIMEDOUT);
    }
    status
}

/// Waits until the message is back; true where the deadline came first.
///
/// # Safety
/// The caller is the message's sender, and record and late part stay until it is back.
unsafe fn wait_on<B>(
    (state, rest): (&State, &Rest<B>),
    record: NonNull<Record<B>>,
    late: *mut Late<B>,
    wait: &dyn Wait,
    mut deadline: Deadline,
) -> bool {
    let (mut looked, mut timed_out) = (0, false);
    loop {
        let seen = state.see();
        if seen.must_drain() {
            drain(state, rest);
            continue;
        }
        if seen.is_back() {
            return timed_out;
        }
        if deadline.has_come(wait) {
            (timed_out, deadline) = (true, Deadline(None));
            // SAFETY: the record stays until it is back.
            unsafe { ending::abort(record, late, 0) };
        } else if wait.look_again(looked) {
            looked = looked.saturating_add(1);
        } else if sleep(state, rest, wait, deadline) == Woken::Interrupted {
            // SAFETY: as above.
            unsafe { ending::abort(record, late, 0) };
        }
    }
}

/// The message waits for a driver that is free, and others before it: works them off.
fn drain<B>(state: &State, rest: &Rest<B>) {
    state.draining();
    // SAFETY: written before the state said so, and by nobody else until the gate is left.
    if let Some(guard) = unsafe { (*rest.drain.get()).take() } {
        // SAFETY: part of the port that the message waits for.
        unsafe { guard.as_ref() }.drain_for_others();
    }
}

/// Leaves a waker, once, and sleeps.
fn sleep<B>(state: &State, rest: &Rest<B>, wait: &dyn Wait, deadline: Deadline) -> Woken {
    if !state.see().is_awaited() {
        // SAFETY: the waker is the sender's until the state says that it waits.
        unsafe { *rest.waker.get() = Some(wait.waker()) };
        if !state.wait() {
            return Woken::Look;
        }
    }
    deadline.park(wait)
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[test]
    fn what_an_inline_call_touches_is_one_cache_line_beside_the_body() {
        let record = offset_of!(Call<'_, u64>, whole);
        let head = record + offset_of!(Record<u64>, data);
        assert_eq!((head % 64, record + offset_of!(Record<u64>, body)), (0, head + 64));
    }
}
