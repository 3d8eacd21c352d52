//! Queues that many put messages into: a mailbox, a port that many receive from.
#![cfg(loom)]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use agent::{
    Call, Data, Errno, Exchange, Kept, Mailbox, Message, MessageId, Moment, Port, ReplyPort,
    SpinPort, Status, Wait, Watch, Woken,
};
use loom::{sync::Mutex, thread};
use models::{Body, Park, Target, model, once};

fn ask(port: &dyn Port<Body>) -> (Status, u32) {
    let mut call = Call::new(Body::new(1), Data::NONE);
    let status = call.run(port, &Park::new());
    (status, call.body().get())
}

const ANSWERED: (Status, u32) = (Status::OK, 2);

fn answer(mut kept: Kept<Body>) {
    let word = kept.body().get();
    kept.body_mut().set(word + 1);
    kept.done(Status::OK);
}

#[test]
fn a_receiver_who_sleeps_is_woken_for_what_is_put_in() {
    model(3, || {
        let (mailbox, receiver) = Mailbox::new(2);
        let port = mailbox.clone();
        let sender = thread::spawn(move || assert_eq!(ask(&*port), ANSWERED));
        answer(receiver.wait(&Park::new()));
        sender.join().unwrap();
        drop(mailbox);
    });
}

#[test]
fn what_two_senders_put_in_is_received_once_each() {
    model(1, || {
        let (mailbox, receiver) = Mailbox::new(2);
        let senders = [(); 2].map(|()| {
            let target: Target = mailbox.clone();
            thread::spawn(move || {
                let reply = once(|status, word| (status, word) == ANSWERED);
                Message::new(Body::new(1)).send(&target, &reply);
            })
        });
        let wait = Park::new();
        (0..2).for_each(|_| answer(receiver.wait(&wait)));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        drop(mailbox);
    });
}

/// Notes that a message was refused.
struct Refused(AtomicBool);

impl ReplyPort<Body> for Refused {
    fn reply(&self, message: Message<Body>) {
        let refused = message.status() == Errno::EAGAIN.into();
        assert!(refused || (message.status(), message.body().get()) == ANSWERED);
        self.0.store(refused, Relaxed);
    }
}

#[test]
fn slots_that_were_taken_are_filled_again_without_a_gap() {
    model(1, || {
        // Four slots, three of which are filled.
        let (mailbox, receiver) = Mailbox::new(3);
        let target: Target = mailbox.clone();
        let send = |target: &Target| {
            let refused = Arc::new(Refused(false.into()));
            let reply: Arc<dyn ReplyPort<Body>> = refused.clone();
            Message::new(Body::new(1)).send(target, &reply);
            refused.0.load(Relaxed)
        };
        (0..3).for_each(|_| assert!(!send(&target)));
        let senders = [(); 2].map(|()| {
            let target = target.clone();
            thread::spawn(move || send(&target))
        });
        let take = || answer(receiver.get().expect("it is there"));
        (0..3).for_each(|_| take());
        let refused = senders.map(|sender| sender.join().unwrap());
        // What was not refused is there, and nothing waits behind a slot that is not filled.
        refused.iter().filter(|refused| !**refused).for_each(|_| take());
        drop((mailbox, target));
    });
}

#[test]
fn a_receiver_who_sleeps_is_woken_for_what_has_priority() {
    model(3, || {
        let (mailbox, receiver) = Mailbox::new(1);
        let port = mailbox.clone();
        let sender = thread::spawn(move || {
            let mut call = Call::new(Body::new(1), Data::NONE).priority();
            assert_eq!((call.run(&*port, &Park::new()), call.body().get()), ANSWERED);
        });
        answer(receiver.wait(&Park::new()));
        sender.join().unwrap();
        drop(mailbox);
    });
}

#[test]
fn what_has_priority_is_answered_once_where_a_mailbox_closes() {
    model(3, || {
        let (mailbox, receiver) = Mailbox::new(1);
        let port = mailbox.clone();
        let sender = thread::spawn(move || {
            let mut call = Call::new(Body::new(1), Data::NONE).priority();
            assert_eq!(call.run(&*port, &Park::new()), Errno::ENODEV.into());
        });
        drop(receiver);
        sender.join().unwrap();
        drop(mailbox);
    });
}

#[test]
fn what_is_put_into_a_mailbox_that_closes_is_answered_once() {
    model(1, || {
        let (mailbox, receiver) = Mailbox::new(2);
        let senders = [(); 2].map(|()| {
            let port = mailbox.clone();
            thread::spawn(move || ask(&*port))
        });
        drop(receiver);
        for sender in senders {
            assert_eq!(sender.join().unwrap().0, Errno::ENODEV.into());
        }
        drop(mailbox);
    });
}

#[test]
fn one_of_two_receivers_is_woken_for_each_message() {
    model(2, || {
        let port = SpinPort::new(8);
        let receivers = [(); 2].map(|()| {
            let port = port.clone();
            thread::spawn(move || answer(port.wait(&Park::new()).unwrap()))
        });
        let target: Target = port.clone();
        let replies = [(); 2].map(|()| once(|status, word| (status, word) == ANSWERED));
        replies.iter().for_each(|reply| Message::new(Body::new(1)).send(&target, reply));
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    });
}

/// Its time is up once it has slept.
struct Briefly(Park, std::sync::atomic::AtomicBool);

impl Wait for Briefly {
    fn waker(&self) -> std::task::Waker {
        self.0.waker()
    }

    fn park(&self) -> Woken {
        self.0.park()
    }

    fn now(&self) -> Option<Moment> {
        Some(self.1.load(std::sync::atomic::Ordering::Relaxed).into())
    }

    fn park_until(&self, _: Moment) -> Woken {
        thread::yield_now();
        self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        Woken::Look
    }
}

#[test]
fn a_receiver_whose_time_is_up_leaves_messages_to_one_who_sleeps() {
    model(2, || {
        let port = SpinPort::new(8);
        let (patient, other) = (port.clone(), port.clone());
        let receiver =
            thread::spawn(move || patient.wait(&Park::new()).into_iter().for_each(answer));
        let sender = thread::spawn(move || assert_eq!(ask(&*other), ANSWERED));
        if let Some(kept) = port.wait_until(&Briefly(Park::new(), false.into()), 1) {
            answer(kept);
            port.close();
        }
        receiver.join().unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn receivers_of_a_port_that_closes_are_woken() {
    model(3, || {
        let port = SpinPort::<Body>::new(8);
        let receivers = [(); 2].map(|()| {
            let port = port.clone();
            thread::spawn(move || assert!(port.wait(&Park::new()).is_none()))
        });
        port.close();
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    });
}

#[test]
fn what_comes_to_a_port_that_closes_is_received_or_refused() {
    model(3, || {
        let port = SpinPort::new(8);
        let (receiving, sending) = (port.clone(), port.clone());
        let receiver = thread::spawn(move || {
            while let Some(kept) = receiving.wait(&Park::new()) {
                answer(kept);
            }
        });
        let sender = thread::spawn(move || ask(&*sending));
        port.close();
        let answer = sender.join().unwrap();
        assert!(answer == ANSWERED || answer.0 == Errno::ENODEV.into());
        receiver.join().unwrap();
    });
}

/// A receiver that is no thread: what it has taken, and whether it was told of the abort.
#[derive(Default)]
struct Table(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    kept: Option<Kept<Body>>,
    told: bool,
}

impl Watch for Table {
    fn queued(&self) {}

    fn aborted(&self, id: MessageId) {
        let taken = &mut *self.0.lock().unwrap();
        taken.told |= taken.kept.as_ref().is_some_and(|kept| kept.id() == id);
    }
}

#[test]
fn an_abort_of_what_is_being_taken_comes_to_who_takes_it() {
    model(3, || {
        let table = Arc::new(Table::default());
        let port = SpinPort::watched(8, table.clone());
        let mut message = Message::new(Body::new(1));
        let ticket = message.ticket();
        message
            .send(&(port.clone() as Target), &once(|status, _| status == Errno::ECANCELED.into()));
        let (taker, target) = (table.clone(), port.clone());
        let taker = thread::spawn(move || {
            let taken = &mut *taker.0.lock().unwrap();
            taken.kept = target.get();
            taken.told = taken.kept.as_ref().is_some_and(Kept::aborted);
        });
        ticket.abort();
        taker.join().unwrap();
        let Taken { kept, told } = std::mem::take(&mut *table.0.lock().unwrap());
        assert_eq!(kept.is_some(), told, "who has it knows");
        drop(kept);
    });
}
