//! Putting a stack somewhere, and asking the topmost driver from where its clients are: in one
//! program, whose threads are the processes.

use std::sync::Arc;

use conformance::{Static, apart, plan, serve, top};
use driver::Driver;
use service::{Host, Remote};

use crate::{common::World, image::MORE};

/// Runs `check` on the topmost driver of a description, in each placement, whose name it is told.
pub(crate) fn everywhere(text: &str, check: impl Fn(&str, Arc<dyn Driver>)) {
    let plan = plan(text, &MORE);
    check("static", top(&plan, &Static));
    check("neighbours", top(&plan, &Host));
    let mut world = World::new();
    let whole = text.to_string();
    world
        .start("port", move || serve("port", &whole, &MORE))
        .unwrap_or_else(|error| panic!("{error}"));
    world.root(|| check("service", Arc::new(Remote::connect("/scheme/port/top").unwrap())));
    let mut world = World::new();
    for (name, text) in apart(&plan, text, "") {
        let scheme = name.clone();
        let started = world.start(&name, move || serve(&scheme, &text, &MORE));
        started.unwrap_or_else(|error| panic!("{error}"));
    }
    world.root(|| check("mixed", Arc::new(Remote::connect("/scheme/top/top").unwrap())));
}
