//! One suite for every driver in every placement: see `tests/`. Here is what it and others place: a
//! description, whole and in pieces, where nothing is around a stack and where a daemon serves it.

mod kinds;

use std::sync::Arc;

use driver::{Built, Context, Driver, Kind, Secret};
use service::{Host, Service};
use stack::{Environment, On, Plan};

pub use kinds::{MKFS, MKTABLE};

/// Nothing around the drivers.
pub struct Static;

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

/// A description that is good, of what `portd` has and of `more`.
///
/// # Panics
/// Where it is not good.
pub fn plan(text: &str, more: &[Kind]) -> Plan {
    let kinds = [portd::kinds(), more.to_vec()].concat();
    stack::parse(text, &kinds).unwrap_or_else(|fault| panic!("{fault}:\n{text}"))
}

/// The driver `top` of a stack.
///
/// # Panics
/// Where there is none, or it can't be built.
pub fn top(plan: &Plan, environment: &dyn Environment) -> Arc<dyn Driver> {
    let stack = plan.build(environment).unwrap_or_else(|fault| panic!("{fault}"));
    Arc::clone(&stack.get("top").expect("a driver called top").driver)
}

/// A daemon for a description, or why there is none.
///
/// # Panics
/// Where the description is not good.
pub fn serve(scheme: &str, text: &str, more: &[Kind]) -> Result<Service, String> {
    serve_in(scheme, text, more, &Host)
}

/// The same, of drivers that are placed as `environment` does.
///
/// # Panics
/// Where the description is not good.
pub fn serve_in(
    scheme: &str,
    text: &str,
    more: &[Kind],
    environment: &dyn Environment,
) -> Result<Service, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{error}:\n{text}");
    let plan = plan(text, more);
    let stack = plan.build(environment).map_err(|fault| failed(&fault))?;
    Service::directory(scheme, &stack, plan.draw()).map_err(|failure| failed(&failure))
}

/// The description with each driver in a daemon of its own, bottom first: schemes, which are the
/// drivers' names after `mark`, and what they serve.
///
/// # Panics
/// Where `text` is not what `plan` was made of.
pub fn apart(plan: &Plan, text: &str, mark: &str) -> Vec<(String, String)> {
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
                let path = format!("\"/scheme/{mark}{name}/{name}\"");
                text = format!("{first}on = {}", rest.replace(&format!("\"{name}\""), &path));
            }
        }
        (format!("{mark}{}", entry.name), text)
    };
    plan.entries().iter().map(across).collect()
}
