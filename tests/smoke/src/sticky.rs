//! A block device whose requests get stuck in it, if it is told so; otherwise it takes everything.

use std::io::{PipeWriter, Write};
use std::sync::{Arc, Mutex};

use driver::{
    Body, Class, Description, Driver, Exchange, Features, Outcome, Port, Request, Status,
};
use libredox::{Fd, flag};

/// The device.
pub struct Sticky {
    /// Nothing is ever written to it.
    pipe: Option<(Fd, Fd)>,
    entered: Mutex<PipeWriter>,
}

impl Sticky {
    /// A device that writes a byte to `entered` for each message that it begins.
    ///
    /// # Panics
    /// If the system has no pipes.
    pub fn new(stuck: bool, entered: PipeWriter) -> Arc<Sticky> {
        let pipe = || {
            let reader = Fd::open("/scheme/pipe", flag::O_CLOEXEC, 0).expect("there are pipes");
            let writer = Fd::new(reader.dup(b"write").expect("a pipe has another end"));
            (reader, writer)
        };
        Arc::new(Sticky { pipe: stuck.then(pipe), entered: Mutex::new(entered) })
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
        let features = Features::CONCURRENT;
        Description { size: 1 << 20, ..Description::new(Class::Block, features) }
    }
}
