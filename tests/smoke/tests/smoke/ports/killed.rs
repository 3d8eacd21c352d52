//! `portd` itself is killed: whoever waits for anything of it is told.

use agent::Errno;
use client::{Event, Port, SendRight};
use libredox::{errno::*, flag::O_RDWR};
use smoke::{End, Outcome, World, files};

use super::{
    ALL, NULL, ended, make,
    talk::{message, numbered, replies},
    until,
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    who_waits_for_a_portd_of_init_that_is_killed_gets_econnreset,
    a_portd_of_init_s_serves_as_any,
];

fn a_portd_of_init_s_serves_as_any() {
    let world = World::new();
    let daemon = world.portd_of_init(NULL);
    world.here(|| {
        assert_eq!(files::list(&daemon.path).unwrap(), ["null"]);
        let path = daemon.at("user/0/port");
        let mut port = Port::create(&path, ALL).unwrap();
        let right = SendRight::open(&path).unwrap();
        right.send_one(numbered(1)).unwrap();
        message(&mut port).reply(Ok(1), [0; 3], &[]).unwrap();
        assert_eq!(replies(&right).unwrap()[0].status, Ok(1));
        drop((port, right));
    });
}

/// Sends a message, and waits for its reply.
fn send_and_wait(path: &str) -> Result<usize, Errno> {
    let right = SendRight::open(path)?;
    right.send_one(numbered(1))?;
    replies(&right).map(|all| all.len())
}

/// Makes a port, and waits for a message.
fn make_and_wait(path: &str) -> Result<usize, Errno> {
    Port::create(path, ALL)?.receive().map(|_| 0)
}

fn who_waits_for_a_portd_of_init_that_is_killed_gets_econnreset() {
    const DIRECT: u16 = 0o1622;
    let world = World::new();
    let mut daemon = world.portd_of_init(NULL);
    let path = daemon.at("user/0/port");
    let [direct, aside] = ["user/0/direct", "user/0/aside"].map(|name| daemon.at(name));
    world.here(|| {
        let mut port = Port::create(&path, ALL).unwrap();
        let mut connects = Port::new(make(&direct, DIRECT));
        let spawn = |work: Box<dyn FnOnce() -> Outcome + Send>| world.spawn(work);
        let callers = [0, 64, 4096].map(|room| {
            let to = path.clone();
            spawn(Box::new(move || {
                ended(SendRight::open(&to).and_then(|right| right.call(1, 0, &mut vec![7; room])))
            }))
        });
        let mut taken: Vec<_> = callers.iter().map(|_| message(&mut port)).collect();
        let opener = spawn(Box::new({
            let direct = direct.clone();
            move || files::open(&direct, O_RDWR, 0).map(|_| 0)
        }));
        let Ok(Event::Connect(waits)) = connects.receive() else { panic!("somebody opens") };
        let sends = path.clone();
        let sender = spawn(Box::new(move || ended(send_and_wait(&sends))));
        taken.push(message(&mut port));
        let makes = aside.clone();
        let receiver = spawn(Box::new(move || ended(make_and_wait(&makes))));
        until(|| SendRight::open(&aside).is_ok());
        daemon.kill();
        for waiting in callers.into_iter().chain([opener]) {
            assert_eq!(waiting.wait(), End::Gave(Err(ECONNRESET)));
        }
        // These may have been about to wait.
        for waiting in [sender, receiver] {
            let end = waiting.wait();
            let told = [ECONNRESET, ENODEV, ESRCH].map(|errno| End::Gave(Err(errno)));
            assert!(told.contains(&end), "{end:?}");
        }
        drop((taken, waits, port, connects));
    });
}
