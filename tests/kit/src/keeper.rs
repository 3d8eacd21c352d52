//! A port that keeps what it gets until told.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use driver::{
    Body, Class, Description, Driver, Exchange, Features, Kept, MessageId, Outcome, Port, Request,
};

/// Keeps what it gets. An abort is answered `ECANCELED`.
#[derive(Default)]
pub struct Keeper {
    /// What is kept, in the order of its coming.
    pub kept: Mutex<Vec<Kept<Body>>>,
    /// Aborts that came.
    pub aborts: AtomicUsize,
    /// Bytes of the device that it claims to be.
    pub size: u64,
}

impl Keeper {
    /// Takes what came first.
    ///
    /// # Panics
    /// Where nothing is kept.
    pub fn next(&self) -> Kept<Body> {
        self.kept.lock().expect("no test panicked").remove(0)
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.kept.lock().expect("no test panicked").len()
    }
}

impl Port<Body> for Keeper {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Body>) {
        self.kept.lock().expect("no test panicked").push(kept);
    }

    fn abort(&self, id: MessageId) {
        self.aborts.fetch_add(1, SeqCst);
        let found = {
            let mut kept = self.kept.lock().expect("no test panicked");
            let at = kept.iter().position(|kept| kept.id() == id);
            at.map(|at| kept.remove(at))
        };
        drop(found);
    }
}

impl Driver for Keeper {
    fn describe(&self) -> Description {
        let described = Description::new(Class::Block, Features::CONCURRENT);
        Description { size: self.size, block_size: 512, ..described }
    }
}
