//! Abort against reply, against forward, against hand-over, against a sender that lets go.
#![cfg(loom)]

use std::sync::{Arc, Mutex};

use agent::{
    Call, Data, Errno, Kept, Mailbox, Message, Neighbour, Origin, Outcome, Port, Request,
    Serialized, Status, Ticket,
};
use loom::{
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
    thread,
};
use models::{Alone, Body, Elsewhere, Interrupting, Shelf, Target, Then, block_on, model, once};

/// Has a thread abort the message as soon as it is under way; then goes on with the port below.
struct Aborted {
    tickets: Mutex<Vec<Ticket<Body>>>,
    lower: Target,
}

impl Aborted {
    fn over(lower: Target, tickets: Vec<Ticket<Body>>) -> Target {
        Arc::new(Aborted { tickets: Mutex::new(tickets), lower })
    }
}

impl Port<Body> for Aborted {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        for ticket in self.tickets.lock().unwrap().drain(..) {
            thread::spawn(move || ticket.abort());
        }
        request.pass(&*self.lower)
    }
}

/// Sends a message that is aborted meanwhile, by so many. No reply at all is a leak.
fn send_and_abort(lower: Target, aborters: usize, check: fn(Status, u32) -> bool) {
    let mut message = Message::new(Body::new(1));
    let tickets = (0..aborters).map(|_| message.ticket()).collect();
    message.send(&Aborted::over(lower, tickets), &once(check));
}

/// Begins a message that is kept, and aborted meanwhile. No reply at all is a leak.
fn begin_and_abort(lower: Target, check: fn(Status, u32) -> bool) {
    let port = Neighbour::new(lower, 0);
    let back = Message::new(Body::new(1)).begin(None, &port, |ticket| {
        thread::spawn(move || ticket.abort());
        once(check)
    });
    assert!(back.is_none());
}

fn is_aborted(status: Status, word: u32) -> bool {
    (status, word) == (Errno::ECANCELED.into(), 1)
}

fn is_either(status: Status, word: u32) -> bool {
    is_aborted(status, word) || (status, word) == (Status::OK, 2)
}

#[test]
fn an_abort_against_a_reply_leaves_one_reply() {
    model(3, || send_and_abort(Arc::new(Elsewhere::answers()), 1, is_either));
}

#[test]
fn an_abort_against_the_hand_over_comes_to_the_keeper() {
    // Nothing but the abort ends the message.
    model(3, || send_and_abort(Arc::new(Shelf::new()), 1, is_aborted));
}

#[test]
fn an_abort_against_a_message_that_is_begun_comes_to_its_keeper() {
    // Nothing but the abort ends the message.
    model(3, || begin_and_abort(Arc::new(Shelf::new()), is_aborted));
}

#[test]
fn an_abort_against_the_reply_to_a_message_that_is_begun_leaves_one_reply() {
    model(3, || begin_and_abort(Arc::new(Elsewhere::answers()), is_either));
}

#[test]
fn two_aborts_of_one_send_come_to_the_keeper_once() {
    model(2, || send_and_abort(Arc::new(Shelf::new()), 2, is_aborted));
}

/// Gives what comes to another keeper, from a thread of its own. Lets aborts be.
struct Onward(Target);

impl Port<Body> for Onward {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Body>) {
        let to = self.0.clone();
        thread::spawn(move || kept.forward(&to));
    }
}

#[test]
fn an_abort_against_a_forward_comes_to_the_keeper_that_has_the_message() {
    // Nothing but the abort ends the message.
    model(2, || send_and_abort(Arc::new(Onward(Arc::new(Shelf::new()))), 1, is_aborted));
}

#[test]
fn an_abort_against_a_forward_against_a_reply_leaves_one_reply() {
    model(2, || send_and_abort(Arc::new(Onward(Arc::new(Elsewhere::answers()))), 1, is_either));
}

#[test]
fn a_future_that_is_dropped_against_a_reply_is_freed_once() {
    model(3, || {
        let target: Target = Arc::new(Elsewhere::answers());
        drop(Message::new(Body::new(1)).ask(&target));
    });
}

#[test]
fn a_dropped_future_against_another_abort_against_a_reply_is_freed_once() {
    model(2, || {
        let mut message = Message::new(Body::new(1));
        let target = Aborted::over(Arc::new(Elsewhere::answers()), vec![message.ticket()]);
        drop(message.ask(&target));
    });
}

#[test]
fn a_caller_who_is_interrupted_has_the_reply() {
    model(3, || {
        let mut call = Call::new(Body::new(1), Data::NONE);
        assert_eq!(call.run(&Elsewhere::answers(), &Interrupting::new()), Status::OK);
        assert_eq!(call.body().get(), 2);
    });
}

#[test]
fn a_caller_who_is_interrupted_ends_what_waits_for_nothing_else() {
    model(3, || {
        let shelf = Shelf::new();
        let mut call = Call::new(Body::new(1), Data::NONE);
        assert_eq!(call.run(&shelf, &Interrupting::new()), Errno::ECANCELED.into());
    });
}

#[test]
fn a_message_aborted_in_a_mailbox_is_not_received() {
    model(3, || {
        let (mailbox, receiver) = Mailbox::new(8);
        let target: Target = mailbox;
        let pending = Message::new(Body::new(1)).ask(&target);
        let gone = Arc::new(AtomicBool::new(false));
        let seen = gone.clone();
        let receiving = thread::spawn(move || {
            let gone = seen.load(Acquire);
            if let Some(kept) = receiver.get() {
                assert!(!gone, "received after it was aborted");
                kept.done(Status::OK);
            }
        });
        pending.abort();
        gone.store(true, Release);
        block_on(pending);
        receiving.join().unwrap();
    });
}

#[test]
fn a_message_that_is_sent_again_does_not_go_by_its_last_abort() {
    model(2, || {
        let first: Target = Arc::new(Serialized::new(Alone::new(|_| Then::Shelve, None)));
        let then: Target = Arc::new(Elsewhere::answers());
        let pending = Message::new(Body::new(1)).ask(&first);
        pending.abort();
        let mut message = block_on(pending);
        let second = Aborted::over(then, vec![message.ticket()]);
        // Nobody asks a port any more that is gone.
        drop(first);
        message.send(&second, &once(is_either));
    });
}
