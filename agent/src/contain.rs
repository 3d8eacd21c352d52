//! Containment: a driver's panic ends at the driver.

use crate::{
    kept::Kept,
    port::{Catch, MessageId, Port, Saved},
    record::Record,
    request::{Before, Outcome, Request},
    status::{Errno, Status},
    sync::{AtomicBool, Ordering},
};

/// How a port has what contains its driver.
#[cfg(feature = "alloc")]
pub(crate) type Held<C> = alloc::sync::Arc<C>;
/// How a port has what contains its driver.
#[cfg(not(feature = "alloc"))]
pub(crate) type Held<C> = &'static C;

/// The same, for what happens later.
pub(crate) type Catcher = Held<dyn Catch>;

/// Around a driver that nothing contains.
#[derive(Clone, Copy, Debug)]
pub enum Uncontained {}

impl Catch for Uncontained {
    fn catch(&self, _: &mut dyn FnMut()) -> bool {
        match *self {}
    }
}

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

    /// Enters the driver, unless it has failed. Where it has on the way out, by this entry or by
    /// another one meanwhile, what came in since is let go of too.
    fn enter<B: 'static>(&self, port: &dyn Port<B>, run: &mut dyn FnMut()) {
        if !self.has_failed() && (!self.catch.catch(run) || self.has_failed()) {
            self.fail(port);
        }
    }

    /// The driver answers `EIO` from here on, and lets go of what it has kept.
    #[cold]
    fn fail<B: 'static, P: Port<B> + ?Sized>(&self, port: &P) {
        self.failed.store(true, Ordering::Relaxed);
        self.catch.catch(&mut || port.fail());
    }

    /// Begins the message: where the driver panics or has before, the message is completed with
    /// `EIO`, as it was before. `catch` is the containment's, of a type that the caller knows.
    #[inline]
    pub(crate) fn begin<'s, B, C, P>(
        &'s self,
        catch: &C,
        request: Request<'s, B>,
        port: &'s P,
    ) -> Outcome<'s, B>
    where
        C: Catch + ?Sized,
        P: Port<B> + ?Sized,
    {
        self.enter_with(catch, request, port, |request| port.begin(request))
    }

    /// The same, late.
    pub(crate) fn begin_late<'s, B>(
        &'s self,
        request: Request<'s, B>,
        port: &'s (dyn Port<B> + 'static),
    ) -> Outcome<'s, B> {
        self.begin(&*self.catch, request, port)
    }

    /// Tells the driver of a completion, in the same way.
    pub(crate) fn up<'s, B>(
        &'s self,
        request: Request<'s, B>,
        port: &'s (dyn Port<B> + 'static),
        (status, saved): (Status, Saved),
    ) -> Outcome<'s, B> {
        self.enter_with(&*self.catch, request, port, |request| port.up(request, status, saved))
    }

    /// The port is entered as every port is, for a lifetime that it can't name: a closure that a
    /// driver wrote could hide the request and go on using it. These here don't.
    #[inline]
    fn enter_with<'s, B, C, P>(
        &'s self,
        catch: &C,
        request: Request<'s, B>,
        port: &'s P,
        entry: impl Fn(Request<'s, B>) -> Outcome<'s, B>,
    ) -> Outcome<'s, B>
    where
        C: Catch + ?Sized,
        P: Port<B> + ?Sized,
    {
        if self.has_failed() {
            return request.done(Errno::EIO);
        }
        let (before, again) = request.remember();
        let mut outcome = None;
        let mut run = || {
            if outcome.is_none() {
                // SAFETY: the request is not used any more, and each of those made here is gone
                // before the next: there is none after one that came to an outcome.
                outcome = Some(entry(unsafe { again.request() }));
            }
        };
        let returned = catch.catch(&mut run);
        match outcome {
            Some(outcome) if returned => outcome,
            _ => {
                self.fail(port);
                // SAFETY: the port unwound, or was never entered, and the request that it was
                // given is gone; an outcome is not handed over yet. So the record is this
                // chain's.
                unsafe { again.failed(before) }
            }
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

/// What a port that panics may have changed in a record. The row of a meter is put right by the
/// edge that led to the port.
impl Before {
    pub(crate) fn of<B>(record: &mut Record<B>) -> Before {
        Before { part: record.data.part(), frames: record.frames, chain: record.chain().len() }
    }

    pub(crate) fn restore<B>(self, record: &mut Record<B>) {
        record.frames = self.frames;
        record.chain().truncate(self.chain);
        // The part was one of this very data, and so it is still.
        let _ = record.restore(self.part);
    }
}
