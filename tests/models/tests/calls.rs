//! A message that is kept and comes back: a caller who looks, one who sleeps, a future.
#![cfg(loom)]

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use agent::{Call, Data, Message, Port, Spin, Status, Wait};
use models::{Body, Elsewhere, Park, Target, block_on, model};

fn ask(port: &dyn Port<Body>, wait: &dyn Wait) {
    let mut call = Call::new(Body::new(1), Data::NONE);
    assert_eq!(call.run(port, wait), Status::OK);
    assert_eq!(call.body().get(), 2);
}

#[test]
fn a_caller_who_looks_has_what_the_keeper_wrote() {
    model(3, || ask(&Elsewhere::answers(), &Spin));
}

#[test]
fn a_caller_who_sleeps_is_woken_and_has_what_the_keeper_wrote() {
    model(3, || ask(&Elsewhere::answers(), &Park::new()));
}

#[test]
fn a_caller_who_looks_and_then_sleeps_is_woken() {
    model(3, || ask(&Elsewhere::answers(), &Park::after(1)));
}

#[test]
fn a_future_is_woken_by_the_waker_that_was_left_last() {
    model(3, || {
        let target: Target = std::sync::Arc::new(Elsewhere::answers());
        let mut pending = Message::new(Body::new(1)).ask(&target);
        let first = Park::new();
        let poll = Pin::new(&mut pending).poll(&mut Context::from_waker(&first.waker()));
        let message = match poll {
            Poll::Ready(message) => message,
            Poll::Pending => block_on(pending),
        };
        assert_eq!((message.status(), message.body().get()), (Status::OK, 2));
    });
}

#[test]
fn a_future_without_a_waker_is_taken_when_it_is_back() {
    model(3, || {
        let target: Target = std::sync::Arc::new(Elsewhere::answers());
        let mut pending = Message::new(Body::new(1)).ask(&target);
        let message = loop {
            match pending.try_take() {
                Ok(message) => break message,
                Err(again) => pending = again,
            }
            loom::thread::yield_now();
        };
        assert_eq!((message.status(), message.body().get()), (Status::OK, 2));
    });
}
