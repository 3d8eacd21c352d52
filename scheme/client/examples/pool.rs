//! A worker pool: several threads, each with a receive right of its own, on one port. Messages
//! go to whichever is free; the replies come back in one place.

use agent::Errno;
use client::{Batch, Event, Outgoing, Port, SendRight};

#[path = "shared/mod.rs"]
mod shared;

const PATH: &str = "/scheme/port/user/0/pool";
const WORKERS: usize = 4;

/// Asks a worker to end.
const END: u64 = 0;
/// Asks for the number of divisors of word 1.
const DIVISORS: u64 = 1;

/// Works until it is asked to end: how many messages that were.
pub(crate) fn work(mut port: Port) -> Result<usize, Errno> {
    let mut done = 0;
    loop {
        let Event::Message(message) = port.receive()? else { continue };
        let [question, number, _] = message.words();
        let status = match question {
            END => Ok(done),
            DIVISORS => Ok((1..=number).filter(|part| number.is_multiple_of(*part)).count()),
            _ => Err(Errno::ENOSYS),
        };
        message.reply(status, [number, 0, 0], &[])?;
        if question == END {
            return Ok(done);
        }
        done += 1;
    }
}

/// Has the divisors of all numbers up to `last` counted.
pub(crate) fn ask(right: &SendRight, last: u64) -> Result<Vec<(u64, usize)>, Errno> {
    let mut batch = Batch::new();
    for number in 1..=last {
        let words = [DIVISORS, number, 0];
        batch.push(Outgoing { id: number, words, ..Outgoing::default() });
    }
    let (mut counted, mut buffer) = (Vec::new(), vec![0; 4096]);
    while (counted.len() as u64) < last {
        if !batch.is_empty() {
            // As many as there is room for; replies make room for more.
            match right.send(&mut batch) {
                Ok(_) | Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(errno),
            }
        }
        for reply in right.replies(&mut buffer)? {
            let reply = reply?;
            counted.push((reply.id, reply.status?));
        }
    }
    counted.sort_unstable();
    Ok(counted)
}

/// Runs a pool for as long as `client` needs it. The second value is how many messages each
/// worker had.
pub(crate) fn with_pool<T>(
    path: &str,
    workers: usize,
    client: impl FnOnce(&SendRight) -> Result<T, Errno>,
) -> Result<(T, Vec<usize>), Errno> {
    let port = Port::create(path, 0o622)?;
    let mut threads = Vec::new();
    for _ in 0..workers {
        let own = port.another()?;
        threads.push(shared::start(move || work(own)));
    }
    // Those of the workers are enough.
    drop(port);
    let right = SendRight::open(path)?;
    let result = client(&right);
    for id in 0..workers as u64 {
        right.send_one(Outgoing { id, words: [END, 0, 0], ..Outgoing::default() })?;
    }
    let done: Result<Vec<_>, _> = threads.into_iter().map(shared::join).collect();
    Ok((result?, done?))
}

pub(crate) fn main() -> Result<(), Errno> {
    let ask = |right: &SendRight| ask(right, 2_000);
    let (counted, done) = shared::with_daemon(|| with_pool(PATH, WORKERS, ask))?;
    let most = counted.iter().max_by_key(|(_, divisors)| *divisors);
    if let Some((number, divisors)) = most {
        println!("of the numbers up to 2000, {number} has the most divisors: {divisors}");
    }
    println!("messages of each worker: {done:?}");
    Ok(())
}
