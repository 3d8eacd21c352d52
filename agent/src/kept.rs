//! A message that its target kept: an owned value, good until it is completed or forwarded.

use core::{mem::ManuallyDrop, ptr::NonNull};

#[cfg(feature = "alloc")]
use alloc::sync::Arc;

use crate::{
    access, engine,
    exchange::sealed,
    port::Port,
    record::Record,
    status::{Errno, Status},
};

/// A message that was kept. Its holder completes or forwards it, or lets go of it, which
/// replies `ECANCELED`, or `EIO` where that is because the driver has panicked. (`core::mem::forget` leaves the sender waiting; deadlines are the answer
/// to that.) What can be done with its contents is in [`Exchange`](crate::Exchange).
///
/// It goes to another thread where its body may:
///
/// ```
/// fn send<T: Send>(_: T) {}
/// fn take(kept: agent::Kept<u32>) {
///     send(kept);
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// fn take(kept: agent::Kept<std::rc::Rc<u32>>) {
///     send(kept);
/// }
/// ```
///
/// It is completed once:
///
/// ```compile_fail,E0382
/// fn take(kept: agent::Kept<u32>) {
///     kept.done(agent::Status::OK);
///     kept.done(agent::Status::OK);
/// }
/// ```
pub struct Kept<B: 'static> {
    record: NonNull<Record<B>>,
}

// SAFETY: the record is held exclusively and all that it points to may change threads: the body
// by the bound, data and names because only this value reaches them, ports because they are
// `Sync`, and the parts that the sender shares are behind a lock.
unsafe impl<B: Send> Send for Kept<B> {}
// SAFETY: a shared reference gives shared access to the body, and copies of the data.
unsafe impl<B: Send + Sync> Sync for Kept<B> {}

impl<B> Kept<B> {
    /// # Safety
    /// The caller hands over exclusive use of a record whose late part is complete.
    pub(crate) unsafe fn new(record: NonNull<Record<B>>) -> Kept<B> {
        Kept { record }
    }

    /// True where `keeper` is what the message was kept with, or wraps it and no more, so that
    /// it lives until the message is delivered.
    pub(crate) fn is_with<K: Port<B>>(&self, keeper: &K) -> bool {
        // SAFETY: held by this value, which came of a hand-over: `keeping` is written.
        let keeping = unsafe { (*access::late(self.record)).keeping.assume_init() }.port;
        // SAFETY: a keeper lives until the message is delivered.
        let size = unsafe { size_of_val(&*keeping) };
        // Values of one place and one size, other than none, are the same or wrap each other.
        size != 0 && size == size_of::<K>() && core::ptr::addr_eq(keeping, keeper)
    }

    pub(crate) fn into_record(self) -> NonNull<Record<B>> {
        ManuallyDrop::new(self).record
    }

    /// Completes the message: the layers that passed it down hear of it, last one first, then
    /// the sender has it back.
    pub fn done(self, status: impl Into<Status>) {
        let record = self.into_record();
        // SAFETY: exclusive use came with the value and goes on to the engine.
        unsafe { engine::complete(record, status.into()) }
    }

    /// Sends the message on to another port, which is kept alive until the reply. The layers
    /// that passed it down still hear of its completion, and so does the sender. `ELOOP` goes
    /// back to the sender where a message has been through too many ports.
    #[cfg(feature = "alloc")]
    pub fn forward(self, port: &Arc<dyn Port<B>>) {
        let record = self.into_record();
        // SAFETY: exclusive use came with the value and goes on to the engine.
        unsafe { engine::forward(record, port) }
    }

    /// True where the sender has asked for the message to be aborted.
    pub fn aborted(&self) -> bool {
        // SAFETY: a kept record's late part is complete, and outlives this value.
        unsafe { access::state(self.record) }.see().is_aborted()
    }
}

impl<B> Drop for Kept<B> {
    fn drop(&mut self) {
        // SAFETY: exclusive use ends with the value and goes on to the engine; `keeping` is
        // written, and a keeper's guard lives as long as the keeper.
        unsafe {
            let keeping = (*access::late(self.record)).keeping.assume_init();
            let failed = keeping.guard().is_some_and(|guard| guard.as_ref().is_failing());
            let status = if failed { Errno::EIO } else { Errno::ECANCELED };
            engine::complete(self.record, status.into());
        }
    }
}

impl<B> sealed::Holder<B> for Kept<B> {
    fn record(&self) -> &Record<B> {
        // SAFETY: held exclusively by this value.
        unsafe { self.record.as_ref() }
    }

    fn record_mut(&mut self) -> &mut Record<B> {
        // SAFETY: held exclusively by this value.
        unsafe { self.record.as_mut() }
    }
}
