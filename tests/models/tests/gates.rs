//! A serialized driver: entered by one at a time, and nothing that waits is lost.
#![cfg(loom)]

use std::sync::Arc;

use agent::{Call, Data, Discard, Errno, Message, Port, ReplyPort, Serialized, Spin, Status, Wait};
use loom::{sync::atomic::Ordering::Relaxed, thread};
use models::{Alone, Body, Elsewhere, Park, Target, Then, block_on, model, once};

type Driver = Arc<Serialized<Body, Alone>>;

fn around(driver: Alone) -> Driver {
    Arc::new(Serialized::new(driver))
}

fn ask(port: &dyn Port<Body>, word: u32, wait: &dyn Wait) {
    let mut call = Call::new(Body::new(word), Data::NONE);
    assert_eq!(call.run(port, wait), Status::OK);
    assert_eq!(call.body().get(), word + 1);
}

/// Runs `other` on a thread beside this one, then looks that there were so many entries.
fn beside(driver: Driver, entries: u32, other: fn(&Driver), this: fn(&Driver)) {
    let port = driver.clone();
    let other = thread::spawn(move || other(&port));
    this(&driver);
    other.join().unwrap();
    assert_eq!(driver.inner().entries(), entries);
}

#[test]
fn callers_who_look_are_let_in_one_at_a_time() {
    let one = |port: &Driver| ask(&**port, 1, &Spin);
    model(3, move || beside(around(Alone::answers()), 2, one, one));
}

#[test]
fn callers_who_sleep_are_let_in_one_at_a_time() {
    let one = |port: &Driver| ask(&**port, 1, &Park::new());
    model(3, move || beside(around(Alone::answers()), 2, one, one));
}

#[test]
fn the_one_inside_works_off_some_and_leaves_the_rest_to_a_caller_who_waits() {
    model(2, || {
        let driver = around(Alone::answers());
        let others = [(); 2].map(|()| {
            let port = driver.clone();
            thread::spawn(move || ask(&*port, 1, &Park::new()))
        });
        ask(&*driver, 1, &Park::new());
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(driver.inner().entries(), 3);
    });
}

#[test]
fn the_one_inside_works_off_what_nobody_waits_for() {
    let send = |port: &Driver| {
        let (target, reply): (Target, Arc<dyn ReplyPort<Body>>) = (port.clone(), Arc::new(Discard));
        Message::new(Body::new(1)).send(&target, &reply);
    };
    model(3, move || {
        beside(around(Alone::answers()), 3, send, move |port| {
            ask(&**port, 1, &Park::new());
            ask(&**port, 1, &Park::new());
        })
    });
}

/// By what a message asks: 1 is forwarded to a port that answers from elsewhere, and so on.
fn mixed() -> Driver {
    let then = |word| match word {
        1 => Then::Forward,
        2 => Then::Keep,
        3 => Then::Shelve,
        4 => Then::Finish,
        _ => Then::Done,
    };
    around(Alone::new(then, Some(Arc::new(Elsewhere::answers()))))
}

#[test]
fn a_completion_enters_alone() {
    let (one, other) =
        (|port: &Driver| ask(&**port, 1, &Park::new()), |port: &Driver| ask(&**port, 0, &Spin));
    model(3, move || beside(mixed(), 3, one, other));
}

#[test]
fn two_completions_enter_alone() {
    model(2, || {
        let target: Target = mixed();
        for _ in 0..2 {
            let reply = once(|status, word| (status, word) == (Status::OK, 2));
            Message::new(Body::new(1)).send(&target, &reply);
        }
    });
}

#[test]
fn a_message_that_is_handed_over_enters_alone() {
    let (one, other) =
        (|port: &Driver| ask(&**port, 2, &Park::new()), |port: &Driver| ask(&**port, 0, &Spin));
    model(3, move || beside(mixed(), 3, one, other));
}

#[test]
fn an_abort_enters_alone() {
    // Nothing but the abort ends the message.
    let aborted = |port: &Driver| {
        let target: Target = port.clone();
        let pending = Message::new(Body::new(3)).ask(&target);
        pending.abort();
        assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
    };
    model(2, move || {
        let driver = mixed();
        let port = driver.clone();
        let other = thread::spawn(move || ask(&*port, 0, &Spin));
        aborted(&driver);
        other.join().unwrap();
    });
}

#[test]
fn a_reply_is_not_held_up_by_an_abort_that_waits() {
    model(2, || {
        let driver = mixed();
        let target: Target = driver.clone();
        let pending = Message::new(Body::new(3)).ask(&target);
        let port = driver.clone();
        let other = thread::spawn(move || ask(&*port, 4, &Spin));
        pending.abort();
        let message = block_on(pending);
        driver.inner().back.store(true, Relaxed);
        let ends = [Status::OK, Errno::ECANCELED.into()];
        assert!(ends.contains(&message.status()));
        other.join().unwrap();
    });
}

#[test]
fn an_abort_takes_a_message_out_of_the_queue_or_is_too_late() {
    model(3, || {
        let driver = around(Alone::answers());
        let port = driver.clone();
        let other = thread::spawn(move || ask(&*port, 0, &Spin));
        let target: Target = driver.clone();
        let pending = Message::new(Body::new(1)).ask(&target);
        pending.abort();
        let message = block_on(pending);
        let answered = message.status() == Status::OK;
        other.join().unwrap();
        assert_eq!(driver.inner().entries(), if answered { 2 } else { 1 });
    });
}
