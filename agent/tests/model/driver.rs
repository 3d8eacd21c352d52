//! A driver that does what each message says, and notes what it is entered for.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering},
};

use agent::{Call, Data, Errno, Exchange, Kept, MessageId, Outcome, Port, Request, Saved, Status};

use crate::{
    fake_wait::FakeWait,
    script::{Act, Around, Event, Holder, Key, Op, Pick},
    world::{Body, Target, World, world},
};

pub(crate) struct Driver {
    number: usize,
    around: Around,
    lowers: [Option<Target>; 2],
    entered: AtomicBool,
}

/// An entry, until it is dropped.
struct Inside<'a>(&'a Driver);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let world = world();
        world.inside.set(world.inside.get() - 1);
        self.0.entered.store(false, Ordering::Relaxed);
    }
}

impl Driver {
    pub(crate) fn new(number: usize, around: Around, lowers: [Option<Target>; 2]) -> Driver {
        Driver { number, around, lowers, entered: AtomicBool::new(false) }
    }

    fn enter(&self) -> Inside<'_> {
        let world = world();
        world.inside.set(world.inside.get() + 1);
        let alone = matches!(self.around, Around::Gate { .. } | Around::Thread { .. });
        if self.entered.swap(true, Ordering::Relaxed) && alone {
            world.wrong(format!("port {} is entered twice", self.number));
        }
        Inside(self)
    }

    fn lower(&self, which: Pick) -> Option<&Target> {
        self.lowers[usize::from(which % 2)].as_ref()
    }

    /// The same, to be entered from here: it may be this driver's turn again before that returns.
    fn leave_to(&self, which: Pick) -> Option<&Target> {
        self.entered.store(false, Ordering::Relaxed);
        self.lower(which)
    }

    fn panic_if_contained(&self) {
        if self.around.contains() {
            resume_unwind(Box::new("on purpose"));
        }
    }

    /// What becomes of a message in `begin` and `up`.
    fn work<'s>(&'s self, mut request: Request<'s, Body>, otherwise: Status) -> Outcome<'s, Body> {
        loop {
            let Some(act) = request.body_mut().next_act() else {
                return request.done(otherwise);
            };
            match act {
                Act::First(ops) => nested(&ops),
                Act::Call(to, acts) => call_for(&mut request, to, acts),
                Act::Done(count) => return request.done(Status::ok(count.into())),
                Act::Fail => return request.done(Errno::ENOSPC),
                Act::Keep => return request.keep(self),
                Act::LetGo => return request.done(otherwise),
                Act::Panic => {
                    self.panic_if_contained();
                    return request.done(otherwise);
                }
                Act::Pass(which) => match self.leave_to(which) {
                    Some(lower) => return request.pass(&**lower),
                    None => return request.done(otherwise),
                },
                Act::Down(which) | Act::LatePanic(which) => {
                    let Some(lower) = self.leave_to(which) else { return request.done(otherwise) };
                    let outcome = request.forward(self, &**lower, self.saved());
                    if let Act::LatePanic(_) = act {
                        self.panic_if_contained();
                    }
                    return outcome;
                }
            }
        }
    }

    fn saved(&self) -> Saved {
        [self.number as u64, 7, u64::MAX]
    }

    fn store(&self, world: &World, kept: Kept<Body>) {
        let key = kept.body().key();
        let there = world.kept.borrow_mut().insert(key, (Holder::Driver(self.number), kept));
        if there.is_some() {
            world.give_up("a driver is given a message that somebody has");
        }
    }

    /// The message of this name, where this driver has it.
    fn find(&self, world: &World, id: MessageId) -> Option<Key> {
        let kept = world.kept.borrow();
        let this = |(holder, kept): &(Holder, Kept<Body>)| {
            *holder == Holder::Driver(self.number) && kept.id() == id
        };
        kept.iter().find(|(_, entry)| this(entry)).map(|(key, _)| *key)
    }
}

fn nested(ops: &[Op]) {
    let world = world();
    ops.iter().for_each(|op| world.step(op));
}

/// Calls another port on behalf of the message.
fn call_for(request: &mut Request<'_, Body>, to: Pick, acts: Vec<Act>) {
    let world = world();
    let mut body = world.make();
    let key = body.key();
    body.acts = acts.into();
    let mut origin = request.origin();
    let mut call = Call::new(body, Data::NONE);
    let target = world.target(usize::from(to) % world.ports.borrow().len());
    let status = call.run_from(&mut origin, &*target, &FakeWait::settling(key, &[]));
    request.rejoin(origin);
    world.note_call(call, status);
}

impl Port<Body> for Driver {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        let _inside = self.enter();
        let (world, key) = (world(), request.body().key());
        if request.waits() {
            world.called.borrow_mut().insert(key, request.id());
        }
        world.note(Event::Begin(self.number, key));
        self.work(request, Status::OK)
    }

    fn up<'s>(
        &'s self,
        request: Request<'s, Body>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Body> {
        let _inside = self.enter();
        let world = world();
        if saved != self.saved() {
            world.wrong(format!("port {} is told what it did not save", self.number));
        }
        world.note(Event::Up(self.number, request.body().key(), status));
        self.work(request, status)
    }

    fn take(&self, kept: Kept<Body>) {
        let _inside = self.enter();
        let (world, mut kept) = (world(), kept);
        world.note(Event::Take(self.number, kept.body().key()));
        loop {
            match kept.body_mut().next_act() {
                Some(Act::First(ops)) => nested(&ops),
                Some(Act::Call(..)) => {}
                Some(Act::Done(count)) => return kept.done(Status::ok(count.into())),
                Some(Act::Fail) => return kept.done(Errno::ENOSPC),
                Some(Act::LetGo) => return,
                Some(Act::Panic) => {
                    self.panic_if_contained();
                    return self.store(&world, kept);
                }
                Some(Act::Down(which) | Act::Pass(which)) => match self.lower(which) {
                    Some(lower) => return kept.forward(lower),
                    None => return self.store(&world, kept),
                },
                Some(Act::LatePanic(_)) => {
                    self.store(&world, kept);
                    return self.panic_if_contained();
                }
                Some(Act::Keep) | None => return self.store(&world, kept),
            }
        }
    }

    fn abort(&self, id: MessageId) {
        let world = world();
        *world.hints.borrow_mut().entry(id).or_default() += 1;
        if world.hints.borrow()[&id] > 1 {
            world.wrong(format!("port {} is asked for an abort again", self.number));
        }
        let Some(key) = self.find(&world, id) else { return };
        let _inside = self.enter();
        world.note(Event::Abort(self.number, key));
        let act = {
            let mut kept = world.kept.borrow_mut();
            kept.get_mut(&key).and_then(|(_, kept)| kept.body_mut().next_act())
        };
        match act {
            Some(Act::First(ops)) => nested(&ops),
            Some(Act::Done(count)) => world.remove(key).done(Status::ok(count.into())),
            Some(Act::Fail) => world.remove(key).done(Errno::ECANCELED),
            Some(Act::LetGo) => drop(world.remove(key)),
            Some(Act::Panic | Act::LatePanic(_)) => self.panic_if_contained(),
            _ => {}
        }
    }

    fn fail(&self) {
        let _inside = self.enter();
        let world = world();
        world.note(Event::Fail(self.number));
        let here = Holder::Driver(self.number);
        let keys: Vec<Key> = {
            let kept = world.kept.borrow();
            kept.iter().filter(|(_, (holder, _))| *holder == here).map(|(key, _)| *key).collect()
        };
        for key in keys {
            let still = world.kept.borrow().get(&key).is_some_and(|(holder, _)| *holder == here);
            if still {
                drop(world.remove(key));
            }
        }
    }
}
