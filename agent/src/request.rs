//! A message in a driver's hands while `begin` runs, and the two ways out.

use core::{marker::PhantomData, ptr::NonNull};

use crate::{
    access,
    exchange::sealed,
    frames,
    keeper::{Keeper, Through},
    port::{Port, Saved},
    record::{Flags, Record},
    room::Room,
    state::Seen,
    status::{Errno, Status},
    sync::left_out,
};

/// A lifetime that can be neither stretched nor shrunk.
type Invariant<'s> = PhantomData<fn(&'s ()) -> &'s ()>;

/// A message being begun. The lifetime is fresh for the call, so the request can't be stashed,
/// and the only outcomes are made from it. What can be done with its contents is in
/// [`Exchange`](crate::Exchange).
///
/// What does not compile: stashing a request,
///
/// ```compile_fail,E0521
/// # use agent::{Outcome, Port, Request, Status};
/// fn begin<'s>(stash: &mut Vec<Request<'static, u32>>, request: Request<'s, u32>) {
///     stash.push(request);
/// }
/// ```
///
/// answering one request with another's outcome,
///
/// ```compile_fail
/// # use agent::{Outcome, Request, Status};
/// fn begin<'a, 'b>(one: Request<'a, u32>, other: Request<'b, u32>) -> Outcome<'a, u32> {
///     other.done(Status::OK)
/// }
/// ```
///
/// even where one lifetime outlives the other,
///
/// ```compile_fail
/// # use agent::{Outcome, Request, Status};
/// fn begin<'a, 'b: 'a>(one: Request<'a, u32>, other: Request<'b, u32>) -> Outcome<'a, u32> {
///     other.done(Status::OK)
/// }
/// ```
///
/// forwarding to a port that does not outlive the request,
///
/// ```compile_fail,E0515
/// # use agent::{Outcome, Port, Request, Serialized};
/// fn begin<'s, P: Port<u32> + Clone + 'static>(port: &P, request: Request<'s, u32>) -> Outcome<'s, u32> {
///     let lower = Serialized::new(port.clone());
///     request.pass(&lower)
/// }
/// ```
///
/// using a request after its end,
///
/// ```compile_fail,E0382
/// # use agent::{Exchange, Outcome, Request, Status};
/// fn begin<'s>(request: Request<'s, u32>) -> Outcome<'s, u32> {
///     let outcome = request.done(Status::OK);
///     println!("{}", request.len());
///     outcome
/// }
/// ```
///
/// using what its sender lent after its end,
///
/// ```compile_fail,E0505
/// # use agent::{Exchange, Outcome, Request, Status};
/// fn begin<'s>(mut request: Request<'s, u32>) -> Outcome<'s, u32> {
///     let bytes = request.bytes().unwrap();
///     let outcome = request.done(Status::OK);
///     assert_eq!(bytes[0], 0);
///     outcome
/// }
/// ```
///
/// and taking a request to another thread.
///
/// ```compile_fail,E0277
/// # use agent::Request;
/// fn send<T: Send>(_: T) {}
/// fn begin(request: Request<'_, u32>) {
///     send(request);
/// }
/// ```
///
/// There is no drop code: a request that is let go of without an outcome can't happen, since
/// `begin` has to return one.
///
/// Two registers.
pub struct Request<'s, B: 'static> {
    record: NonNull<Record<B>>,
    room: Room,
    brand: Invariant<'s>,
}

/// What became of a request: done with a status, or kept. Two registers.
#[must_use]
pub struct Outcome<'s, B: 'static> {
    pub(crate) ended: Ended<B>,
    brand: Invariant<'s>,
}

/// What a port that panics may have changed in a record.
pub(crate) struct Before {
    pub(crate) part: (usize, usize),
    pub(crate) frames: u8,
    pub(crate) chain: u8,
}

/// A request that a port was entered with, for where the port unwound.
pub(crate) struct Again<'s, B: 'static> {
    record: NonNull<Record<B>>,
    room: Room,
    brand: Invariant<'s>,
}

impl<'s, B> Again<'s, B> {
    /// The request.
    ///
    /// # Safety
    /// There is no other of the same message.
    #[inline]
    pub(crate) unsafe fn request(&self) -> Request<'s, B> {
        Request { record: self.record, room: self.room, brand: self.brand }
    }

    /// The message ends with `EIO`, as it was before.
    ///
    /// # Safety
    /// The request itself is gone, and came to no outcome.
    pub(crate) unsafe fn failed(mut self, before: Before) -> Outcome<'s, B> {
        // SAFETY: as the caller's: the record is this chain's.
        before.restore(unsafe { self.record.as_mut() });
        Outcome { ended: Ended::Done(Errno::EIO.into()), brand: self.brand }
    }
}

pub(crate) enum Ended<B: 'static> {
    Done(Status),
    Kept(NonNull<Record<B>>),
}

impl<'s, B> Request<'s, B> {
    /// # Safety
    /// The caller holds the record exclusively and lends it for `'s`, through which every
    /// reference `&'s` that is given to the record's target stays good until the message is
    /// delivered.
    #[inline]
    pub(crate) unsafe fn new(record: NonNull<Record<B>>) -> Request<'s, B> {
        // SAFETY: held by the caller.
        let room = Room::of(unsafe { record.as_ref() });
        Request { record, room, brand: PhantomData }
    }

    /// The same for a message that has no meter and that no layer waits for.
    ///
    /// # Safety
    /// As [`new`](Request::new).
    #[inline]
    pub(crate) unsafe fn first(record: NonNull<Record<B>>) -> Request<'s, B> {
        Request { record, room: Room::ALL, brand: PhantomData }
    }

    /// Completes the message. It goes back to its sender at once; data and names are the
    /// sender's again.
    #[inline]
    pub fn done(self, status: impl Into<Status>) -> Outcome<'s, B> {
        Outcome { ended: Ended::Done(status.into()), brand: PhantomData }
    }

    /// True where the sender has asked for the message to be aborted already. One that waits can
    /// only once the message has been kept.
    pub fn is_aborted(&self) -> bool {
        // SAFETY: held by the request, and complete where the flag says so.
        unsafe {
            let whole = self.record.as_ref().flags.contains(Flags::WHOLE);
            // What has been replied is the message before this one.
            let asked = |seen: Seen| seen.is_aborted() && !seen.is_replied();
            whole && asked(access::state(self.record).see()) && !left_out("is-aborted")
        }
    }

    /// Keeps the message: `keeper.take` receives it once the layers above know.
    pub fn keep(self, keeper: &'s dyn Port<B>) -> Outcome<'s, B> {
        self.keep_through(keeper, Through::OPEN)
    }

    pub(crate) fn keep_through(
        self,
        keeper: &'s dyn Port<B>,
        through: Through<B>,
    ) -> Outcome<'s, B> {
        let keeper: *const (dyn Port<B> + 's) = keeper;
        // SAFETY: only the bound is changed. The record is pointed to by a live request, and
        // `'s` lasts until the message is delivered, so the keeper outlives every use.
        unsafe {
            let port: *const (dyn Port<B> + 'static) = core::mem::transmute(keeper);
            (*self.record.as_ref().late).keeping.write(Keeper { port, through });
        }
        Outcome { ended: Ended::Kept(self.record), brand: PhantomData }
    }

    /// Passes the message down unchanged, and does not want to hear of its completion. The
    /// outcome is the lower port's.
    #[inline]
    pub fn pass<P: Port<B> + ?Sized>(self, lower: &'s P) -> Outcome<'s, B> {
        lower.begin(self)
    }

    /// Passes the message down; `layer.up` hears of the completion, with `saved`, whether it
    /// came at once or late. `ELOOP` where too many layers wait for the message already.
    #[inline]
    pub fn forward<L, P>(self, layer: &'s L, lower: &'s P, saved: Saved) -> Outcome<'s, B>
    where
        L: Port<B> + 's,
        P: Port<B> + ?Sized,
    {
        self.forward_by(layer, saved, |request| lower.begin(request))
    }

    /// The same, in another way than to begin it at one port.
    #[inline]
    pub(crate) fn forward_by<L: Port<B> + 's>(
        self,
        layer: &'s L,
        saved: Saved,
        down: impl FnOnce(Request<'s, B>) -> Outcome<'s, B>,
    ) -> Outcome<'s, B> {
        let Some(below) = self.room.below() else {
            let [one, two, three] = saved;
            return self.forward_noted(layer, one, two, three, down);
        };
        let (record, room) = (self.record, self.room);
        match down(self.with(below)).ended {
            // SAFETY: the message is back, so the record is this layer's again.
            Ended::Done(status) => layer.up(unsafe { Request::back(record, room) }, status, saved),
            // SAFETY: not handed over yet, so the record is still this chain's.
            Ended::Kept(record) => unsafe { Request::back(record, room) }.wait(layer, saved),
        }
    }

    /// The same for a message with a meter, or that has been through too many layers.
    #[cold]
    fn forward_noted<L: Port<B> + 's>(
        mut self,
        layer: &'s L,
        one: u64,
        two: u64,
        three: u64,
        down: impl FnOnce(Request<'s, B>) -> Outcome<'s, B>,
    ) -> Outcome<'s, B> {
        let saved = [one, two, three];
        let Some(below) = self.room.below_noted() else { return self.done(Errno::ELOOP) };
        let (record, room, row) = (self.record, self.room, self.head().layer());
        match down(self.with(below)).ended {
            // SAFETY: as in `forward_by`.
            Ended::Done(status) => layer.up(unsafe { Request::back(record, room) }, status, saved),
            // SAFETY: as in `forward_by`.
            Ended::Kept(record) => unsafe {
                let outcome = Request::back(record, room).wait(layer, saved);
                frames::set_layer(record, row);
                outcome
            },
        }
    }

    /// # Safety
    /// As [`new`](Request::new); this much room was there before the layer passed the message
    /// down.
    #[inline]
    unsafe fn back(record: NonNull<Record<B>>, room: Room) -> Request<'s, B> {
        Request { record, room, brand: PhantomData }
    }

    /// The same message for a layer further down.
    #[inline]
    fn with(self, room: Room) -> Request<'s, B> {
        Request { room, ..self }
    }

    /// A layer is to hear of the completion of a message that was kept below.
    #[inline]
    fn wait<L: Port<B> + 's>(self, layer: &'s L, [one, two, three]: Saved) -> Outcome<'s, B> {
        let port: *const (dyn Port<B> + 's) = layer;
        // SAFETY: only the bound is changed; see `keep`.
        let port: *const (dyn Port<B> + 'static) = unsafe { core::mem::transmute(port) };
        // SAFETY: held by the request.
        let ended = unsafe { frames::push(self.record, port, one, two, three) };
        Outcome { ended, brand: PhantomData }
    }

    /// Begins the message at `port`; where it is completed at once, `after` sees the record.
    #[cfg(feature = "alloc")]
    pub(crate) fn through_done<P: Port<B> + ?Sized>(
        self,
        port: &'s P,
        after: impl FnOnce(&mut Record<B>),
    ) -> Outcome<'s, B> {
        let mut record = self.record;
        let outcome = port.begin(self);
        if let Ended::Done(_) = outcome.ended {
            // SAFETY: the message is back, so the record is this chain's.
            after(unsafe { record.as_mut() });
        }
        outcome
    }

    /// The record, and how many frames wait already.
    #[inline]
    pub(crate) fn parts(&self) -> (NonNull<Record<B>>, u8) {
        // SAFETY: the request holds the record exclusively.
        (self.record, unsafe { self.record.as_ref() }.frames)
    }

    /// What a port may change that panics, and the request once more for after that.
    #[inline]
    pub(crate) fn remember(&self) -> (Before, Again<'s, B>) {
        let mut record = self.record;
        // SAFETY: the request holds the record exclusively.
        let before = Before::of(unsafe { record.as_mut() });
        (before, Again { record, room: self.room, brand: PhantomData })
    }

    #[inline]
    fn head(&mut self) -> &mut Record<B> {
        // SAFETY: the request holds the record exclusively.
        unsafe { self.record.as_mut() }
    }
}

impl<B> sealed::Holder<B> for Request<'_, B> {
    #[inline]
    fn record(&self) -> &Record<B> {
        // SAFETY: the request holds the record exclusively.
        unsafe { self.record.as_ref() }
    }

    #[inline]
    fn record_mut(&mut self) -> &mut Record<B> {
        self.head()
    }
}
