//! Services that ask each other.

use agent::Errno;
use client::{Event, Port, SendRight};
use libredox::{Fd, errno::*};
use smoke::{End, Process, World};

use super::{ALL, beside, ended, make, talk::message};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_service_that_calls_one_that_calls_it_back_is_told_at_once,
    an_abort_goes_after_the_call_that_a_service_makes_meanwhile,
];

/// A process that takes one message, asks another port while it serves that, and answers with
/// the answer; which is its end, too.
fn asks(world: &World, port: Fd, other: &str) -> Process {
    let other = other.to_string();
    world.spawn_with(0, port, move |fd| {
        let message = message(&mut Port::new(fd));
        let answer = SendRight::open(&other).and_then(|to| message.call(&to, 1, 0, &mut []));
        ended(message.reply(answer, [0; 3], &[]).and(answer))
    })
}

fn a_service_that_calls_one_that_calls_it_back_is_told_at_once() {
    beside(|world, daemon, path| {
        let other = daemon.at("user/0/other");
        let ports = [make(path, ALL), make(&other, ALL)];
        let right = SendRight::open(path).unwrap();
        let [first, second] = ports;
        let services = [asks(world, first, &other), asks(world, second, path)];
        assert_eq!(right.call(1, 0, &mut []), Err(Errno::EDEADLK));
        for service in services {
            assert_eq!(service.wait(), End::Gave(Err(EDEADLK)));
        }
    });
}

fn an_abort_goes_after_the_call_that_a_service_makes_meanwhile() {
    beside(|world, daemon, path| {
        let other = daemon.at("user/0/other");
        let middle = make(path, ALL);
        let mut last = Port::create(&other, ALL).unwrap();
        let service = asks(world, middle, &other);
        let to = path.to_string();
        let client =
            world.spawn(move || ended(SendRight::open(&to).and_then(|to| to.call(1, 0, &mut []))));
        let taken = message(&mut last);
        client.kill();
        assert_eq!(client.wait(), End::Killed);
        assert!(matches!(last.receive(), Ok(Event::Aborted(told)) if told == taken.number()));
        drop(taken);
        assert_eq!(service.wait(), End::Gave(Err(ECANCELED)));
    });
}
