//! A thread port: its thread sleeps, works, and goes away while messages arrive.
#![cfg(loom)]

use std::sync::Arc;

use agent::{
    Call, Data, Errno, Exchange, Message, MessageId, Outcome, Port, Request, Spin, Status,
    ThreadPort, Wait,
};
use loom::{
    sync::{Mutex, Notify},
    thread::{self, ThreadId},
};
use models::{Alone, Body, Park, Target, block_on, model};

fn ask(port: &dyn Port<Body>) -> Status {
    Call::new(Body::new(1), Data::NONE).run(port, &Park::new())
}

/// Fails where it is begun on another thread than the port's.
struct Own {
    thread: ThreadId,
    driver: Alone,
}

impl Port<Body> for Own {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        assert_eq!(thread::current().id(), self.thread, "begun in its sender's context");
        self.driver.begin(request)
    }
}

/// A port whose thread is this one.
fn port() -> Arc<ThreadPort<Body, Own>> {
    Arc::new(ThreadPort::new(Own { thread: thread::current().id(), driver: Alone::answers() }))
}

/// A caller beside the port's thread, who closes the port when it has its answer.
fn call_and_close(wait: impl Wait) {
    let port = port();
    let caller = port.clone();
    let calling = thread::spawn(move || {
        assert_eq!(ask(&*caller), Status::OK);
        caller.close();
    });
    port.run(&wait);
    calling.join().unwrap();
}

#[test]
fn a_thread_that_sleeps_is_woken_for_a_message_and_for_the_end() {
    model(3, || call_and_close(Park::new()));
}

#[test]
fn a_thread_that_looks_finds_a_message_and_the_end() {
    model(3, || call_and_close(Spin));
}

#[test]
fn messages_that_arrive_while_the_port_closes_are_answered_once() {
    model(2, || {
        let port = port();
        let (caller, closer) = (port.clone(), port.clone());
        let calling = thread::spawn(move || {
            let status = ask(&*caller);
            assert!([Status::OK, Errno::ENODEV.into()].contains(&status));
        });
        let closing = thread::spawn(move || closer.close());
        port.run(&Park::new());
        calling.join().unwrap();
        closing.join().unwrap();
    });
}

#[test]
fn a_message_is_taken_out_of_the_queue_or_is_worked_on() {
    model(2, || {
        let port = port();
        let sender = port.clone();
        let sending = thread::spawn(move || {
            let target: Target = sender.clone();
            let pending = Message::new(Body::new(1)).ask(&target);
            pending.abort();
            let message = block_on(pending);
            let word = if message.status() == Status::OK { 2 } else { 1 };
            assert_eq!(message.body().get(), word);
            sender.close();
        });
        port.run(&Park::new());
        sending.join().unwrap();
    });
}

/// Waits with each message until that is aborted, as an agent at a boundary does.
struct Waits {
    with: Mutex<Option<MessageId>>,
    bell: Notify,
}

impl Port<Body> for Waits {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        *self.with.lock().unwrap() = Some(request.id());
        if !request.is_aborted() {
            self.bell.wait();
        }
        *self.with.lock().unwrap() = None;
        request.done(Errno::ECANCELED)
    }

    fn interrupt(&self, id: MessageId) {
        if *self.with.lock().unwrap() == Some(id) {
            self.bell.notify();
        }
    }
}

#[test]
fn an_abort_comes_to_a_message_whether_it_is_queued_or_waited_with() {
    // Nothing but the abort ends the message.
    model(2, || {
        let inside = Waits { with: Mutex::new(None), bell: Notify::new() };
        let port = Arc::new(ThreadPort::new(inside));
        let asked = port.clone();
        let asking = thread::spawn(move || {
            let target: Target = asked.clone();
            let pending = Message::new(Body::new(1)).ask(&target);
            pending.abort();
            assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
            asked.close();
        });
        port.run(&Park::new());
        asking.join().unwrap();
    });
}
