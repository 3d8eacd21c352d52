//! Containment: a driver's panic ends at the driver.

use crate::{
    kept::Kept,
    port::{Catch, MessageId, Port, Saved},
    record::Record,
    request::{Before, Outcome, Request},
    status::{Errno, Status},
    sync::{AtomicBool, Ordering},
};

/// What a host of drivers contains them with.
#[cfg(feature = "alloc")]
pub(crate) type Catcher = alloc::sync::Arc<dyn Catch>;
/// What a host of drivers contains them with.
#[cfg(not(feature = "alloc"))]
pub(crate) type Catcher = &'static dyn Catch;

pub(crate) struct Containment {
    catch: Catcher,
    failed: AtomicBool,
}

impl Containment {
    pub(crate) fn new(catch: Catcher) -> Containment {
        Containment { catch, failed: AtomicBool::new(false) }
    }

    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The same, or while the calling thread unwinds.
    pub(crate) fn is_failing(&self) -> bool {
        self.has_failed() || self.catch.is_unwinding()
    }

    /// Enters the driver, unless it has failed; false where it does so now, or did before.
    #[inline]
    fn enter<B: 'static, P>(&self, port: &P, run: &mut dyn FnMut()) -> bool
    where
        P: Port<B> + ?Sized,
    {
        if self.has_failed() {
            return false;
        }
        self.catch.catch(run) || self.fail(port)
    }

    /// The driver answers `EIO` from here on, and lets go of what it has kept.
    #[cold]
    fn fail<B: 'static, P: Port<B> + ?Sized>(&self, port: &P) -> bool {
        self.failed.store(true, Ordering::Relaxed);
        self.catch.catch(&mut || port.fail());
        false
    }

    /// Begins the message: where the driver panics or has before, the message is completed with
    /// `EIO`, as it was before.
    #[inline]
    pub(crate) fn begin<'s, B, P>(&'s self, request: Request<'s, B>, port: &'s P) -> Outcome<'s, B>
    where
        P: Port<B> + ?Sized,
    {
        self.enter_with(request, port, |request| port.begin(request))
    }

    /// Tells the driver of a completion, in the same way.
    pub(crate) fn up<'s, B>(
        &'s self,
        request: Request<'s, B>,
        port: &'s (dyn Port<B> + 'static),
        (status, saved): (Status, Saved),
    ) -> Outcome<'s, B> {
        self.enter_with(request, port, |request| port.up(request, status, saved))
    }

    /// The port is entered as every port is, for a lifetime that it can't name: a closure that a
    /// driver wrote could hide the request and go on using it. These here don't.
    #[inline]
    fn enter_with<'s, B, P>(
        &'s self,
        request: Request<'s, B>,
        port: &'s P,
        entry: impl Fn(Request<'s, B>) -> Outcome<'s, B>,
    ) -> Outcome<'s, B>
    where
        P: Port<B> + ?Sized,
    {
        let (before, again) = request.remember();
        let (mut request, mut outcome) = (Some(request), None);
        let returned = self.enter(port, &mut || outcome = request.take().map(&entry));
        match outcome {
            Some(outcome) if returned => outcome,
            // SAFETY: the port unwound or was never entered, and the request that it was given
            // is gone; an outcome is not handed over yet. So the record is this chain's.
            _ => unsafe { again.failed(before) },
        }
    }

    /// Gives a message to a keeper of the driver's.
    pub(crate) fn take<B: 'static>(&self, port: &dyn Port<B>, kept: Kept<B>) {
        let mut kept = Some(kept);
        self.enter(port, &mut || kept.take().into_iter().for_each(|kept| port.take(kept)));
        // Where it was not taken in, or only in part.
        if let Some(kept) = kept {
            kept.done(Errno::EIO);
        }
    }

    /// Asks a keeper of the driver's to abort.
    pub(crate) fn abort<B: 'static>(&self, port: &dyn Port<B>, id: MessageId) {
        self.enter(port, &mut || port.abort(id));
    }
}

/// What a port that panics may have changed in a record.
impl Before {
    pub(crate) fn of<B>(record: &mut Record<B>) -> Before {
        Before {
            part: record.data.part(),
            frames: record.frames,
            depth: record.depth,
            chain: record.chain().len(),
            layer: record.layer(),
        }
    }

    pub(crate) fn restore<B>(self, record: &mut Record<B>) {
        (record.frames, record.depth) = (self.frames, self.depth);
        record.chain().truncate(self.chain);
        record.switch_layer(self.layer);
        // The part was one of this very data, and so it is still.
        let _ = record.data.restore(self.part);
    }
}
