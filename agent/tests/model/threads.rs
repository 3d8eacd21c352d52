//! Random scripts on several threads: every message comes back once, and is freed once.

use std::{
    sync::{
        atomic::Ordering::SeqCst,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
};

use proptest::{collection::vec, prelude::*};

use crate::{PATIENCE, crew::Wish, crowd::Crowd};

/// Threads that send.
pub(crate) const SENDERS: usize = 3;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Send { to: u8, wish: Wish, priority: bool, droppable: bool },
    Ask { to: u8, wish: Wish },
    Call { to: u8, wish: Wish },
    Abort,
    DropFuture,
    AwaitFuture,
    Get,
    Renew,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Done,
    LetGo,
    Forward(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) limit: usize,
    pub(crate) senders: Vec<Vec<Deed>>,
    pub(crate) services: Vec<Service>,
    /// The receiver of the mailbox goes after so many messages.
    pub(crate) closes: Option<usize>,
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        4 => Just(Wish::Done),
        8 => Just(Wish::Keep),
        6 => Just(Wish::Down),
        4 => Just(Wish::DoneWithOther),
        1 => Just(Wish::Panic),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let to = any::<u8>;
    prop_oneof![
        8 => (to(), wish(), any::<bool>(), any::<bool>()).prop_map(
            |(to, wish, priority, droppable)| Deed::Send { to, wish, priority, droppable }
        ),
        3 => (to(), wish()).prop_map(|(to, wish)| Deed::Ask { to, wish }),
        3 => (to(), wish()).prop_map(|(to, wish)| Deed::Call { to, wish }),
        4 => Just(Deed::Abort),
        1 => Just(Deed::DropFuture),
        1 => Just(Deed::AwaitFuture),
        4 => Just(Deed::Get),
        1 => Just(Deed::Renew),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let service = prop_oneof![
        3 => Just(Service::Done),
        1 => Just(Service::LetGo),
        2 => any::<u8>().prop_map(Service::Forward),
    ];
    (
        1..5_usize,
        vec(vec(deed(), 100..200), SENDERS),
        vec(service, 1..20),
        proptest::option::weighted(0.3, 0..40_usize),
    )
        .prop_map(|(limit, senders, services, closes)| Script {
            limit,
            senders,
            services,
            closes,
        })
}

/// Runs a case on a thread of its own; what was wrong.
fn run(script: Script) -> Vec<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (crowd, mailbox) = Crowd::new(script);
        crowd.run(mailbox);
        let (sent, back) = (crowd.tally.sent.load(SeqCst), crowd.tally.back.load(SeqCst));
        if back > sent {
            crowd.tally.wrong(format!("{sent} messages were sent, and {back} came back"));
        }
        let wrong = std::mem::take(&mut *crowd.tally.wrong.lock().unwrap());
        let _ = sender.send(wrong);
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(wrong) => wrong,
        Err(RecvTimeoutError::Timeout) => vec!["a message does not come back".to_owned()],
        Err(RecvTimeoutError::Disconnected) => vec!["somebody panics".to_owned()],
    }
}

proptest! {
    // A case that failed once need not fail again: there is nothing to shrink by.
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..crate::config(256) })]

    #[test]
    fn every_message_comes_back_once_whatever_the_threads_do(script in script()) {
        prop_assert_eq!(run(script), Vec::<String>::new());
    }
}
