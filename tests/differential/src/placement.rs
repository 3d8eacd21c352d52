//! Putting a stack somewhere.

use std::sync::Arc;

use driver::{Built, Context, Driver, Kind, Secret};
use service::{Host, Remote, Service};
use stack::{Environment, On, Plan};

use crate::{
    common::World,
    kinds::{MKFS, MKTABLE},
};

/// The placements by their names: the drivers alone; as a host of drivers has them; in a daemon;
/// each in a daemon of its own.
pub const PLACEMENTS: [&str; 4] = ["static", "neighbours", "service", "mixed"];

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

fn plan(text: &str, more: &[Kind]) -> Plan {
    let kinds = [portd::kinds(), vec![MKFS, MKTABLE], more.to_vec()].concat();
    stack::parse(text, &kinds).unwrap_or_else(|fault| panic!("{fault}:\n{text}"))
}

fn top(plan: &Plan, environment: &dyn Environment) -> Arc<dyn Driver> {
    let stack = plan.build(environment).unwrap_or_else(|fault| panic!("{fault}"));
    Arc::clone(&stack.get("top").expect("a driver called top").driver)
}

fn serve(world: &mut World, scheme: &str, text: String, more: &[Kind]) {
    let (name, more) = (scheme.to_string(), more.to_vec());
    let started = world.start(scheme, move || {
        let plan = plan(&text, &more);
        let stack = plan.build(&Host).map_err(|fault| format!("{fault}:\n{text}"))?;
        Service::directory(&name, &stack, plan.draw()).map_err(|failure| failure.to_string())
    });
    started.unwrap_or_else(|error| panic!("{error}"));
}

/// The description with each driver in a daemon of its own, bottom first.
fn apart(plan: &Plan, text: &str) -> Vec<(String, String)> {
    let tables: Vec<&str> = text.split("[[driver]]").skip(1).collect();
    let across = |entry: &stack::Entry| {
        let named = format!("name = \"{}\"\n", entry.name);
        let own = tables.iter().find(|table| table.contains(&named)).expect("a table a driver");
        let mut text = format!("[[driver]]{own}");
        for on in &entry.on {
            if let On::Neighbour { name, .. } = on {
                // Nowhere but in `on` is a name written between quotes.
                let (first, rest) = text.split_once("on = ").expect("it stands on something");
                let path = format!("\"/scheme/{name}/{name}\"");
                text = format!("{first}on = {}", rest.replace(&format!("\"{name}\""), &path));
            }
        }
        (entry.name.clone(), text)
    };
    plan.entries().iter().map(across).collect()
}

/// Builds a description, of whose kinds `more` are the caller's, in a placement, and runs
/// something on its driver `top`.
///
/// # Panics
/// For what is no placement, and where the description can't be built.
pub fn place<T>(
    text: &str,
    more: &[Kind],
    placement: &str,
    run: impl FnOnce(Arc<dyn Driver>) -> T,
) -> T {
    let whole = plan(text, more);
    let mut world = World::new();
    let path = match placement {
        "static" => return run(top(&whole, &Static)),
        "neighbours" => return run(top(&whole, &Host)),
        "service" => {
            serve(&mut world, "port", text.into(), more);
            "/scheme/port/top"
        }
        "mixed" => {
            for (name, text) in apart(&whole, text) {
                serve(&mut world, &name, text, more);
            }
            "/scheme/top/top"
        }
        other => panic!("{other} is no placement: there are {PLACEMENTS:?}"),
    };
    world.root(|| run(Arc::new(Remote::connect(path).expect("it was started"))))
}
