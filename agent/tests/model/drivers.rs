//! The model of a driver: what it does with a message, as the message says.

use agent::{Errno, Status};

use crate::{
    flow::{Ended, Entered, done},
    model::{Keeper, Model, Place, Step},
    script::{Act, Event, Holder, Key, lower},
};

impl Model {
    pub(crate) fn enter_begin(
        &mut self,
        port: usize,
        key: Key,
        guard: Option<usize>,
    ) -> Step<Entered> {
        self.events.push(Event::Begin(port, key));
        self.enter(port, key, guard, Status::OK)
    }

    pub(crate) fn enter_up(
        &mut self,
        port: usize,
        key: Key,
        guard: Option<usize>,
    ) -> Step<Entered> {
        let status = self.message(key).status;
        self.events.push(Event::Up(port, key, status));
        self.enter(port, key, guard, status)
    }

    /// What a driver does with a message in `begin` and `up`, as the message says.
    fn enter(
        &mut self,
        port: usize,
        key: Key,
        guard: Option<usize>,
        otherwise: Status,
    ) -> Step<Entered> {
        self.inside += 1;
        let (around, lowers) = self.driver(port);
        let ended = loop {
            let Some(act) = self.next_act(key) else { break done(otherwise)? };
            match act {
                Act::First(ops) => self.nested(&ops)?,
                Act::Call(to, acts) => self.call_for(key, to, &acts)?,
                Act::Done(count) => break done(Status::ok(count.into()))?,
                Act::Fail => break done(Errno::ENOSPC)?,
                Act::Keep => break self.keep(port, key, guard),
                Act::Panic if around.contains() => break Entered::Panicked,
                Act::LetGo | Act::Panic => break done(otherwise)?,
                Act::Pass(which) => match lower(port, lowers, which) {
                    Some(lower) => break Entered::Ended(self.begin(lower, key, guard)?),
                    None => break done(otherwise)?,
                },
                Act::Down(which) | Act::LatePanic(which) => {
                    let Some(lower) = lower(port, lowers, which) else { break done(otherwise)? };
                    let ended = self.forward_down(port, lower, key, guard)?;
                    let panics = matches!(act, Act::LatePanic(_)) && around.contains();
                    break if panics { Entered::Panicked } else { ended };
                }
            }
        };
        self.inside -= 1;
        Ok(ended)
    }

    fn keep(&mut self, port: usize, key: Key, guard: Option<usize>) -> Entered {
        self.message(key).keeper = Keeper::Driver { port, guard };
        Entered::Ended(Ended::Kept)
    }

    /// What a driver does with a message that it has kept; true where it panics.
    pub(crate) fn take(&mut self, port: usize, key: Key) -> Step<bool> {
        self.events.push(Event::Take(port, key));
        let (around, lowers) = self.driver(port);
        loop {
            let act = self.next_act(key);
            match act {
                Some(Act::First(ops)) => self.nested(&ops)?,
                Some(Act::Call(..)) => {}
                Some(Act::Done(count)) => {
                    self.complete(key, Status::ok(count.into()))?;
                    return Ok(false);
                }
                Some(Act::Fail) => {
                    self.complete(key, Errno::ENOSPC.into())?;
                    return Ok(false);
                }
                Some(Act::LetGo) => {
                    self.let_go(key)?;
                    return Ok(false);
                }
                Some(Act::Panic) if around.contains() => {
                    self.unwinding += 1;
                    self.let_go(key)?;
                    self.unwinding -= 1;
                    return Ok(true);
                }
                Some(Act::Down(which) | Act::Pass(which)) if port > 0 => {
                    let lower = lower(port, lowers, which).expect("not the first port");
                    self.forward(key, lower)?;
                    return Ok(false);
                }
                other => {
                    self.message(key).place = Place::Kept(Holder::Driver(port));
                    return Ok(matches!(other, Some(Act::LatePanic(_))) && around.contains());
                }
            }
        }
    }

    /// The sender of a message that the driver has wants it no more; true where it panics.
    pub(crate) fn enter_abort(&mut self, port: usize, key: Key) -> Step<bool> {
        if self.message(key).place != Place::Kept(Holder::Driver(port)) {
            return Ok(false);
        }
        self.events.push(Event::Abort(port, key));
        let act = self.next_act(key);
        self.inside += 1;
        let mut panics = false;
        match act {
            Some(Act::First(ops)) => self.nested(&ops)?,
            Some(Act::Done(count)) => self.complete(key, Status::ok(count.into()))?,
            Some(Act::Fail) => self.complete(key, Errno::ECANCELED.into())?,
            Some(Act::LetGo) => self.let_go(key)?,
            Some(Act::Panic | Act::LatePanic(_)) => panics = self.driver(port).0.contains(),
            _ => {}
        }
        self.inside -= 1;
        Ok(panics)
    }

    /// What is behind the guard is not entered any more, and the one that was lets go of what it
    /// keeps.
    pub(crate) fn fail(&mut self, guard: usize, port: usize) -> Step<()> {
        self.ports[guard].failed = true;
        self.events.push(Event::Fail(port));
        let held = Place::Kept(Holder::Driver(port));
        self.inside += 1;
        for key in self.keys(|m| m.place == held) {
            if self.messages[&key].place == held {
                self.let_go(key)?;
            }
        }
        self.inside -= 1;
        Ok(())
    }
}
