//! Ports that processes make: many messages in one crossing, and a service that is connected
//! to directly, each beside a call of the raw echo.

use std::{sync::Arc, time::Instant};

use client::{
    Event, Port,
    record::{RECORD, Record, Records, Verb},
};
use driver::{Cred, Node, Op};
use driver_null::Null;
use libredox::{Fd, flag};
use service::{Minter, Service};

use crate::redox::{CALLS, Child, Result, failed, raw, round, words};

/// Messages in one write.
const MANY: usize = 32;
/// Such writes in a round, and rounds.
const BATCHES: usize = 200;
const ROUNDS: usize = 5;

/// Everybody may send; openers are connected directly.
const DIRECT: u16 = 0o1622;

fn path(name: &str) -> String {
    format!("/scheme/port/user/0/{name}")
}

fn told<T>(what: &str, result: std::result::Result<T, impl std::fmt::Display>) -> Result<T> {
    result.map_err(|error| format!("can't {what}: {error}"))
}

/// A service with a scheme of its own, whose port is connected to directly.
pub(crate) fn serve(name: &str) -> Result<()> {
    let service = told("make the service", Service::single(name, Arc::new(Null)))?;
    let port = told("make the port", Port::create(&path(name), DIRECT))?;
    let minter = service.minter();
    std::thread::spawn(move || connect_all(port, &minter));
    told("serve", service.run())
}

fn connect_all(mut port: Port, minter: &Minter) -> Result<()> {
    loop {
        let Event::Connect(connect) = told("receive", port.receive())? else { continue };
        let made = minter.mint(Cred::ROOT, connect.path(), connect.flags() as usize);
        told("connect", connect.accept(told("make a handle", made)?))?;
    }
}

/// Prints what a message to a directly connected service costs, beside the raw echo.
pub(crate) fn direct(echo: &Fd) -> Result<()> {
    let _service = Child::start(&["direct", "direct"])?;
    let handle = Child::up(&path("direct"))?;
    let flush = words(Op::Flush { node: Node::ROOT }, 0)?;
    crate::redox::pair(
        "message to a directly connected service",
        CALLS,
        ("raw echo", &mut || raw(echo, &mut [], &flush)),
        ("null flush", &mut || raw(&handle, &mut [], &flush)),
    )
}

/// Nanoseconds of a round's parts: the sender's write, the receiver's read and write, the
/// sender's read.
type Parts = [u128; 4];

/// Prints what a message costs that is sent with others in one write, and whose reply is read
/// with others, beside a call of the raw echo.
pub(crate) fn many(echo: &Fd) -> Result<()> {
    let flags = flag::O_RDWR | flag::O_CREAT | flag::O_EXCL;
    let port = Fd::open(&path("many"), flags, 0o600).map_err(failed("make a port"))?;
    let right = Fd::open(&path("many"), flag::O_RDWR, 0).map_err(failed("open the port"))?;
    let flush = words(Op::Flush { node: Node::ROOT }, 0)?;
    let (mut calls, mut all) = ([0; ROUNDS], [Parts::default(); ROUNDS]);
    batches(&right, &port)?;
    for index in 0..ROUNDS {
        calls[index] = round(CALLS, &mut || raw(echo, &mut [], &flush))?;
        all[index] = batches(&right, &port)?;
    }
    calls.sort_unstable();
    all.sort_unstable_by_key(|parts| parts.iter().sum::<u128>());
    let (call, parts) = (calls[ROUNDS / 2], all[ROUNDS / 2]);
    let ratio = |cost: u128| cost as f64 / call as f64;
    let (sender, whole) = (parts[0] + parts[3], parts.iter().sum());
    println!(
        "{{\"what\":\"one of {MANY} messages in one write\",\"raw echo\":{call},\
         \"sender's write and read\":{sender},\"ratio\":{:.3},\
         \"with the receiver's\":{whole},\"whole ratio\":{:.3},\"rounds\":{all:?}}}",
        ratio(sender),
        ratio(whole)
    );
    Ok(())
}

/// A round of batches: what each message cost, by parts.
fn batches(right: &Fd, port: &Fd) -> Result<Parts> {
    let record = |id: usize| Record::new(Verb::Send, id as u64).to_bytes();
    let sent: Vec<u8> = (0..MANY).flat_map(record).collect();
    let mut buffer = vec![0; MANY * RECORD];
    let mut parts = Parts::default();
    for _ in 0..BATCHES {
        let mut last = Instant::now();
        let mut lap = |part: &mut u128| {
            let now = Instant::now();
            *part += (now - last).as_nanos();
            last = now;
        };
        whole(right.write(&sent))?;
        lap(&mut parts[0]);
        whole(port.read(&mut buffer))?;
        lap(&mut parts[1]);
        let replies = replies(&buffer)?;
        whole(port.write(&replies))?;
        lap(&mut parts[2]);
        whole(right.read(&mut buffer))?;
        lap(&mut parts[3]);
    }
    Ok(parts.map(|part| part / (BATCHES * MANY) as u128))
}

/// All records have to cross at once.
fn whole(crossed: libredox::error::Result<usize>) -> Result<()> {
    match crossed.map_err(failed("cross"))? {
        bytes if bytes == MANY * RECORD => Ok(()),
        bytes => Err(format!("{bytes} bytes of {MANY} records crossed")),
    }
}

/// A reply to each message of a buffer.
fn replies(messages: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(messages.len());
    for record in Records::new(messages) {
        let (record, _) = told("understand what came", record)?;
        bytes.extend_from_slice(&Record::new(Verb::Reply, record.id).to_bytes());
    }
    Ok(bytes)
}
