//! `send`: a message that is given away with its data, and comes back with the reply.
//!
//! One allocation holds record, late part and what the message owns; it can be used again.

use alloc::{sync::Arc, vec::Vec};
use core::{cell::UnsafeCell, marker::PhantomData, ptr::NonNull, task::Waker};

use crate::{
    access,
    count::{Counts, Meter},
    data::{Bytes, Data, Slot},
    engine,
    late::{Late, Meeting, Reply, Rest},
    pending::{Pending, Ticket},
    port::Port,
    record::Record,
    reply::ReplyPort,
    request::{Ended, Request},
    status::{Errno, Status},
};

/// Record, late part and belongings in one allocation. The record comes first, so that a
/// pointer to it is a pointer to the whole.
#[repr(C)]
pub(crate) struct Heap<B: 'static> {
    record: UnsafeCell<Record<B>>,
    late: UnsafeCell<Late<B>>,
    owned: UnsafeCell<Owned>,
}

#[derive(Default)]
struct Owned {
    data: Bytes,
    names: Vec<Vec<u8>>,
}

// SAFETY: what a `Message` reaches it reaches exclusively; what a `Ticket` or `Pending` reaches
// is behind the meeting's lock; the rest is the message's holder's alone.
unsafe impl<B: Send> Send for Heap<B> {}
// SAFETY: as above.
unsafe impl<B: Send> Sync for Heap<B> {}

impl<B: 'static> Heap<B> {
    /// Asks for the abort of the send that `generation` names.
    pub(crate) fn abort(&self, generation: u32) {
        let record = NonNull::from(self).cast();
        // SAFETY: record and late part live in the allocation, the latter complete.
        unsafe { engine::abort(record, self.late.get(), generation) }
    }

    /// True where a future's message is back; else `waker` will be woken.
    pub(crate) fn is_back_or_wake(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        // SAFETY: the late part is complete and lives in the allocation.
        let mut m = unsafe { access::meeting_in(self.late.get()) }.lock();
        core::mem::swap(&mut m.waker, &mut waker);
        let back = m.back;
        // The waker before is dropped outside the lock: that may run anything.
        drop(m);
        back
    }
}

/// A message of one's own: not sent, or back again. What it carries is owned.
///
/// Once sent it is no longer there to be touched:
///
/// ```compile_fail,E0382
/// # use agent::*;
/// # use std::sync::Arc;
/// fn twice(message: Message<u32>, port: Arc<dyn Port<u32>>, reply: Arc<dyn ReplyPort<u32>>) {
///     message.send(&port, &reply);
///     println!("{}", message.body());
/// }
/// ```
///
/// Threads share it only where they may share its body:
///
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(agent::Message::new(std::cell::Cell::new(1)));
/// ```
pub struct Message<B: 'static> {
    heap: Arc<Heap<B>>,
    /// `&Message` gives `&B`: shared among threads only where a `B` may be.
    body: PhantomData<B>,
}

impl<B: 'static> Message<B> {
    /// The value of a message that is not in flight.
    pub(crate) fn back(heap: Arc<Heap<B>>) -> Message<B> {
        Message { heap, body: PhantomData }
    }
}

impl<B: Send + 'static> Message<B> {
    /// A message that asks `body`.
    pub fn new(body: B) -> Message<B> {
        let heap = Arc::new(Heap {
            record: UnsafeCell::new(Record::new(
                body,
                Slot::new(Data::NONE),
                core::ptr::null_mut(),
            )),
            late: UnsafeCell::new(Late::uninit()),
            owned: UnsafeCell::new(Owned::default()),
        });
        let late = heap.late.get();
        // SAFETY: nobody else has the allocation yet.
        let (record, rest) = unsafe { (&mut *heap.record.get(), &mut (*late).rest) };
        rest.write(Rest::new(Reply::Wait, None));
        record.late = late;
        record.sent = true;
        Message::back(heap)
    }

    fn meeting(&self) -> &spin::Mutex<Meeting<B>> {
        // SAFETY: written by `new`, alive as long as the allocation.
        unsafe { access::meeting_in(self.heap.late.get()) }
    }

    fn record(&self) -> &Record<B> {
        // SAFETY: not in flight, so the record is this value's alone.
        unsafe { &*self.heap.record.get() }
    }

    fn record_mut(&mut self) -> &mut Record<B> {
        // SAFETY: as `record`.
        unsafe { &mut *self.heap.record.get() }
    }

    fn owned_mut(&mut self) -> &mut Owned {
        // SAFETY: as `record`.
        unsafe { &mut *self.heap.owned.get() }
    }

    fn raw(&self) -> NonNull<Record<B>> {
        // A pointer to the whole allocation, so that it can become an `Arc` again.
        NonNull::from(&*self.heap).cast()
    }

    /// What is asked, or, once the message is back, with the reply's values.
    pub fn body(&self) -> &B {
        &self.record().body
    }

    /// The same, to ask something else.
    pub fn body_mut(&mut self) -> &mut B {
        &mut self.record_mut().body
    }

    /// Puts data in; what was there is returned.
    pub fn set_data(&mut self, data: Bytes) -> Bytes {
        core::mem::replace(&mut self.owned_mut().data, data)
    }

    /// Takes the data out.
    pub fn take_data(&mut self) -> Bytes {
        self.set_data(Bytes::None)
    }

    /// Puts names in, two at most; more are dropped. What was there is gone.
    pub fn set_names(&mut self, names: impl IntoIterator<Item = Vec<u8>>) {
        let owned = self.owned_mut();
        owned.names.clear();
        owned.names.extend(names.into_iter().take(2));
    }

    /// Reads costs by layer while the message is away. Returns what was set before: after the
    /// reply, the meter with what was read.
    pub fn set_meter(
        &mut self,
        meter: Option<alloc::boxed::Box<Meter>>,
    ) -> Option<alloc::boxed::Box<Meter>> {
        core::mem::replace(&mut *self.record_mut().meter, meter)
    }

    /// What the message cost, with those that it caused.
    pub fn counts(&self) -> Counts {
        self.record().counts()
    }

    /// How the message ended, the last time that it came back.
    pub fn status(&self) -> Status {
        // SAFETY: not in flight, so this value is the holder.
        unsafe { access::own(self.raw()) }.status
    }

    /// A handle that can ask for the abort of the next send.
    pub fn ticket(&self) -> Ticket<B> {
        let generation = self.meeting().lock().generation.wrapping_add(1);
        Ticket::new(Arc::clone(&self.heap), generation)
    }

    /// Sends the message; it comes back through `reply`, whether the target completed it at
    /// once or late. The port is kept alive until then. A target that unwinds has the message
    /// come back with `EIO`.
    pub fn send(self, port: &Arc<dyn Port<B>>, reply: &Arc<dyn ReplyPort<B>>) {
        self.start(port, Reply::Port(Arc::clone(reply)));
    }

    /// Sends the message; it comes back as the future's output. No executor in particular is
    /// needed. Dropping the future asks for the abort and frees the message once it is back.
    pub fn ask(self, port: &Arc<dyn Port<B>>) -> Pending<B> {
        let ticket = self.ticket();
        self.start(port, Reply::Future);
        Pending::new(ticket)
    }

    fn start(mut self, port: &Arc<dyn Port<B>>, reply: Reply<B>) {
        self.prepare(reply);
        // The message is in flight from here on: delivery makes the value again.
        let whole = Arc::into_raw(self.heap).cast_mut();
        // SAFETY: an `Arc`'s pointer is not null.
        let record = unsafe { NonNull::new_unchecked(whole) }.cast::<Record<B>>();
        let unwound = Unwound(record);
        // SAFETY: just made exclusive; `port` outlives the call.
        let outcome = unsafe { port.begin(Request::new(record)) };
        core::mem::forget(unwound);
        match outcome.ended {
            Ended::Done(status) => {
                // SAFETY: back, with no layer left to tell.
                unsafe { engine::complete(record, status) }
            }
            Ended::Kept(record) => {
                // SAFETY: not handed over, so still the sender's. There is room: nothing else is
                // held yet.
                let held = unsafe { access::own(record) }.hold(port);
                debug_assert!(held.is_ok());
                // SAFETY: as above; the port lives until delivery now.
                unsafe { engine::hand_over(record) }
            }
        }
    }

    fn prepare(&mut self, reply: Reply<B>) {
        let data = self.owned_mut().data.slot();
        self.record_mut().clear_names();
        for index in 0..self.owned_mut().names.len() {
            let name: *const [u8] = &raw const *self.owned_mut().names[index];
            self.record_mut().push_name(name);
        }
        let record = self.record_mut();
        record.data = data;
        record.restart();
        record.clear_counts();
        // SAFETY: not in flight, so this value is the holder.
        unsafe { access::own(self.raw()) }.reply = reply;
        let mut m = self.meeting().lock();
        (m.replied, m.delivered, m.back) = (false, false, false);
        (m.abort, m.keeper) = (false, None);
        m.generation = m.generation.wrapping_add(1);
    }
}

/// Gives a message back whose target unwound.
struct Unwound<B: 'static>(NonNull<Record<B>>);

impl<B> Drop for Unwound<B> {
    fn drop(&mut self) {
        // SAFETY: `begin` is gone, its request with it, and nothing was handed over.
        unsafe {
            self.0.as_mut().restart();
            engine::complete(self.0, Status::error(Errno::EIO));
        }
    }
}

impl<B> Drop for Heap<B> {
    fn drop(&mut self) {
        // SAFETY: written by `Message::new`, and nobody refers to it any more.
        unsafe { self.late.get_mut().rest.assume_init_drop() }
        drop(self.record.get_mut().meter.take());
    }
}

/// Gives a message back to its sender.
///
/// # Safety
/// The record is one of `send`'s; the caller is the one who delivers, and does not use it
/// afterwards.
pub(crate) unsafe fn deliver<B>(mut record: NonNull<Record<B>>, reply: Reply<B>) {
    // SAFETY: nobody else holds the message any more.
    unsafe { record.as_mut() }.switch_layer(0);
    // What kept the ports alive goes last: they may be what is running here.
    // SAFETY: nobody else holds the message any more.
    let holds = core::mem::take(&mut unsafe { access::own(record) }.holds);
    // SAFETY: `start` forgot this very count.
    let heap = unsafe { Arc::from_raw(record.as_ptr().cast::<Heap<B>>().cast_const()) };
    match reply {
        Reply::Port(port) => port.reply(Message::back(heap)),
        Reply::Future | Reply::Wait => {
            let waker = {
                // SAFETY: complete; the count keeps it alive.
                let mut m = unsafe { access::meeting_in(heap.late.get()) }.lock();
                m.back = true;
                m.waker.take()
            };
            drop(heap);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
    drop(holds);
}
