//! Programs that are killed: a daemon, the daemon that it stands on, a tool that waits. Nobody
//! hangs, who is not killed goes on, and the kernel holds afterwards what it held before.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{
    fs,
    process::{Child, Command, Output},
    time::{Duration, Instant},
};

use common::Place;

const LOWER: &str = "[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = \"64 KiB\"\n";
const UPPER: &str = "[[driver]]\nname = \"top\"\nkind = \"pass\"\non = \"/scheme/lower/disk\"\n";
const TOP: &str = "/scheme/upper/top";

/// What the kernel's program has of Linux.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    bytes: usize,
}

/// A place whose daemons are known by what they serve.
struct Kills(Place);

impl std::ops::Deref for Kills {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl Kills {
    fn new() -> Kills {
        Kills(Place::new())
    }

    fn daemon(&self, name: &str) -> Child {
        self.0.daemon(name, if name == "upper" { UPPER } else { LOWER })
    }

    fn cat(&self, path: &str) -> Output {
        self.ports(&["portctl", "cat", path]).output().unwrap()
    }

    /// A tool that reads what is at the bottom.
    fn reader(&self) -> Child {
        self.ports(&["portctl", "cat", TOP]).spawn().unwrap()
    }

    fn reads(&self) {
        let output = self.cat(TOP);
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), 64 << 10);
    }

    fn held(&self) -> Held {
        let kernel = format!("/proc/{}", self.kernel.id());
        let count = |what: &str| fs::read_dir(format!("{kernel}/{what}")).unwrap().count();
        let pages = fs::read_to_string(format!("{kernel}/statm")).unwrap();
        let resident: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
        Held { descriptors: count("fd"), threads: count("task"), bytes: resident * 4096 }
    }
}

fn stop(program: &Child) {
    let pid = program.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
}

#[test]
fn a_daemon_serves_on_when_the_one_below_it_was_killed_and_is_there_again() {
    let place = Kills::new();
    let mut lower = place.daemon("lower");
    let mut upper = place.daemon("upper");
    for _ in 0..3 {
        place.reads();
        stop(&lower);
        let waiting = place.reader();
        place.watch().wait_blocked(waiting.id(), 1).unwrap();
        place.kill(&mut lower);
        assert!(!waiting.wait_with_output().unwrap().status.success());
        lower = place.daemon("lower");
        place.reads();
    }
    assert!(upper.try_wait().unwrap().is_none(), "the same one all the time");
    place.kill(&mut upper);
    place.kill(&mut lower);
}

/// How often somebody is killed. More on request.
fn kills() -> usize {
    std::env::var("HOST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// Numbers that look random, the same ones each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

/// What the kernel holds once all have ended that were beside those that were killed; or, far
/// later than that, what is left behind.
fn settled(place: &Kills, like: &Held) -> Held {
    let begun = Instant::now();
    loop {
        let now = place.held();
        let back = now.descriptors <= like.descriptors && now.threads <= like.threads;
        if back || begun.elapsed() > Duration::from_secs(120) {
            return now;
        }
        std::thread::yield_now();
    }
}

#[test]
fn after_many_kills_nobody_hangs_and_nothing_is_left_behind() {
    let (place, mut dice) = (Kills::new(), Dice(11));
    let mut steady = place.daemon("steady");
    let (mut lower, mut upper) = (place.daemon("lower"), place.daemon("upper"));
    let mut before = None;
    for round in 0..kills() {
        if round == 5 {
            // What the first rounds leave is kept for the next ones.
            before = Some(place.held());
        }
        if dice.roll(2) == 0 {
            stop(&lower);
        }
        let mut waiting = place.reader();
        place.watch().wait_blocked(waiting.id(), 1).unwrap();
        match dice.roll(3) {
            0 => place.kill(&mut waiting),
            1 => place.kill(&mut upper),
            _ => place.kill(&mut lower),
        }
        // A daemon below that is stopped answers nobody until it is killed.
        for (name, daemon) in [("lower", &mut lower), ("upper", &mut upper)] {
            if daemon.try_wait().unwrap().is_none() && name == "lower" {
                place.kill(daemon);
            }
            if daemon.try_wait().unwrap().is_some() {
                *daemon = place.daemon(name);
            }
        }
        waiting.wait_with_output().unwrap();
        place.reads();
        assert_eq!(place.cat("/scheme/steady/disk").stdout.len(), 64 << 10, "round {round}");
    }
    let before = before.unwrap();
    let after = settled(&place, &before);
    assert!(after.descriptors <= before.descriptors, "{before:?} {after:?}");
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    assert!(after.bytes <= before.bytes + (8 << 20), "{before:?} {after:?}");
    for daemon in [&mut upper, &mut lower, &mut steady] {
        place.kill(daemon);
    }
}
