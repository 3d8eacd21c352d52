//! The scheme daemon that hosts stacks of drivers.
//!
//! `portd` reads a description (see the `stack` crate), makes its drivers, serves them as a
//! directory of the scheme `port`, tells init that it is ready and gives its namespace up. Which
//! drivers there are is said in [`kinds`], and nowhere else.

mod cli;
mod error;
mod kinds;
mod signal;

pub use cli::main;
pub use error::Error;
pub use kinds::kinds;

use std::sync::Arc;

use service::{Beside, Host, Opener, Opening, Scheme, Service};
use stack::{Plan, Stack};

/// Checks a description.
pub fn plan(text: &str) -> Result<Plan, Error> {
    Ok(stack::parse(text, &kinds())?)
}

/// Makes the drivers of a plan in this process.
pub fn build(plan: &Plan) -> Result<Stack, Error> {
    Ok(plan.build(&Host)?)
}

/// Makes the drivers of a description and a scheme called `name` that serves them; it is not
/// known to anybody before [`Service::publish`].
pub fn serve(name: &str, text: &str) -> Result<Service, Error> {
    let plan = plan(text)?;
    let stack = build(&plan)?;
    Ok(Service::directory(name, &stack, plan.draw())?)
}

/// The same with a guard beside it and, where its drivers stand on ports of other processes, an
/// opener, which `by` starts. For [`Fork`](service::Fork) it is a program's first step.
pub fn serve_guarded(name: &str, text: &str, by: &dyn Beside) -> Result<Service, Error> {
    let plan = plan(text)?;
    let scheme = Scheme::guarded(name, by)?;
    let stack = build_opening(&plan, by)?;
    Ok(Service::directory(scheme, &stack, plan.draw())?)
}

fn build_opening(plan: &Plan, by: &dyn Beside) -> Result<Stack, Error> {
    let paths = plan.across();
    if paths.is_empty() {
        return build(plan);
    }
    let opener = Opener::start(paths, by).map_err(Error::Opener)?;
    Ok(plan.build(&Opening(Arc::new(opener)))?)
}
