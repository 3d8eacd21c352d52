//! Daemons with a guard that die: their callers are told, and they are there again.

use std::io::{PipeReader, Read, Write};

use agent::{Call, Data, Errno, SchemeAgent};
use driver::{Body, Cred, Node, Op};
use service::{PARK, Scheme, Service};
use smoke::{Daemon, End, Outcome, Process, Sticky, World};

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_killed_daemon_s_callers_get_econnreset,
    a_caller_whose_request_was_not_taken_gets_econnreset_too,
    a_daemon_that_ends_takes_its_guard_and_its_scheme_with_it,
    a_service_that_is_there_again_serves_the_daemon_above_it,
    who_waits_above_hears_of_the_death_below,
    who_waits_hears_of_a_death_although_the_one_below_is_stuck,
    another_device_under_the_name_is_not_taken_for_the_old_one,
    nodes_of_a_service_that_died_are_stale,
    after_many_kills_nobody_hangs_and_others_are_undisturbed,
];

/// A device that gets stuck or not, and where it says that it begins a message.
fn sticky(world: &World, name: Option<&str>, stuck: bool) -> (Daemon, PipeReader) {
    let (entered, writer) = std::io::pipe().unwrap();
    let make = move |name: &str, by: &dyn service::Beside| {
        let scheme = Scheme::guarded(name, by).unwrap();
        Service::single(scheme, Sticky::new(stuck, writer)).unwrap()
    };
    let daemon = match name {
        Some(name) => world.guarded_as(name, make),
        None => world.guarded(make),
    };
    (daemon, entered)
}

/// The same that gets stuck, and says that it blocks.
fn blocking(world: &World) -> (Daemon, PipeReader) {
    let (entered, writer) = std::io::pipe().unwrap();
    let daemon = world.guarded(move |name, by| {
        let scheme = Scheme::guarded(name, by).unwrap();
        Service::single(scheme, Sticky::blocking(writer)).unwrap()
    });
    (daemon, entered)
}

fn portd(world: &World, name: Option<&str>, text: String) -> Daemon {
    let make = move |name: &str, by: &dyn service::Beside| {
        portd::serve_guarded(name, &text, by).expect("the description is good")
    };
    match name {
        Some(name) => world.guarded_as(name, make),
        None => world.guarded(make),
    }
}

/// A daemon whose only driver, `top`, stands on a port of another process.
fn above(world: &World, path: &str) -> Daemon {
    portd(world, None, format!("[[driver]]\nname = \"top\"\nkind = \"pass\"\non = \"{path}\"\n"))
}

fn disk(size: &str) -> String {
    format!("[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = \"{size}\"\n")
}

/// Sends a message with so many bytes, none for a flush; gives its count.
fn send(port: &SchemeAgent<Body>, len: usize) -> Result<usize, Errno> {
    let mut bytes = vec![7; len];
    let node = Node::ROOT;
    let (op, data) = match len {
        0 => (Op::Flush { node }, Data::NONE),
        _ => (Op::Read { node, offset: 0 }, Data::sink(&mut bytes)),
    };
    Call::new(Body::new(op, Cred::ROOT), data).run(port, &PARK).result()
}

/// A client that opens a port and sends one message.
fn client(world: &World, path: &str, len: usize) -> Process {
    let path = path.to_string();
    world.spawn(move || ask(&path, len))
}

fn ask(path: &str, len: usize) -> Outcome {
    let plain = |errno: Errno| i32::from(errno.0);
    let port = SchemeAgent::connect(path).map_err(plain)?;
    send(&port, len).map_err(plain)
}

fn wait_for(entered: &mut PipeReader) {
    entered.read_exact(&mut [0]).unwrap();
}

/// What a dead service's name, or a handle on it, gives.
fn is_gone<T>(result: Result<T, Errno>) -> bool {
    matches!(result.err(), Some(Errno::ENODEV | Errno::ESRCH))
}

fn reset() -> End {
    End::Gave(Err(Errno::ECONNRESET.0.into()))
}

fn a_killed_daemon_s_callers_get_econnreset() {
    for len in [0, 64, 4096] {
        let world = World::new();
        let (mut daemon, mut entered) = sticky(&world, None, true);
        let port = world.here(|| SchemeAgent::<Body>::connect(&daemon.path)).unwrap();
        let client = client(&world, &daemon.path, len);
        wait_for(&mut entered);
        daemon.kill();
        assert_eq!(client.wait(), reset(), "{len}");
        world.here(|| {
            // The guard answers one after the other.
            while send(&port, 0) == Err(Errno::ECONNRESET) {}
            assert!(is_gone(SchemeAgent::<Body>::connect(&daemon.path)));
            assert_eq!(send(&port, 0), Err(Errno::ENODEV));
            assert!(is_gone(send(&port, len.max(1))));
            drop(port);
        });
    }
}

fn a_caller_whose_request_was_not_taken_gets_econnreset_too() {
    let world = World::new();
    let (mut daemon, mut entered) = sticky(&world, None, true);
    let first = client(&world, &daemon.path, 0);
    wait_for(&mut entered);
    // These are opens: the daemon has one thread, which is stuck.
    let others = [0, 64, 4096].map(|len| client(&world, &daemon.path, len));
    daemon.kill();
    assert_eq!(first.wait(), reset());
    for other in others {
        // It may have come after the death.
        let gone = [Errno::ECONNRESET, Errno::ENODEV, Errno::ESRCH];
        let End::Gave(Err(errno)) = other.wait() else { panic!("nobody answers it") };
        assert!(gone.iter().any(|one| i32::from(one.0) == errno), "{errno}");
    }
}

fn a_daemon_that_ends_takes_its_guard_and_its_scheme_with_it() {
    let world = World::new();
    let (mut ended, mut tell) = std::io::pipe().unwrap();
    let (mut wait, mut go) = std::io::pipe().unwrap();
    let daemon = world.spawn(move || {
        let scheme = Scheme::guarded("ends", &*smoke::beside()).unwrap();
        let driver = Sticky::new(false, tell.try_clone().unwrap());
        let mut service = Service::single(scheme, driver).unwrap();
        service.publish().unwrap();
        drop(service);
        tell.write_all(b"!").unwrap();
        // The process lives on, the scheme does not.
        wait.read_exact(&mut [0]).unwrap();
        Ok(0)
    });
    wait_for(&mut ended);
    // Its guard looks a few times more whether somebody comes.
    world.here(|| {
        while SchemeAgent::<Body>::connect("/scheme/ends").err() != Some(Errno::ENODEV) {
            std::thread::yield_now();
        }
    });
    go.write_all(b"!").unwrap();
    assert_eq!(daemon.wait(), End::Gave(Ok(0)));
}

fn a_service_that_is_there_again_serves_the_daemon_above_it() {
    let world = World::new();
    let mut lower = portd(&world, None, disk("1 MiB"));
    let name = lower.name().to_string();
    let upper = above(&world, &lower.at("disk"));
    let top = world.here(|| SchemeAgent::<Body>::connect(&upper.at("top"))).unwrap();
    for len in [0, 512, 4096, 512] {
        assert_eq!(world.here(|| send(&top, len)), Ok(len));
        lower.kill();
        // What comes before the guard has seen the death is answered as what waited then.
        let gone = world.here(|| {
            let mut sends = std::iter::repeat_with(|| send(&top, len));
            sends.find(|result| *result != Err(Errno::ECONNRESET))
        });
        assert_eq!(gone, Some(Err(Errno::ENODEV)), "nobody is there");
        lower = portd(&world, Some(&name), disk("1 MiB"));
        assert_eq!(world.here(|| send(&top, len)), Ok(len), "{len} bytes, sent again");
    }
    world.here(|| drop(top));
}

fn who_waits_above_hears_of_the_death_below() {
    for len in [0, 64, 4096] {
        let world = World::new();
        let (mut lower, mut entered) = sticky(&world, None, true);
        let name = lower.name().to_string();
        let upper = above(&world, &lower.path);
        let client = client(&world, &upper.at("top"), len);
        wait_for(&mut entered);
        lower.kill();
        assert_eq!(client.wait(), reset(), "{len}");
        let (_again, _entered) = sticky(&world, Some(&name), false);
        assert_eq!(world.here(|| ask(&upper.at("top"), len)), Ok(len));
    }
}

/// In Redox the last caller of a daemon that died unmaps what that had mapped, windows of the one
/// below among it: that has to answer although its driver is stuck.
fn who_waits_hears_of_a_death_although_the_one_below_is_stuck() {
    for len in [0, 64, 4096] {
        let world = World::new();
        let (lower, mut entered) = blocking(&world);
        let mut upper = above(&world, &lower.path);
        let client = client(&world, &upper.at("top"), len);
        wait_for(&mut entered);
        upper.kill();
        assert_eq!(client.wait(), reset(), "{len}");
    }
}

fn another_device_under_the_name_is_not_taken_for_the_old_one() {
    let world = World::new();
    let mut lower = portd(&world, None, disk("1 MiB"));
    let name = lower.name().to_string();
    let upper = above(&world, &lower.at("disk"));
    let top = world.here(|| SchemeAgent::<Body>::connect(&upper.at("top"))).unwrap();
    lower.kill();
    let mut other = portd(&world, Some(&name), disk("2 MiB"));
    world.here(|| {
        while send(&top, 512) == Err(Errno::ECONNRESET) {}
        assert_eq!(send(&top, 512), Err(Errno::ENODEV));
    });
    other.kill();
    let _same = portd(&world, Some(&name), disk("1 MiB"));
    world.here(|| {
        while send(&top, 512) == Err(Errno::ECONNRESET) {}
        assert_eq!(send(&top, 512), Ok(512));
        drop(top);
    });
}

const TMP: &str = "[[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"\n";

/// Makes a directory, and gives its node.
fn mkdir(port: &SchemeAgent<Body>, name: &str) -> Node {
    let op = Op::Mkdir { parent: Node::ROOT, mode: 0o755 };
    let mut call = Call::new(Body::new(op, Cred::ROOT), Data::NONE).name(name.as_bytes());
    call.run(port, &PARK).result().unwrap();
    call.body().node().unwrap()
}

fn getattr(port: &SchemeAgent<Body>, node: Node) -> Result<usize, Errno> {
    let op = Op::Getattr { node };
    Call::new(Body::new(op, Cred::ROOT), Data::NONE).run(port, &PARK).result()
}

fn nodes_of_a_service_that_died_are_stale() {
    let world = World::new();
    let mut lower = portd(&world, None, TMP.into());
    let name = lower.name().to_string();
    let upper = above(&world, &lower.at("tmp"));
    let top = world.here(|| SchemeAgent::<Body>::connect(&upper.at("top"))).unwrap();
    let old = world.here(|| mkdir(&top, "old"));
    assert!(world.here(|| getattr(&top, old)).is_ok());
    lower.kill();
    let _again = portd(&world, Some(&name), TMP.into());
    world.here(|| {
        while getattr(&top, Node::ROOT) == Err(Errno::ECONNRESET) {}
        // It has the number that the other one had.
        let new = mkdir(&top, "new");
        assert!(getattr(&top, new).is_ok());
        assert_eq!(getattr(&top, old), Err(Errno::ESTALE));
        assert!(getattr(&top, Node::ROOT).is_ok());
        drop(top);
    });
}

/// How often somebody is killed. More on request.
pub(crate) fn kills() -> usize {
    std::env::var("SMOKE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

/// Numbers that look random, the same ones each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

fn after_many_kills_nobody_hangs_and_others_are_undisturbed() {
    let (world, mut dice) = (World::new(), Dice(5));
    let steady = portd(&world, None, disk("1 MiB"));
    let port = world.here(|| SchemeAgent::<Body>::connect(&steady.at("disk"))).unwrap();
    for round in 0..kills() {
        let (mut lower, mut entered) = blocking(&world);
        let mut upper = above(&world, &lower.path);
        let len = [0, 64, 4096][dice.roll(3)];
        let through = if dice.roll(2) == 0 { lower.path.clone() } else { upper.at("top") };
        let waiting = client(&world, &through, len);
        wait_for(&mut entered);
        match dice.roll(3) {
            0 => {
                waiting.kill();
                assert_eq!(waiting.wait(), End::Killed, "round {round}");
            }
            who => {
                if who == 1 || through == lower.path {
                    lower.kill();
                } else {
                    upper.kill();
                }
                assert_eq!(waiting.wait(), reset(), "round {round}");
            }
        }
        assert_eq!(world.here(|| send(&port, 4096)), Ok(4096), "round {round}");
    }
    world.here(|| drop(port));
}
