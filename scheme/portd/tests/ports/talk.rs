//! What is said to ports, in few words. The smoke suite (`tests/smoke`) has it too.
#![allow(dead_code, reason = "each suite uses its part")]

use agent::Errno;
use client::{Event, Message, Outgoing, Port, Reply, SendRight};

/// What comes next has to be a message.
pub(crate) fn message(port: &mut Port) -> Message {
    match port.receive() {
        Ok(Event::Message(message)) => message,
        Ok(Event::Aborted(number)) => panic!("aborted {number}"),
        Ok(Event::Connect(_)) => panic!("somebody connects"),
        Err(errno) => panic!("{errno}"),
    }
}

/// A reply, with its data kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) id: u64,
    pub(crate) status: Result<usize, Errno>,
    pub(crate) words: [u64; 3],
    pub(crate) data: Vec<u8>,
    pub(crate) refused: bool,
    pub(crate) dropped: bool,
}

impl From<Reply<'_>> for Got {
    fn from(reply: Reply<'_>) -> Got {
        let Reply { id, status, words, data, refused, dropped } = reply;
        Got { id, status, words, data: data.to_vec(), refused, dropped }
    }
}

/// Replies that are there, or come next.
pub(crate) fn replies(right: &SendRight) -> Result<Vec<Got>, Errno> {
    let mut buffer = vec![0; 70_000];
    right.replies(&mut buffer)?.map(|reply| reply.map(Got::from)).collect()
}

/// The one reply that is there, or comes next.
pub(crate) fn reply(right: &SendRight) -> Got {
    let mut all = replies(right).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// How the messages of these ids ended, in the order in which they came back.
pub(crate) fn ends(right: &SendRight) -> Vec<(u64, Result<usize, Errno>)> {
    replies(right).unwrap().into_iter().map(|got| (got.id, got.status)).collect()
}

/// A message that asks `id`.
pub(crate) fn numbered(id: u64) -> Outgoing<'static> {
    Outgoing { id, words: [id, 0, 0], ..Outgoing::default() }
}

/// Has reads of a right or a port give `EAGAIN`.
pub(crate) fn patient(right: SendRight) -> SendRight {
    right.set_nonblocking(true).unwrap();
    right
}
