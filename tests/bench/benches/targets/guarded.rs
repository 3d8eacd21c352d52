//! A driver that is wrong where two are inside, behind all that lets one in at a time.

use std::{
    hint::black_box,
    marker::PhantomData,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use agent::{Call, Data, Exchange, Outcome, Port, Request, Serialized, Status, Wait};

use crate::work::{Number, Work};

/// Counts who enters.
#[derive(Default)]
struct Tally(AtomicU64);

impl Tally {
    #[inline]
    fn enter(&self, work: &mut Number) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
        work.serve();
    }
}

impl Port<Number> for Tally {
    #[inline]
    fn begin<'s>(&'s self, mut request: Request<'s, Number>) -> Outcome<'s, Number> {
        self.enter(request.body_mut());
        request.done(Status::OK)
    }
}

/// The driver without messages.
pub(crate) trait Plain: Send + Sync {
    fn ask(&self, work: &mut Number);
    fn total(&self) -> u64;
}

impl Plain for Tally {
    fn ask(&self, work: &mut Number) {
        self.enter(work);
    }

    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The driver behind something that lets one in at a time.
pub(crate) trait Guarded: Sync {
    fn ask(&self, number: u64);

    /// How many were inside.
    fn total(&self) -> u64;
}

/// A serialized port, whose callers wait in the way `T`.
pub(crate) struct Ours<T> {
    port: Arc<dyn Port<Number>>,
    inner: Arc<Serialized<Number, Tally>>,
    wait: PhantomData<fn() -> T>,
}

impl<T: Wait + Default> Ours<T> {
    pub(crate) fn new() -> Ours<T> {
        let inner = Arc::new(Serialized::new(Tally::default()));
        Ours { port: black_box(inner.clone()), inner, wait: PhantomData }
    }
}

impl<T: Wait + Default> Guarded for Ours<T> {
    #[inline]
    fn ask(&self, number: u64) {
        let mut work = Number::new();
        work.ask(number);
        let mut call = Call::new(work, Data::NONE);
        assert_eq!(call.run(&*self.port, &T::default()), Status::OK);
        call.body().check(number);
    }

    fn total(&self) -> u64 {
        self.inner.inner().total()
    }
}

type Driver = Box<dyn Plain>;

macro_rules! locks {
    ($($name:ident: $lock:ty, $guard:ident -> $inside:expr;)*) => {$(
        pub(crate) struct $name($lock);

        impl $name {
            pub(crate) fn new() -> $name {
                let driver: Driver = black_box(Box::new(Tally::default()));
                $name(<$lock>::new(driver))
            }
        }

        impl Guarded for $name {
            #[inline]
            fn ask(&self, number: u64) {
                let mut work = Number::new();
                work.ask(number);
                let $guard = self.0.lock();
                $inside.ask(&mut work);
                work.check(number);
            }

            fn total(&self) -> u64 {
                let $guard = self.0.lock();
                $inside.total()
            }
        }
    )*};
}

locks! {
    Std: Mutex<Driver>, guard -> guard.expect("nobody panics");
    Spin: spin::Mutex<Driver>, guard -> guard;
    ParkingLot: parking_lot::Mutex<Driver>, guard -> guard;
}
