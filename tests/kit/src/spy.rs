//! A port that notes what passes, and does wrong where told.

use std::sync::{Arc, Mutex};

use driver::{
    Body, Description, Driver, Errno, Exchange, Op, Outcome, Port, Request, Saved, Status,
};

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// What was asked.
    pub op: Op,
    /// Bytes of data.
    pub len: usize,
    /// Where those lay.
    pub address: usize,
}

/// What a spy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with an error, and does nothing.
    Error(Errno),
    /// Passes on that much of the data only.
    Short(usize),
}

type Rule = Box<dyn FnMut(&Body, usize) -> Option<Fault> + Send>;

/// Notes what passes to a driver, and does wrong where its rule says so.
pub struct Spy {
    over: Arc<dyn Driver>,
    seen: Mutex<Vec<Seen>>,
    rule: Mutex<Rule>,
}

impl Spy {
    /// A spy before `over`, which does nothing wrong.
    pub fn new(over: Arc<dyn Driver>) -> Arc<Spy> {
        Arc::new(Spy { over, seen: Mutex::default(), rule: Mutex::new(Box::new(|_, _| None)) })
    }

    /// From here on `rule` says what goes wrong, of each message and the length of its data.
    pub fn set_rule(&self, rule: impl FnMut(&Body, usize) -> Option<Fault> + Send + 'static) {
        *self.rule.lock().expect("no test panicked") = Box::new(rule);
    }

    /// From here on everything is answered with `errno`; with `None`, nothing is any more.
    pub fn fail(&self, errno: Option<Errno>) {
        self.set_rule(move |_, _| errno.map(Fault::Error));
    }

    /// What passed since this was asked last.
    pub fn seen(&self) -> Vec<Seen> {
        core::mem::take(&mut *self.seen.lock().expect("no test panicked"))
    }

    /// The operations of what passed since this was asked last.
    pub fn ops(&self) -> Vec<Op> {
        self.seen().iter().map(|seen| seen.op).collect()
    }
}

impl Port<Body> for Spy {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let (op, len, address) = (request.body().op, request.len(), request.address());
        self.seen.lock().expect("no test panicked").push(Seen { op, len, address });
        let fault = (self.rule.lock().expect("no test panicked"))(request.body(), len);
        match fault {
            None => request.pass(&*self.over),
            Some(Fault::Error(errno)) => request.done(errno),
            Some(Fault::Short(len)) => {
                let [start, before] = request.part().words();
                match request.narrow(0..len.min(request.len())) {
                    Ok(_) => request.forward(self, &*self.over, [start, before, 0]),
                    Err(errno) => request.done(errno),
                }
            }
        }
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Body> {
        match request.restore(driver::Part::from_words([saved[0], saved[1]])) {
            Ok(()) => request.done(status),
            Err(errno) => request.done(errno),
        }
    }
}

impl Driver for Spy {
    fn describe(&self) -> Description {
        self.over.describe()
    }
}
