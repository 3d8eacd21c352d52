//! The model of those who wait: callers, and the threads of ports.

use agent::{Errno, Status};

use crate::{
    flow::Ended,
    model::{Model, Place, Reply, Step, Stuck},
    script::{Act, Around, Ending, Event, Key, Kind, Op, Pick, Plan, pick},
};

impl Model {
    pub(crate) fn call(
        &mut self,
        to: Pick,
        plan: &Plan,
        until: Option<u8>,
        interrupted: bool,
        during: &[Op],
    ) -> Step<()> {
        let key = self.make();
        self.message(key).priority = plan.priority;
        self.message(key).acts = plan.acts.clone().into();
        let until = until.map(|patience| self.now + u64::from(patience));
        let to = usize::from(to) % self.ports.len();
        self.run_call(key, to, until, interrupted, during)
    }

    /// A driver calls, on behalf of the message that it has.
    pub(crate) fn call_for(&mut self, of: Key, to: Pick, acts: &[Act]) -> Step<()> {
        let key = self.make();
        self.message(key).chain = self.message(of).chain.clone();
        self.message(key).acts = acts.to_vec().into();
        let to = usize::from(to) % self.ports.len();
        self.run_call(key, to, None, false, &[])?;
        let cost = self.message(key).cost;
        self.message(of).cost += cost;
        Ok(())
    }

    fn run_call(
        &mut self,
        key: Key,
        to: usize,
        until: Option<u64>,
        interrupted: bool,
        during: &[Op],
    ) -> Step<()> {
        self.start(key, Reply::Caller, None, false);
        let mut timed_out = false;
        match self.begin(to, key, None)? {
            Ended::Done(status) => {
                self.message(key).status = status;
                self.finish(key);
            }
            Ended::Kept => {
                self.hand_over(key)?;
                timed_out = self.wait(key, until, interrupted, during)?;
            }
        }
        let (status, messages) = (self.message(key).status, self.message(key).cost);
        let late = timed_out && status == Errno::ECANCELED.into();
        let status = if late { Errno::ETIMEDOUT.into() } else { status };
        self.events.push(Event::Back(key, Ending { status, dropped: false, messages }));
        self.free(key);
        Ok(())
    }

    /// The caller waits; true where the deadline came first.
    fn wait(
        &mut self,
        key: Key,
        mut until: Option<u64>,
        interrupted: bool,
        during: &[Op],
    ) -> Step<bool> {
        let (mut during, mut timed_out) = (during.iter(), false);
        while self.message(key).is_away() {
            if until.is_some_and(|until| self.now >= until) {
                (until, timed_out) = (None, true);
                self.abort(key)?;
                continue;
            }
            match (during.next(), until) {
                (Some(op), _) => self.step(op)?,
                (None, Some(until)) => self.now = until,
                (None, None) => self.settle(key)?,
            }
            if interrupted {
                self.abort(key)?;
            }
        }
        Ok(timed_out)
    }

    /// Whoever has a message that is waited for completes it.
    fn settle(&mut self, key: Key) -> Step<()> {
        if let Place::Kept(_) = self.message(key).place {
            return self.complete(key, Status::OK);
        }
        for port in self.queues() {
            while let Some(got) = self.receive(port)? {
                self.complete(got, Status::OK)?;
                if got == key {
                    return Ok(());
                }
            }
        }
        if self.message(key).is_away() { Err(Stuck) } else { Ok(()) }
    }

    /// A port's thread runs, until it would wait and nothing else happens.
    pub(crate) fn run_thread(&mut self, port: Pick, during: &[Op]) -> Step<()> {
        let threads = |port: &usize| {
            let port = &self.ports[*port];
            let Kind::Driver { around, .. } = port.kind else { return false };
            matches!(around, Around::Thread { .. }) && !port.ran
        };
        let there: Vec<_> = (0..self.ports.len()).filter(threads).collect();
        let Some(port) = pick(&there, port).copied() else { return Ok(()) };
        self.ports[port].ran = true;
        let mut during = during.iter();
        while self.ports[port].open {
            if self.work_one(port)? {
                continue;
            }
            match during.next() {
                Some(op) => self.step(op)?,
                None => self.ports[port].open = false,
            }
        }
        self.turn_away(port)
    }
}
