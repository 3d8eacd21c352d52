//! An abort goes after its message through any chain of ports: to where it was passed on, and to
//! where each calls the next on its behalf.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use agent::Errno;
use client::{Event, Port, SendRight};
use host::Process;

use crate::{
    common::World,
    setup::{ends, message, numbered, world},
};

const ASK: u16 = 1;
const END: u16 = 2;

/// What those in the middle do with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Middle {
    Call,
    PassOn,
}

/// What the last one tells.
#[derive(Debug, PartialEq)]
enum Told {
    Kept,
    Aborted,
}

fn path(hop: usize) -> String {
    format!("/scheme/port/user/7/hop{hop}")
}

/// Hands what comes to the next one, until it is asked to end.
fn hand_on(mut port: Port, next: &SendRight, middle: Middle) {
    loop {
        // Of an abort it hears when the call is back.
        let Event::Message(message) = port.receive().unwrap() else { continue };
        let op = message.words()[0] as u16;
        if (op, middle) == (ASK, Middle::PassOn) {
            message.forward(next).unwrap();
            continue;
        }
        let status = message.call(next, op, 0, &mut []);
        message.reply(status, [0; 3], &[]).unwrap();
        if op == END {
            return;
        }
    }
}

/// Keeps what comes until it is aborted.
fn keep(mut port: Port, tell: &Sender<Told>) {
    let mut kept = Vec::new();
    loop {
        match port.receive().unwrap() {
            Event::Message(message) if message.words()[0] == u64::from(END) => {
                return message.reply(Ok(0), [0; 3], &[]).unwrap();
            }
            Event::Message(message) => {
                kept.push(message);
                tell.send(Told::Kept).unwrap();
            }
            Event::Aborted(number) => {
                // Before it is answered.
                tell.send(Told::Aborted).unwrap();
                kept.retain(|message| message.number() != number);
            }
            Event::Connect(_) => panic!("nobody connects"),
        }
    }
}

/// Does something with a client of each kind of chain, and of each length.
fn each(work: impl Fn(&World, &Process, &Receiver<Told>)) {
    for (hops, middle) in [1, 2, 3]
        .into_iter()
        .flat_map(|hops| [Middle::Call, Middle::PassOn].map(|middle| (hops, middle)))
    {
        let world = world();
        let (tell, told) = channel();
        let processes: Vec<_> = (0..=hops).map(|_| world.process(7, 7)).collect();
        let ports: Vec<_> = (0..=hops)
            .map(|hop| processes[hop].enter(|| Port::create(&path(hop), 0o622).unwrap()))
            .collect();
        let threads = processes.iter().zip(ports).enumerate().map(|(hop, (process, port))| {
            let tell = tell.clone();
            process.spawn(move || match hop {
                last if last == hops => keep(port, &tell),
                _ => hand_on(port, &SendRight::open(&path(hop + 1)).unwrap(), middle),
            })
        });
        let threads: Vec<_> = threads.collect();
        let client = world.process(9, 9);
        work(&world, &client, &told);
        world.client(9, 9, || assert_eq!(first().call(END, 0, &mut []), Ok(0), "{middle:?}"));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(told.try_recv().is_err(), "once");
        client.exit();
    }
}

fn first() -> SendRight {
    SendRight::open(&path(0)).unwrap()
}

/// Sends a message, and waits until the last one has it.
fn sent(client: &Process, told: &Receiver<Told>) -> SendRight {
    let right = client.enter(|| {
        let right = first();
        right.send_one(numbered(ASK.into())).unwrap();
        right
    });
    assert_eq!(told.recv(), Ok(Told::Kept));
    right
}

const CANCELED: [(u64, Result<usize, Errno>); 1] = [(ASK as u64, Err(Errno::ECANCELED))];

#[test]
fn an_abort_by_id_comes_to_the_last_of_any_chain_of_ports() {
    each(|_, client, told| {
        let right = sent(client, told);
        client.enter(|| assert_eq!(right.abort(ASK.into()), Ok(1)));
        assert_eq!(told.recv(), Ok(Told::Aborted));
        client.enter(|| {
            assert_eq!(ends(&right), CANCELED);
            drop(right);
        });
    });
}

#[test]
fn a_signal_comes_to_the_last_of_any_chain_of_ports() {
    each(|_, client, told| {
        let calling = client.spawn(|| first().call(ASK, 0, &mut []));
        assert_eq!(told.recv(), Ok(Told::Kept));
        client.wait_blocked(1);
        assert_eq!(client.interrupt(), 1);
        assert_eq!(told.recv(), Ok(Told::Aborted));
        assert_eq!(calling.join().unwrap(), Err(Errno::EINTR));
    });
}

#[test]
fn a_deadline_comes_to_the_last_of_any_chain_of_ports() {
    each(|_, client, told| {
        client.enter(|| {
            let right = first();
            let ask = || {
                let deadline = Instant::now() + Duration::from_millis(20);
                assert_eq!(right.call_until(deadline, ASK, 0, &mut []), Err(Errno::ETIMEDOUT));
            };
            // It may come before the message is there.
            while !told.try_iter().collect::<Vec<_>>().contains(&Told::Aborted) {
                ask();
            }
        });
    });
}

#[test]
fn a_close_and_a_death_come_to_the_last_of_any_chain_of_ports() {
    each(|world, client, told| {
        let right = sent(client, told);
        client.enter(|| drop(right));
        assert_eq!(told.recv(), Ok(Told::Aborted));
        let dies = world.process(9, 9);
        let calling = dies.spawn(|| first().call(ASK, 0, &mut []));
        assert_eq!(told.recv(), Ok(Told::Kept));
        dies.wait_blocked(1);
        dies.kill();
        assert_eq!(told.recv(), Ok(Told::Aborted));
        assert!(calling.join().unwrap().is_err());
    });
}

#[test]
fn what_is_called_on_behalf_of_an_aborted_message_is_cancelled_at_once() {
    let world = world();
    world.client(7, 7, || {
        let [mut port, mut next] = [0, 1].map(|hop| Port::create(&path(hop), 0o622).unwrap());
        let (right, onward) = (first(), SendRight::open(&path(1)).unwrap());
        right.send_one(numbered(1)).unwrap();
        let taken = message(&mut port);
        assert_eq!(right.abort(1), Ok(1));
        assert_eq!(taken.call(&onward, 1, 0, &mut []), Err(Errno::ECANCELED));
        next.set_nonblocking(true).unwrap();
        assert_eq!(next.receive().err(), Some(Errno::EAGAIN), "it was never sent");
        // What it does for itself is its own affair.
        onward.send_one(numbered(2)).unwrap();
        message(&mut next).reply(Ok(2), [0; 3], &[]).unwrap();
        assert_eq!(ends(&onward), [(2, Ok(2))]);
        taken.reply(Ok(1), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(1, Ok(1))], "an abort is a hint");
    });
}
