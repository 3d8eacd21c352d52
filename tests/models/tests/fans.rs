//! Fan-out: a parent ends once, when the last of its children is back.
#![cfg(loom)]

use std::sync::Arc;

use agent::{Came, Child, Fan};
use agent::{Errno, Message, Outcome, Port, Request, Saved, Status};
use models::{Body, Elsewhere, Shelf, Target, model, once};

/// Sends two children, one to each port.
struct Two {
    fan: Fan<Body>,
    lower: [Target; 2],
}

impl Two {
    fn over(lower: [Target; 2]) -> Target {
        Arc::new(Two { fan: Fan::new(), lower })
    }
}

impl Port<Body> for Two {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        let child = |port: &'s Target| Child { port: &**port, body: Body::new(1), range: 0..0 };
        self.fan.forward(request, self, self.lower.iter().map(child), add, [0; 3])
    }

    fn up<'s>(&'s self, request: Request<'s, Body>, s: Status, _: Saved) -> Outcome<'s, Body> {
        request.done(s)
    }
}

fn add(parent: &mut Body, before: Status, child: Came<'_, Body>) -> Status {
    parent.set(parent.get() + child.body.get());
    if before.is_ok() { child.status } else { before }
}

#[test]
fn a_parent_ends_once_when_its_children_are_back() {
    model(2, || {
        let lower = [(); 2].map(|()| Arc::new(Elsewhere::answers()) as Target);
        let reply = once(|status, word| (status, word) == (Status::OK, 4));
        Message::new(Body::new(0)).send(&Two::over(lower), &reply);
    });
}

#[test]
fn an_abort_of_a_parent_comes_to_its_children() {
    // Nothing but the abort ends the second child.
    model(2, || {
        let two = Two::over([Arc::new(Elsewhere::answers()), Arc::new(Shelf::new())]);
        let reply = once(|status, _| status == Errno::ECANCELED.into());
        let mut message = Message::new(Body::new(0));
        let ticket = message.ticket();
        message.send(&two, &reply);
        ticket.abort();
    });
}

/// Answers what its sender is said to want no more.
struct Cancels;

impl Port<Body> for Cancels {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        request.done(Errno::ECANCELED)
    }
}

#[test]
fn after_a_child_that_is_cancelled_none_is_begun() {
    // Nothing would end the second child.
    model(2, || {
        let two = Two::over([Arc::new(Cancels), Arc::new(Shelf::new())]);
        let reply = once(|status, _| status == Errno::ECANCELED.into());
        Message::new(Body::new(0)).send(&two, &reply);
    });
}
