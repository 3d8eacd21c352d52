//! An inbox: replies come in while its owner gets them, sleeps, or is gone.
#![cfg(loom)]

use std::sync::Arc;

use agent::{Inbox, Message, ReplyPort, Spin, Status};
use models::{Body, Elsewhere, Park, Target, model};

fn target() -> Target {
    Arc::new(Elsewhere::answers())
}

fn send(inbox: &Inbox<Body>, target: &Target) {
    assert!(inbox.send(Message::new(Body::new(1)), target).is_ok());
}

fn check(message: &Message<Body>) {
    assert_eq!((message.status(), message.body().get()), (Status::OK, 2));
}

#[test]
fn an_owner_who_looks_has_what_the_repliers_wrote() {
    model(3, || {
        let (inbox, target) = (Inbox::new(2), target());
        (0..2).for_each(|_| send(&inbox, &target));
        (0..2).for_each(|_| check(&inbox.wait(&Spin)));
        assert_eq!(inbox.outstanding(), 0);
    });
}

#[test]
fn an_owner_who_sleeps_is_woken_for_each_reply() {
    model(1, || {
        let (inbox, target) = (Inbox::new(2), target());
        (0..2).for_each(|_| send(&inbox, &target));
        let wait = Park::new();
        (0..2).for_each(|_| check(&inbox.wait(&wait)));
    });
}

#[test]
fn an_owner_waits_for_one_message_and_leaves_the_other() {
    model(1, || {
        let (inbox, target) = (Inbox::new(2), target());
        send(&inbox, &target);
        let mut message = Message::new(Body::new(1));
        let ticket = message.ticket();
        assert!(inbox.send(message, &target).is_ok());
        let wait = Park::new();
        check(&inbox.wait_for(&ticket, &wait));
        check(&inbox.wait(&wait));
    });
}

#[test]
fn a_full_inbox_has_room_again_for_what_was_got() {
    model(3, || {
        let (inbox, target) = (Inbox::new(1), target());
        send(&inbox, &target);
        let message = inbox.send(Message::new(Body::new(1)), &target).unwrap_err();
        let wait = Park::new();
        check(&inbox.wait(&wait));
        assert!(inbox.send(message, &target).is_ok());
        check(&inbox.wait(&wait));
    });
}

#[test]
fn replies_to_an_inbox_that_is_gone_are_freed() {
    model(3, || {
        let (inbox, target) = (Inbox::new(2), target());
        (0..2).for_each(|_| send(&inbox, &target));
        drop(inbox.get());
    });
}

#[test]
fn replies_to_the_port_of_an_inbox_that_is_gone_are_freed() {
    model(2, || {
        let inbox = Inbox::new(1);
        let reply: Arc<dyn ReplyPort<Body>> = inbox.reply_port();
        Message::new(Body::new(1)).send(&target(), &reply);
        drop(reply);
        drop(inbox);
    });
}
