//! How it is made.

use alloc::{format, sync::Arc, vec::Vec};

use driver::{Below, Built, Class, Context, Features, Kind, Lower, Options, Stands};

use crate::{FILE, Perms, log::Log};

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "perms",
    help: "owners and modes over a file system that has none",
    stands: Stands::OnOne,
    options: &[],
    make,
};

fn make(_: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let described = lower.description;
    if described.class != Class::File {
        let class = described.class.name();
        return Err(format!("stands on a {class} driver: put it on a file driver"));
    }
    if described.features.contains(Features::READ_ONLY) {
        return Err(format!("the file system below is read-only: {FILE} has to be written there"));
    }
    let below = Below::new(lower, context.wait);
    let log = Log::load(&below)
        .map_err(|errno| format!("{FILE} in the file system below can't be used: {errno}"))?;
    Ok(Arc::new(Perms { below, log: spin::Mutex::new(log), now: context.now }))
}
