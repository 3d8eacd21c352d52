//! Putting a stack somewhere, and asking the topmost driver from where its clients are.

use std::sync::Arc;

use driver::{Built, Context, Driver, Secret};
use service::{Host, Remote};
use stack::{Environment, On, Plan};

use crate::common::World;

/// Nothing around the drivers.
struct Static;

impl Environment for Static {
    fn context(&self) -> Context {
        Host.context()
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        Err(format!("{path} is elsewhere"))
    }

    fn secret(&self, path: &str) -> Result<Secret, String> {
        Host.secret(path)
    }

    fn place(&self, _: &str, make: &mut dyn FnMut() -> Built) -> Built {
        make()
    }
}

fn top(plan: &Plan, environment: &dyn Environment) -> Arc<dyn Driver> {
    let stack = plan.build(environment).unwrap_or_else(|fault| panic!("{fault}"));
    Arc::clone(&stack.get("top").expect("a driver called top").driver)
}

/// The description with each driver in a daemon of its own, bottom first.
fn apart(plan: &Plan, text: &str) -> Vec<(String, String)> {
    let tables: Vec<&str> = text.split("[[driver]]").skip(1).collect();
    let own = |name: &str| {
        let named = format!("name = \"{name}\"");
        tables.iter().find(|table| table.contains(&named)).expect("a table a driver")
    };
    let across = |entry: &stack::Entry| {
        let mut text = format!("[[driver]]{}", own(&entry.name));
        for on in &entry.on {
            if let On::Neighbour { name, .. } = on {
                // Nowhere but in `on` is a name written between quotes.
                let (first, rest) = text.split_once("on = ").expect("it stands on something");
                let rest =
                    rest.replace(&format!("\"{name}\""), &format!("\"/scheme/{name}/{name}\""));
                text = format!("{first}on = {rest}");
            }
        }
        (entry.name.clone(), text)
    };
    plan.entries().iter().map(across).collect()
}

/// Runs `check` on the topmost driver of a description, in each placement, whose name it is told.
pub(crate) fn everywhere(text: &str, check: impl Fn(&str, Arc<dyn Driver>)) {
    let plan = portd::plan(text).unwrap_or_else(|error| panic!("{error}"));
    check("static", top(&plan, &Static));
    check("neighbours", top(&plan, &Host));
    let world = World::serving(text);
    world.root(|| check("service", Arc::new(Remote::connect("/scheme/port/top").unwrap())));
    let mut world = World::new();
    for (name, text) in apart(&plan, text) {
        world.serve(&name, &text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    }
    world.root(|| check("mixed", Arc::new(Remote::connect("/scheme/top/top").unwrap())));
}
