//! Calls that would wait for themselves are answered.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use agent::Errno;
use client::{Message, Port, SendRight};
use host::Process;

use crate::{
    common::{World, errno, open},
    setup::{message, world},
};

const A: &str = "/scheme/port/user/7/a";
const B: &str = "/scheme/port/user/8/b";

fn port(process: &Process, path: &'static str) -> Port {
    process.enter(|| Port::create(path, 0o666).unwrap())
}

/// Serves one message in a thread: by `work`, whose result is the reply's.
fn serve(
    process: &Process,
    mut port: Port,
    work: impl FnOnce(&Message) -> Result<usize, Errno> + Send + 'static,
) -> JoinHandle<Port> {
    process.spawn(move || {
        let message = message(&mut port);
        let status = work(&message);
        message.reply(status, [0; 3], &[]).unwrap();
        port
    })
}

fn call_on(path: &'static str) -> impl FnOnce(&Message) -> Result<usize, Errno> + Send {
    move |message| message.call(&SendRight::open(path).unwrap(), 1, 0, &mut [])
}

fn finish(process: &Process, served: JoinHandle<Port>) -> Port {
    let port = served.join().unwrap();
    process.enter(|| port)
}

#[test]
fn a_service_that_calls_one_that_calls_it_back_is_told_at_once() {
    let world = world();
    let (a, b, client) = (world.process(7, 7), world.process(8, 8), world.process(9, 9));
    let (port_a, port_b) = (port(&a, A), port(&b, B));
    let serving = [serve(&a, port_a, call_on(B)), serve(&b, port_b, call_on(A))];
    let answer = client.enter(|| SendRight::open(A).unwrap().call(1, 0, &mut []));
    assert_eq!(answer, Err(Errno::EDEADLK));
    for (process, served) in [a, b].iter().zip(serving) {
        let port = finish(process, served);
        process.enter(|| drop(port));
    }
}

#[test]
fn a_service_that_calls_itself_is_told_at_once() {
    let world = world();
    let (a, client) = (world.process(7, 7), world.process(9, 9));
    let serving = serve(&a, port(&a, A), call_on(A));
    assert_eq!(
        client.enter(|| SendRight::open(A).unwrap().call(1, 0, &mut [])),
        Err(Errno::EDEADLK)
    );
    let port = finish(&a, serving);
    a.enter(|| drop(port));
}

#[test]
fn a_call_back_is_served_by_another_worker_of_the_port() {
    let world = world();
    let (a, b, client) = (world.process(7, 7), world.process(8, 8), world.process(9, 9));
    let first = port(&a, A);
    let second = a.enter(|| first.another().unwrap());
    let port_b = port(&b, B);
    let calling = client.spawn(|| SendRight::open(A).unwrap().call(1, 0, &mut []));
    let outer = serve(&a, first, call_on(B));
    let (tell, taken) = std::sync::mpsc::channel();
    let middle = serve(&b, port_b, move |message| {
        tell.send(()).unwrap();
        call_on(A)(message)
    });
    // Only the call back is left to be taken.
    taken.recv().unwrap();
    let inner = serve(&a, second, |message| Ok(message.sender().uid as usize));
    assert_eq!(calling.join().unwrap(), Ok(8));
    for (process, served) in [&a, &b, &a].into_iter().zip([outer, middle, inner]) {
        let port = finish(process, served);
        process.enter(|| drop(port));
    }
}

#[test]
fn a_message_that_is_passed_back_to_who_waits_for_it_is_answered() {
    let world = world();
    let (a, b, client) = (world.process(7, 7), world.process(8, 8), world.process(9, 9));
    let serving = serve(&a, port(&a, A), call_on(B));
    let mut port_b = port(&b, B);
    let calling = client.spawn(|| SendRight::open(A).unwrap().call(1, 0, &mut []));
    b.enter(|| {
        message(&mut port_b).forward(&SendRight::open(A).unwrap()).unwrap();
        drop(port_b);
    });
    assert_eq!(calling.join().unwrap(), Err(Errno::EDEADLK));
    let port = finish(&a, serving);
    a.enter(|| drop(port));
}

#[test]
fn a_circle_that_nobody_declares_ends_with_the_first_deadline() {
    let world = world();
    let (a, b, client) = (world.process(7, 7), world.process(8, 8), world.process(9, 9));
    let (port_a, port_b) = (port(&a, A), port(&b, B));
    let outer = serve(&a, port_a, |_| SendRight::open(B).unwrap().call(1, 0, &mut []));
    let inner = serve(&b, port_b, |_| {
        let deadline = Instant::now() + Duration::from_millis(20);
        SendRight::open(A).unwrap().call_until(deadline, 1, 0, &mut [])
    });
    let answer = client.enter(|| SendRight::open(A).unwrap().call(1, 0, &mut []));
    assert_eq!(answer, Err(Errno::ETIMEDOUT));
    for (process, served) in [a, b].iter().zip([outer, inner]) {
        let port = finish(process, served);
        process.enter(|| drop(port));
    }
}

#[test]
fn the_daemon_can_t_stand_on_its_own_scheme() {
    let text = "[[driver]]\nname = \"null\"\nkind = \"null\"\n\
                [[driver]]\nname = \"loop\"\nkind = \"pass\"\non = \"/scheme/port/null\"";
    let mut world = World::new();
    let error = world.serve("port", text).unwrap_err();
    assert!(error.contains("/scheme/port/null") && error.contains("ENODEV"), "{error}");
    // And there is nothing left of it.
    world.root(|| {
        assert!(errno(open("/scheme/port", 0, 0).map_err(libredox::error::Error::new)).is_err())
    });
}
