//! Putting a stack somewhere, and asking the topmost driver from a process of its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use conformance::{Static, apart, plan, serve_in, top};
use driver::{Driver, Kind};
use service::{Host, Remote};
use stack::Environment;

use crate::{
    image::MORE,
    invariants::KINDS,
    process::Process,
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
    let plan = plan(text, &MORE);
    within(|| check("static", top(&plan, &Static)));
    within(|| check("neighbours", top(&plan, &Host)));
    let scheme = format!("{}all", mark());
    let whole = daemon(&scheme, text, &MORE, &Host);
    within(|| check("service", connect(&format!("/scheme/{scheme}/top"))));
    drop(whole);
    let mark = mark();
    let parts: Vec<Process> = apart(&plan, text, &mark)
        .iter()
        .map(|(scheme, text)| daemon(scheme, text, &MORE, &Host))
        .collect();
    within(|| check("mixed", connect(&format!("/scheme/{mark}top/top"))));
    end(parts);
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
