//! Putting a stack somewhere, and asking the topmost driver from where its clients are: in one
//! program, whose threads are the processes.

use std::sync::Arc;

use conformance::{Static, apart, plan, serve, serve_in, top};
use driver::Driver;
use service::{Host, Remote};

use crate::{
    common::World,
    image::MORE,
    invariants::KINDS,
    locks::{Across, Here, Place},
    spied::{Placed, Spying},
};

/// Memory that processes share has one address in all of them.
pub(crate) const ONE_PROGRAM: bool = true;

/// Runs `check` on the topmost driver of a description, in each placement, whose name it is told.
pub(crate) fn everywhere(text: &str, check: impl Fn(&str, Arc<dyn Driver>)) {
    let plan = plan(text, &MORE);
    together(0, text, &check);
    let mut world = World::new();
    for (name, text) in apart(&plan, text, "") {
        let scheme = name.clone();
        let started = world.start(&name, move || serve(&scheme, &text, &MORE));
        started.unwrap_or_else(|error| panic!("{error}"));
    }
    world.root(|| check("mixed", Arc::new(Remote::connect("/scheme/top/top").unwrap())));
}

/// The same, of drivers that tell what came to them.
pub(crate) fn spied_everywhere(text: &str, check: impl Fn(&Placed)) {
    let plan = plan(text, &KINDS);
    check(&Placed::here("static", &plan, &Static));
    check(&Placed::here("neighbours", &plan, &Host));
    let daemons = [
        ("service", vec![("all".to_string(), text.to_string())]),
        ("mixed", apart(&plan, text, "")),
    ];
    for (place, daemons) in daemons {
        let mut world = World::new();
        let schemes = daemons.iter().map(|(scheme, _)| scheme.clone()).collect();
        for (scheme, text) in daemons {
            let serve = move || serve_in(&scheme, &text, &KINDS, &Spying(&Host));
            world.start("daemon", serve).unwrap_or_else(|error| panic!("{error}"));
        }
        world.root(|| check(&Placed::served(place, schemes)));
    }
}

/// The same in the name of a user, in those placements where all of the stack knows it: a driver in a
/// daemon of its own knows who runs the daemon above.
pub(crate) fn together(uid: u32, text: &str, check: &impl Fn(&str, Arc<dyn Driver>)) {
    let plan = plan(text, &MORE);
    check("static", top(&plan, &Static));
    check("neighbours", top(&plan, &Host));
    let world = serving(text);
    let connect = || Arc::new(Remote::connect("/scheme/port/top").unwrap());
    world.client(uid, uid, || check("service", connect()));
}

fn serving(text: &str) -> World {
    let mut world = World::new();
    let whole = text.to_string();
    let started = world.start("port", move || serve("port", &whole, &MORE));
    started.unwrap_or_else(|error| panic!("{error}"));
    world
}

/// The same with locks.
pub(crate) fn everywhere_with_locks(text: &str, check: impl Fn(&dyn Place)) {
    check(&Here::alone());
    check(&Here::serialized());
    serving(text).root(|| check(&Across("/scheme/port/top".into())));
}
