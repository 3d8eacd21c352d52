//! Putting a stack somewhere.

use std::sync::Arc;

use conformance::{MKFS, MKTABLE, Static, apart, plan, serve, top};
use driver::{Driver, Kind};
use service::{Host, Remote};

use crate::common::World;

/// The placements by their names: the drivers alone; as a host of drivers has them; in a daemon;
/// each in a daemon of its own.
pub const PLACEMENTS: [&str; 4] = ["static", "neighbours", "service", "mixed"];

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
    let kinds = [&[MKFS, MKTABLE], more].concat();
    let whole = plan(text, &kinds);
    let mut world = World::new();
    let mut start = |scheme: &str, text: String| {
        let (name, kinds) = (scheme.to_string(), kinds.clone());
        let started = world.start(scheme, move || serve(&name, &text, &kinds));
        started.unwrap_or_else(|error| panic!("{error}"));
    };
    let path = match placement {
        "static" => return run(top(&whole, &Static)),
        "neighbours" => return run(top(&whole, &Host)),
        "service" => {
            start("port", text.into());
            "/scheme/port/top"
        }
        "mixed" => {
            for (name, text) in apart(&whole, text, "") {
                start(&name, text);
            }
            "/scheme/top/top"
        }
        other => panic!("{other} is no placement: there are {PLACEMENTS:?}"),
    };
    world.root(|| run(Arc::new(Remote::connect(path).expect("it was started"))))
}
