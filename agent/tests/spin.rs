//! The spin port: many receivers.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    thread,
};

use agent::{
    Bytes, Call, Data, Errno, Exchange, Inbox, Message, MessageId, SpinPort, Status, Wait, Watch,
    Woken,
};
use common::{Bell, Clock, Never, Park, Target, Trail, until, watched};

type Shared = Arc<SpinPort<Trail>>;

fn numbered(number: u32) -> Message<Trail> {
    Message::new(vec![number])
}

fn send(inbox: &Inbox<Trail>, port: &Shared, number: u32) {
    assert!(inbox.send(numbered(number), &(port.clone() as Target)).is_ok());
}

#[test]
fn many_receivers_get_each_message_once() {
    const MESSAGES: u32 = if cfg!(miri) { 20 } else { 2000 };
    watched(|| {
        let port: Shared = SpinPort::new(usize::MAX);
        let got: Vec<_> = (0..MESSAGES).map(|_| AtomicUsize::new(0)).collect();
        let inbox = Inbox::new(usize::MAX);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(kept) = port.wait(&Park) {
                        let number = kept.body()[0];
                        got[number as usize].fetch_add(1, Ordering::SeqCst);
                        kept.done(Status::ok(number as usize));
                    }
                });
            }
            (0..MESSAGES).for_each(|number| send(&inbox, &port, number));
            for _ in 0..MESSAGES {
                let back = inbox.wait(&Park);
                assert_eq!(back.status(), Status::ok(back.body()[0] as usize));
            }
            port.close();
        });
        assert!(got.iter().all(|times| times.load(Ordering::SeqCst) == 1));
    });
}

#[test]
fn messages_come_in_order_those_with_priority_first() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    (1..=2).for_each(|number| send(&inbox, &port, number));
    let mut urgent = numbered(9);
    urgent.set_priority(true);
    assert!(inbox.send(urgent, &(port.clone() as Target)).is_ok());
    assert_eq!((port.len(), port.is_empty()), (3, false));
    let order: Vec<_> = std::iter::from_fn(|| port.get()).map(|kept| kept.body()[0]).collect();
    assert_eq!(order, [9, 1, 2]);
}

#[test]
fn a_full_port_pushes_back_on_a_send_and_lets_a_call_wait() {
    watched(|| {
        let (port, inbox) = (SpinPort::new(2), Inbox::new(8));
        (1..=3).for_each(|number| send(&inbox, &port, number));
        let refused = inbox.get().expect("the third comes back at once");
        assert_eq!((refused.body()[0], refused.status()), (3, Errno::EAGAIN.into()));
        thread::scope(|scope| {
            let call = scope.spawn(|| Call::new(vec![4], Data::NONE).run(&*port, &Park));
            until(|| port.len() == 3);
            for number in [1, 2, 4] {
                let kept = port.wait(&Never).unwrap();
                assert_eq!(kept.body()[0], number);
                kept.done(Status::ok(number as usize));
            }
            assert_eq!(call.join().unwrap(), Status::ok(4));
        });
    });
}

#[test]
fn a_closed_port_gives_what_waits_then_nothing_and_takes_no_more() {
    watched(|| {
        let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
        let (sleeper, spinner) = (port.clone(), port.clone());
        let sleeper = thread::spawn(move || sleeper.wait(&Park).is_none());
        let spinner = thread::spawn(move || spinner.wait(&agent::Spin).is_none());
        port.close();
        assert!(sleeper.join().unwrap() && spinner.join().unwrap());
        send(&inbox, &port, 1);
        assert_eq!(inbox.get().unwrap().status(), Errno::ENODEV.into());
        let port = SpinPort::new(8);
        (1..=2).for_each(|number| send(&inbox, &port, number));
        port.close();
        assert_eq!(port.wait(&Never).unwrap().body()[0], 1);
        assert_eq!(port.wait_until(&Never, 0).unwrap().body()[0], 2);
        assert!(port.wait(&Park).is_none());
    });
}

/// Looks again, and does something meanwhile.
struct Looking<F>(F);

impl<F: Fn()> Wait for Looking<F> {
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        unreachable!("it always looks again")
    }

    fn look_again(&self, _: u32) -> bool {
        (self.0)();
        true
    }
}

#[test]
fn what_came_before_the_close_is_got_by_who_has_just_looked() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    let wait = Looking(|| {
        send(&inbox, &port, 1);
        port.close();
    });
    assert_eq!(port.wait(&wait).expect("it waits").body()[0], 1);
}

#[test]
fn what_its_sender_no_longer_wants_leaves_the_queue_at_once() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    let (mut first, mut second) = (numbered(1), numbered(2));
    let tickets = [first.ticket(), second.ticket()];
    for message in [first, second] {
        assert!(inbox.send(message, &(port.clone() as Target)).is_ok());
    }
    tickets[0].abort();
    let back = inbox.get().unwrap();
    assert_eq!((back.body()[0], back.status()), (1, Errno::ECANCELED.into()));
    // One that a receiver has is only marked.
    let kept = port.get().unwrap();
    tickets[1].abort();
    assert!(kept.aborted() && inbox.get().is_none());
}

#[test]
fn what_waits_may_be_dropped_and_only_what_may() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    let mut message = numbered(1);
    message.set_data(Bytes::Source(b"data".to_vec()));
    let (droppable, other) = (message.droppable(), numbered(2));
    let (id, firm) = (droppable.id(), other.id());
    assert_eq!(port.drop_message(id), Err(Errno::ENOENT));
    assert!(inbox.send_droppable(droppable, &(port.clone() as Target)).is_ok());
    assert!(inbox.send(other, &(port.clone() as Target)).is_ok());
    assert_eq!(port.drop_message(firm), Err(Errno::ENOENT));
    assert_eq!((port.drop_message(id), port.len()), (Ok(()), 1));
    let mut back = inbox.get().unwrap();
    assert!(back.was_dropped());
    assert!(matches!(back.take_data(), Bytes::Source(data) if data == b"data"));
    drop(port.get());
}

/// Rings a bell instead of a thread, and does something while it sleeps.
struct Sleeper<F>(Arc<Bell>, F);

impl<F: Fn()> Wait for Sleeper<F> {
    fn waker(&self) -> Waker {
        self.0.waker()
    }

    fn park(&self) -> Woken {
        (self.1)();
        Woken::Look
    }
}

#[test]
fn each_message_wakes_one_sleeper() {
    let (port, inbox, bell) = (SpinPort::new(8), Inbox::new(8), Bell::new());
    let others = Bell::new();
    let wait = Sleeper(bell.clone(), || {
        let second = Sleeper(others.clone(), || (1..=3).for_each(|n| send(&inbox, &port, n)));
        assert_eq!(port.wait(&second).unwrap().body()[0], 1);
    });
    assert_eq!(port.wait(&wait).unwrap().body()[0], 2);
    assert_eq!((bell.rings(), others.rings()), (1, 1));
    drop(port.get());
}

#[test]
fn one_that_has_given_up_waiting_takes_no_wake_up_from_others() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    assert!(port.wait_until(&Clock::at(5), 10).is_none());
    let bell = Bell::new();
    let wait = Sleeper(bell.clone(), || {
        send(&inbox, &port, 1);
        assert_eq!(bell.rings(), 1, "the message came, and who sleeps was not woken");
    });
    assert!(port.wait(&wait).is_some());
}

#[test]
fn one_that_was_woken_in_vain_sleeps_again_and_is_woken_again() {
    let (port, inbox, bell) = (SpinPort::new(8), Inbox::new(8), Bell::new());
    let wait = Sleeper(bell.clone(), || {
        send(&inbox, &port, 1);
        if bell.rings() == 1 {
            drop(port.get());
        }
    });
    assert!(port.wait(&wait).is_some());
    assert_eq!(bell.rings(), 2);
}

/// Notes what it is told.
#[derive(Default)]
struct Notes {
    queued: AtomicUsize,
    aborted: std::sync::Mutex<Vec<MessageId>>,
}

impl Watch for Notes {
    fn queued(&self) {
        self.queued.fetch_add(1, Ordering::SeqCst);
    }

    fn aborted(&self, id: MessageId) {
        self.aborted.lock().unwrap().push(id);
    }
}

#[test]
fn a_watch_is_told_of_what_is_queued_and_of_aborts_of_what_was_taken() {
    let notes = Arc::new(Notes::default());
    let (port, inbox) = (SpinPort::watched(1, notes.clone()), Inbox::new(8));
    let (mut first, mut second) = (numbered(1), numbered(2));
    let tickets = [first.ticket(), second.ticket()];
    let ids = [first.id(), second.id()];
    assert!(inbox.send(first, &(port.clone() as Target)).is_ok());
    let kept = port.get().unwrap();
    assert!(inbox.send(second, &(port.clone() as Target)).is_ok());
    send(&inbox, &port, 3);
    assert_eq!(inbox.get().unwrap().status(), Errno::EAGAIN.into());
    assert_eq!(notes.queued.load(Ordering::SeqCst), 2, "what is refused is not queued");
    let copies = tickets.clone();
    tickets.iter().chain(&copies).for_each(agent::Ticket::abort);
    assert_eq!(*notes.aborted.lock().unwrap(), [ids[0]], "once, and not of what waited");
    assert_eq!(inbox.get().unwrap().id(), ids[1]);
    kept.done(Status::OK);
    assert!(tickets.iter().chain(&copies).all(agent::Ticket::is_done));
    assert_eq!(inbox.get().unwrap().id(), ids[0]);
}

#[test]
fn what_a_receiver_does_not_want_yet_stays_first() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    assert!(matches!(port.get_if(|_| true), Ok(None)));
    (1..=2).for_each(|number| send(&inbox, &port, number));
    assert!(port.get_if(|body| body[0] == 2).is_err());
    assert_eq!(port.len(), 2);
    let kept = port.get_if(|body| body[0] == 1).unwrap().unwrap();
    assert_eq!((kept.body()[0], port.len()), (1, 1));
    drop(kept);
    port.abandon();
    assert_eq!(std::iter::from_fn(|| inbox.get()).count(), 2);
}
