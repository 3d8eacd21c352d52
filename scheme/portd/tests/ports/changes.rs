//! A client that changes what it writes and calls with while the daemon looks at it.

use std::collections::BTreeSet;

use agent::{Errno, Words};
use client::{
    Event, Port,
    record::{RECORD, Record, Verb},
};
use libredox::{errno::*, flag::*};

use crate::{
    common::{Scribbled, errno, send},
    setup::{NAME, world},
};

/// Takes all that there is and answers it: how many that was.
fn answer_all(port: &mut Port) -> usize {
    let mut answered = 0;
    loop {
        match port.receive() {
            Ok(Event::Message(message)) => {
                answered += 1;
                let room = message.room().min(message.data().len());
                let data = message.data()[..room].to_vec();
                message.reply(Ok(room), [0; 3], &data).unwrap();
            }
            Ok(_) => {}
            Err(errno) => {
                assert_eq!(errno, Errno::EAGAIN);
                return answered;
            }
        }
    }
}

#[test]
fn records_that_change_while_they_are_looked_at_harm_nobody() {
    let world = world();
    let server = world.process(7, 7);
    let mut port = server.enter(|| {
        let port = Port::create(NAME, 0o622).unwrap();
        port.set_nonblocking(true).unwrap();
        port
    });
    let (daemon, right) = world.within(0, NAME, O_RDWR | O_NONBLOCK);
    let mut good = Vec::new();
    for id in 1..3 {
        good.extend_from_slice(&Record { len: 32, ..Record::new(Verb::Send, id) }.to_bytes());
        good.extend_from_slice(&[7; 32]);
    }
    let (memory, replies) = (Scribbled::pages(2), Scribbled::pages(2));
    let (mut results, mut taken, mut rounds) = (BTreeSet::new(), 0, 0);
    // Some come through, and some do not.
    while rounds < 3000 || taken == 0 || results.len() < 2 {
        rounds += 1;
        daemon.enter(|| {
            memory.put(&good);
            let written = errno(right.write(memory.lend(good.len())));
            results.insert(written.map(|count| count.is_multiple_of(RECORD + 32)));
            // Replies, into memory that changes as well.
            let _ = errno(right.read(replies.lend(8192)));
        });
        if rounds % 100 == 0 {
            taken += server.enter(|| answer_all(&mut port));
        }
    }
    drop((memory, replies));
    let known: BTreeSet<_> =
        [Ok(true), Ok(false), Err(EPROTO), Err(EAGAIN), Err(ENOMEM)].into_iter().collect();
    assert!(results.is_subset(&known), "{results:?}");
    // Nothing is left of it, and a call goes as ever.
    server.enter(|| answer_all(&mut port));
    daemon.enter(|| while errno(right.read(&mut [0; 8192])).is_ok() {});
    let calling = daemon.spawn(move || {
        let mut data = *b"four";
        let words = Words { op: 1, len: 4, ..Words::default() };
        (send(&right, words, &mut data), data)
    });
    daemon.wait_blocked(1);
    server.enter(|| {
        while answer_all(&mut port) == 0 {}
        drop(port);
    });
    assert_eq!(calling.join().unwrap(), (Ok(4), *b"four"));
}
