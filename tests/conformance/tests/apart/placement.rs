//! Putting a stack somewhere, and asking the topmost driver from a process of its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use client::{Locks, Mode};
use conformance::{Static, apart, plan, serve_in, top};
use driver::{Driver, Kind};
use service::{Host, Remote};
use stack::Environment;

use crate::{
    image::MORE,
    invariants::KINDS,
    locks::{Across, Here, LOCKS, Place},
    process::{Process, Tell, as_user},
    spied::{Placed, Spying},
};

/// Memory that processes share has an address in each of them.
pub(crate) const ONE_PROGRAM: bool = false;

/// Names of schemes are taken once.
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn mark() -> String {
    format!("conform{}-", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Does something in a process of its own, to its end.
fn within(work: impl FnOnce()) {
    let mut process = Process::start(|tell| {
        work();
        tell.done();
    });
    process.wait_done();
}

/// A daemon in a process of its own, which is known by its name when this returns.
fn daemon(scheme: &str, text: &str, kinds: &[Kind], environment: &dyn Environment) -> Process {
    let mut process = Process::start(|tell| {
        let served = serve_in(scheme, text, kinds, environment);
        let mut service = served.unwrap_or_else(|error| panic!("{error}"));
        service.publish().expect("the name is free");
        service::enter_null_namespace().expect("there is a null namespace");
        tell.done();
        service.run().expect("it serves until it is ended");
    });
    process.wait_done();
    process
}

fn connect(path: &str) -> Arc<dyn Driver> {
    Arc::new(Remote::connect(path).unwrap_or_else(|errno| panic!("{path}: {errno}")))
}

/// Runs `check` on the topmost driver of a description, in each placement, whose name it is told.
pub(crate) fn everywhere(text: &str, check: impl Fn(&str, Arc<dyn Driver>)) {
    everywhere_as(0, text, &|_| {}, &check);
}

/// The same as a user, for whom root prepares something.
pub(crate) fn everywhere_as(
    uid: u32,
    text: &str,
    before: &dyn Fn(&Arc<dyn Driver>),
    check: &dyn Fn(&str, Arc<dyn Driver>),
) {
    let plan = plan(text, &MORE);
    let here: [(&str, &dyn Environment); 2] = [("static", &Static), ("neighbours", &Host)];
    for (placement, environment) in here {
        within(|| {
            let driver = top(&plan, environment);
            before(&driver);
            check(placement, driver);
        });
    }
    let mark = mark();
    let whole = vec![(format!("{mark}all"), text.to_string())];
    for (placement, daemons) in [("service", whole), ("mixed", apart(&plan, text, &mark))] {
        let path = format!("/scheme/{}/top", daemons.last().expect("there is a driver").0);
        let start = |(scheme, text): &(String, String)| daemon(scheme, text, &MORE, &Host);
        let daemons: Vec<Process> = daemons.iter().map(start).collect();
        within(|| before(&connect(&path)));
        within(|| as_user(uid, || check(placement, connect(&path))));
        end(daemons);
    }
}

/// Ends daemons, the topmost first: it stands on the others.
fn end(mut daemons: Vec<Process>) {
    while daemons.pop().is_some() {}
}

/// The same, of drivers that tell what came to them.
pub(crate) fn spied_everywhere(text: &str, check: impl Fn(&Placed)) {
    let plan = plan(text, &KINDS);
    within(|| check(&Placed::here("static", &plan, &Static)));
    within(|| check(&Placed::here("neighbours", &plan, &Host)));
    let (whole, mark) = (format!("{}all", mark()), mark());
    let daemons =
        [("service", vec![(whole, text.to_string())]), ("mixed", apart(&plan, text, &mark))];
    for (place, daemons) in daemons {
        let start =
            |(scheme, text): &(String, String)| daemon(scheme, text, &KINDS, &Spying(&Host));
        let processes = daemons.iter().map(start).collect();
        let schemes = daemons.into_iter().map(|(scheme, _)| scheme).collect();
        within(|| check(&Placed::served(place, schemes)));
        end(processes);
    }
}

/// The same with locks.
pub(crate) fn everywhere_with_locks(text: &str, check: impl Fn(&dyn Place)) {
    within(|| check(&Here::alone()));
    within(|| check(&Here::serialized()));
    let scheme = format!("{}all", mark());
    let whole = daemon(&scheme, text, &MORE, &Host);
    within(|| check(&Across(format!("/scheme/{scheme}/top"))));
    drop(whole);
}

/// An owner that is killed, as it has some and waits for others, leaves none, and nobody waits for
/// it.
pub(crate) fn the_locks_of_a_killed_owner_are_others() {
    let scheme = format!("{}all", mark());
    let whole = daemon(&scheme, LOCKS, &MORE, &Host);
    let open = || Locks::open(&format!("/scheme/{scheme}/top")).expect("everybody may open it");
    for _ in 0..5 {
        let mut killed = Process::start(|tell| {
            let own = open();
            own.lock(1, 0..10, Mode::Exclusive).expect("nobody has it");
            tell.done();
            // For ever: this process has it.
            let _ = open().lock(1, 5..6, Mode::Shared);
        });
        let waits = |tell: &mut Tell| {
            open().lock(1, 9..20, Mode::Exclusive).expect("who had it is dead");
            tell.done();
        };
        killed.wait_done();
        let mut waiting = Process::start(waits);
        drop(killed);
        waiting.wait_done();
    }
    drop(whole);
}
