//! Putting a stack somewhere, and asking the topmost driver from a process of its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use conformance::{Static, apart, plan, serve, top};
use driver::Driver;
use service::{Host, Remote};

use crate::{image::MORE, process::Process};

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
fn daemon(scheme: &str, text: &str) -> Process {
    let mut process = Process::start(|tell| {
        let mut service = serve(scheme, text, &MORE).unwrap_or_else(|error| panic!("{error}"));
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
    let whole = daemon(&scheme, text);
    within(|| check("service", connect(&format!("/scheme/{scheme}/top"))));
    drop(whole);
    let mark = mark();
    let mut parts: Vec<Process> =
        apart(&plan, text, &mark).iter().map(|(scheme, text)| daemon(scheme, text)).collect();
    within(|| check("mixed", connect(&format!("/scheme/{mark}top/top"))));
    // The topmost first: it stands on the others.
    while parts.pop().is_some() {}
}
