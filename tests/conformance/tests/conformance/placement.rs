//! Putting a stack somewhere, and asking the topmost driver from where its clients are: in one
//! program, whose threads are the processes.

use std::sync::Arc;

use conformance::{Static, apart, plan, serve, serve_in, top};
use driver::Driver;
use service::{Host, Remote};
use stack::Environment;

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
        let driver = top(&plan, environment);
        before(&driver);
        check(placement, driver);
    }
    for (placement, world, path) in [
        ("service", serving(text), "/scheme/port/top"),
        ("mixed", serving_apart(&apart(&plan, text, "")), "/scheme/top/top"),
    ] {
        let connect = || -> Arc<dyn Driver> { Arc::new(Remote::connect(path).unwrap()) };
        world.root(|| before(&connect()));
        world.client(uid, uid, || check(placement, connect()));
    }
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

fn serving(text: &str) -> World {
    let mut world = World::new();
    let whole = text.to_string();
    let started = world.start("port", move || serve("port", &whole, &MORE));
    started.unwrap_or_else(|error| panic!("{error}"));
    world
}

/// Daemons, each a scheme and what it serves, bottom first.
fn serving_apart(daemons: &[(String, String)]) -> World {
    let mut world = World::new();
    for (name, text) in daemons {
        let (scheme, text) = (name.clone(), text.clone());
        let started = world.start(name, move || serve(&scheme, &text, &MORE));
        started.unwrap_or_else(|error| panic!("{error}"));
    }
    world
}

/// The same with locks.
pub(crate) fn everywhere_with_locks(text: &str, check: impl Fn(&dyn Place)) {
    check(&Here::alone());
    check(&Here::serialized());
    serving(text).root(|| check(&Across("/scheme/port/top".into())));
}
