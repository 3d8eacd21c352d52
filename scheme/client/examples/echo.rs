//! An echo server: answers each message with the data that came with it.
//!
//! `cargo run -p client --example echo` runs it with a client, on a Linux host over its own
//! Redox ABI; in Redox, over the daemon that runs there.

use agent::Errno;
use client::{Event, Port, SendRight};

#[path = "shared/mod.rs"]
mod shared;

const PATH: &str = "/scheme/port/user/0/echo";

/// Answers `count` messages.
pub(crate) fn serve(mut port: Port, count: usize) -> Result<(), Errno> {
    let mut left = count;
    while left > 0 {
        if let Event::Message(message) = port.receive()? {
            let data = message.data().to_vec();
            message.reply(Ok(data.len()), [0; 3], &data)?;
            left -= 1;
        }
    }
    Ok(())
}

/// Has lines echoed: each as it came back.
pub(crate) fn ask(path: &str, lines: &[&str]) -> Result<Vec<String>, Errno> {
    let right = SendRight::open(path)?;
    let mut back = Vec::new();
    for line in lines {
        let mut data = line.as_bytes().to_vec();
        let count = right.call(1, 0, &mut data)?;
        data.truncate(count);
        back.push(String::from_utf8_lossy(&data).into_owned());
    }
    Ok(back)
}

pub(crate) fn main() -> Result<(), Errno> {
    let lines = ["a message", "and another one", "that is all"];
    let back = shared::with_daemon(|| {
        let port = Port::create(PATH, 0o622)?;
        let server = shared::start(move || serve(port, 3));
        let back = ask(PATH, &lines);
        shared::join(server)?;
        back
    })?;
    back.iter().for_each(|line| println!("{line}"));
    Ok(())
}
