//! Ports that processes make and hold, through `portd`'s handles.

mod chains;
mod connect;
mod deaths;
mod events;
mod killed;
#[path = "../../../../../scheme/portd/tests/ports/model.rs"]
mod model;
mod names;
#[path = "../../../../../scheme/portd/tests/ports/pair.rs"]
mod pair;
mod random;
mod rows;
mod stress;
#[path = "../../../../../scheme/portd/tests/ports/talk.rs"]
mod talk;
mod walks;

use agent::Errno;
use libredox::{Fd, flag::*};
use smoke::{Daemon, Outcome, World};

use crate::Test;

/// All tests of ports.
pub(crate) fn tests() -> Vec<Test> {
    let all = [rows::TESTS, events::TESTS, names::TESTS, connect::TESTS, deaths::TESTS];
    let more = [chains::TESTS, killed::TESTS, walks::TESTS, stress::TESTS];
    [all.concat(), more.concat()].concat()
}

/// What the daemon serves beside ports.
const NULL: &str = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";
/// Everybody may send.
const ALL: u16 = 0o666;

/// Does something beside a daemon, with a path that a port may be made at.
fn beside(work: impl FnOnce(&World, &Daemon, &str)) {
    let world = World::new();
    let daemon = world.portd(NULL);
    world.here(|| work(&world, &daemon, &daemon.at("user/0/port")));
}

/// The errno that a process ends with.
fn ended(result: Result<usize, Errno>) -> Outcome {
    result.map_err(|errno| i32::from(errno.0))
}

/// Makes a port whose receive right is to be another process's.
fn make(path: &str, mode: u16) -> Fd {
    Fd::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode).unwrap()
}

/// Waits until something is so that others bring about.
fn until(mut so: impl FnMut() -> bool) {
    while !so() {
        std::thread::yield_now();
    }
}
