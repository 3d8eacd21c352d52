//! Random steps over random ports, against a model: who has each message, in what order, how it
//! ends; and random scripts on several threads, of which everything has to come back.

mod crew;
mod crowd;
mod driver;
mod drivers;
mod fake_wait;
mod flow;
mod gates;
mod model;
mod parts;
mod places;
mod receiving;
mod script;
mod seen;
mod sender;
mod sending;
mod steps;
mod strategy;
mod threads;
mod waits;
mod world;

use std::{
    mem::ManuallyDrop,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use proptest::{prelude::*, test_runner::TestCaseResult};

use model::Model;
use script::{Event, Kind, Op};
use world::{World, world};

/// Far more than a case takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many cases as the environment asks for.
fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        // Each failure that never ends takes its time.
        max_shrink_time: 60_000,
        ..Default::default()
    }
}

fn in_lanes(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(Event::lane);
    events
}

/// Takes a step in both, and compares what is seen; nothing, where it is left open.
fn step(model: &mut Model, world: &World, op: &Op) -> TestCaseResult {
    if model.clone().step(op).is_err() {
        return Ok(());
    }
    world.choice.set(None);
    world.step(op);
    model.choice = world.choice.get();
    model.step(op).expect("it was not stuck before");
    compare(model, world)
}

fn compare(model: &mut Model, world: &World) -> TestCaseResult {
    let (expected, seen) = (std::mem::take(&mut model.events), world.events.take());
    prop_assert_eq!(in_lanes(expected), in_lanes(seen));
    prop_assert_eq!(model.snapshot(), world.snapshot());
    prop_assert_eq!(&*world.wrong.borrow(), &Vec::<String>::new());
    Ok(())
}

/// Works off what is still under way; with what that takes, every message is its sender's.
fn settle(model: &mut Model, world: &World) -> TestCaseResult {
    for round in 0.. {
        if model.keys(model::Message::is_away).is_empty() {
            break;
        }
        prop_assert!(round < 100, "a message does not come back");
        if round == 10 {
            step(model, world, &Op::Calm)?;
        }
        for at in 0..model.ports.len() as u8 {
            step(model, world, &Op::Receive { port: at, patience: 0 })?;
            step(model, world, &Op::Run { port: 0, during: Vec::new() })?;
            step(model, world, &Op::Done(at, 0))?;
        }
    }
    Ok(())
}

fn run(kinds: &[Kind], ops: &[Op]) -> TestCaseResult {
    let (mut model, world) = (Model::new(kinds), world());
    ops.iter().try_for_each(|op| step(&mut model, &world, op))?;
    settle(&mut model, &world)?;
    prop_assert_eq!(world.end(), 0, "what is left alive at the end");
    Ok(())
}

/// Runs a case on a thread of its own: one that goes wrong may never end.
fn watched(kinds: Vec<Kind>, ops: Vec<Op>) -> TestCaseResult {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // What a case that went wrong leaves is not tidied up; any other leaves nothing.
        let world = ManuallyDrop::new(World::start(&kinds));
        world.report_to(sender);
        let result = run(&kinds, &ops);
        let went_well = result.is_ok();
        world.report(result);
        if went_well {
            drop(ManuallyDrop::into_inner(world));
        }
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(TestCaseError::fail("it does not end")),
        Err(RecvTimeoutError::Disconnected) => Err(TestCaseError::fail("it panics")),
    }
}

proptest! {
    #![proptest_config(config(4096))]

    #[test]
    fn ports_do_what_the_model_says(kinds in strategy::ports(), ops in strategy::steps()) {
        watched(kinds, ops)?;
    }
}
