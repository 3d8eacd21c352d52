//! Many kills: nobody else notices, and nothing is left behind.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::Test;
use crate::program::Program;

pub(crate) const TESTS: &[Test] =
    &[("after_many_kills_the_kernel_holds_what_it_held_before", many_kills)];

/// How often somebody is killed. More on request.
fn rounds() -> usize {
    std::env::var("HOST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30)
}

/// What the kernel's program has of Linux.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    bytes: usize,
}

impl Held {
    fn now() -> Self {
        let kernel = format!("/proc/{}", std::env::var("HOST_KERNEL_PID").unwrap());
        let count = |what: &str| fs::read_dir(format!("{kernel}/{what}")).unwrap().count();
        let pages = fs::read_to_string(format!("{kernel}/statm")).unwrap();
        let resident: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
        Self { descriptors: count("fd"), threads: count("task"), bytes: resident * 4096 }
    }
}

impl Held {
    /// What is held once there are so few descriptors; after ten seconds, what there is.
    fn settled(descriptors: usize) -> Self {
        let start = Instant::now();
        loop {
            let held = Self::now();
            if held.descriptors <= descriptors || start.elapsed() > Duration::from_secs(10) {
                return held;
            }
            thread::yield_now();
        }
    }
}

fn many_kills() {
    let steady = Steady::start("steady");
    let mut before = None;
    for round in 0..rounds() {
        one_round(round);
        // What the first rounds leave is what is kept for the next ones.
        if round == rounds() / 3 {
            before = Some(Held::now());
        }
    }
    let before = before.unwrap();
    let after = Held::settled(before.descriptors);
    steady.end();
    assert!(after.descriptors <= before.descriptors, "{before:?} {after:?}");
    // A thread that has closed all it had may take a moment to be gone.
    assert!(after.threads <= before.threads + 5, "{before:?} {after:?}");
    assert!(after.bytes <= before.bytes + (4 << 20), "{before:?} {after:?}");
}

/// A service and a client that nobody kills: they don't notice.
struct Steady {
    service: Program,
    client: Program,
}

impl Steady {
    fn start(name: &str) -> Self {
        let mut service = Program::start(&["echo", name]);
        service.expect("ready");
        let mut client = Program::start(&["calls", &format!("/scheme/{name}/x")]);
        client.expect("open");
        Self { service, client }
    }

    fn end(mut self) {
        self.client.expect("sixty");
        assert!(self.client.is_running() && self.service.is_running());
    }
}

/// A service with two clients is begun; first one client is killed in the midst of it, then the
/// service, then the client that may wait for it.
fn one_round(round: usize) {
    let name = format!("kill-{round}");
    let mut service = Program::start(&["echo", &name]);
    service.expect("ready");
    let path = format!("/scheme/{name}/x");
    let mut clients = [0; 2].map(|_| Program::start(&["calls", &path]));
    clients.iter_mut().for_each(|client| client.expect("open"));
    clients[0].kill();
    clients[1].expect("sixty");
    service.kill();
    clients[1].kill();
}
