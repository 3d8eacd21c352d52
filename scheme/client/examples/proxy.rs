//! A forwarding proxy: looks at what comes to its port and passes it on, to one of two servers.
//! The replies go straight back to who sent the message.

use agent::Errno;
use client::{Event, Port, SendRight};

#[path = "shared/mod.rs"]
mod shared;

const PATH: &str = "/scheme/port/user/0/proxy";

/// Passes `count` messages on: those that ask for something even to the first, others to the
/// second.
pub(crate) fn proxy(
    mut port: Port,
    even: &SendRight,
    odd: &SendRight,
    count: usize,
) -> Result<(), Errno> {
    let mut left = count;
    while left > 0 {
        if let Event::Message(message) = port.receive()? {
            let [_, argument, _] = message.words();
            message.forward(if argument.is_multiple_of(2) { even } else { odd })?;
            left -= 1;
        }
    }
    Ok(())
}

/// Answers `count` messages with what they ask for plus `add`.
fn server(mut port: Port, add: usize, count: usize) -> Result<(), Errno> {
    for _ in 0..count {
        if let Event::Message(message) = port.receive()? {
            let [_, argument, _] = message.words();
            message.reply(Ok(argument as usize + add), [0; 3], &[])?;
        }
    }
    Ok(())
}

/// Asks for each number up to `last`, through a proxy at `path`.
pub(crate) fn run(path: &str, last: u64) -> Result<Vec<usize>, Errno> {
    let count = last as usize;
    let ports = [
        Port::create(&format!("{path}-even"), 0o600)?,
        Port::create(&format!("{path}-odd"), 0o600)?,
    ];
    let (even, odd) = (ports[0].send_right()?, ports[1].send_right()?);
    let front = Port::create(path, 0o622)?;
    let mut threads = vec![shared::start(move || proxy(front, &even, &odd, count))];
    for (port, add) in ports.into_iter().zip([1_000, 2_000]) {
        threads.push(shared::start(move || server(port, add, count / 2)));
    }
    let right = SendRight::open(path)?;
    let answers = (1..=last).map(|number| right.call(1, number, &mut [])).collect();
    threads.into_iter().try_for_each(shared::join)?;
    answers
}

pub(crate) fn main() -> Result<(), Errno> {
    let answers = shared::with_daemon(|| run(PATH, 6))?;
    println!("{answers:?}");
    Ok(())
}
