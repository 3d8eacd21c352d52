//! A block device whose requests get stuck in it, if it is told so; otherwise it takes everything.

use std::io::{PipeWriter, Write};
use std::sync::{Arc, Mutex};

use driver::{
    Body, Class, Description, Driver, Exchange, Features, Outcome, Port, Request, Status,
};
use libredox::{Fd, flag};

/// The device.
pub struct Sticky {
    features: Features,
    /// Nothing is ever written to it.
    pipe: Option<(Fd, Fd)>,
    entered: Mutex<PipeWriter>,
}

impl Sticky {
    /// A device that writes a byte to `entered` for each message that it begins. It does not say
    /// that it blocks, so the thread that reads the socket gets stuck.
    ///
    /// # Panics
    /// If the system has no pipes.
    pub fn new(stuck: bool, entered: PipeWriter) -> Arc<Sticky> {
        Sticky::with(Features::CONCURRENT, stuck, entered)
    }

    /// The same that says that it blocks, as a driver has to.
    ///
    /// # Panics
    /// If the system has no pipes.
    pub fn blocking(entered: PipeWriter) -> Arc<Sticky> {
        Sticky::with(Features::CONCURRENT | Features::BLOCKS, true, entered)
    }

    fn with(features: Features, stuck: bool, entered: PipeWriter) -> Arc<Sticky> {
        let pipe = || {
            let reader = Fd::open("/scheme/pipe", flag::O_CLOEXEC, 0).expect("there are pipes");
            let writer = Fd::new(reader.dup(b"write").expect("a pipe has another end"));
            (reader, writer)
        };
        let (pipe, entered) = (stuck.then(pipe), Mutex::new(entered));
        Arc::new(Sticky { features, pipe, entered })
    }
}

impl Port<Body> for Sticky {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        // A test that does not listen any more has what it wants.
        let _ = self.entered.lock().expect("no panic here").write_all(b"!");
        if let Some((reader, _)) = &self.pipe {
            // Until the process is killed.
            let _ = reader.read(&mut [0]);
        }
        let len = request.len();
        request.done(Status::ok(len))
    }
}

impl Driver for Sticky {
    fn describe(&self) -> Description {
        Description { size: 1 << 20, ..Description::new(Class::Block, self.features) }
    }
}
