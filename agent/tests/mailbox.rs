//! The mailbox: a thread's port.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    thread,
};

use agent::{
    Bytes, Call, Data, Errno, Exchange, Inbox, Mailbox, Message, Receiver, Status, Wait, Woken,
};
use common::{Bell, Clock, Keeper, Never, Park, Target, Trail, block_on, until, watched};

fn mailbox(limit: usize) -> (Target, Receiver<Trail>) {
    let (mailbox, receiver) = Mailbox::new(limit);
    (mailbox, receiver)
}

fn numbered(number: u32) -> Message<Trail> {
    Message::new(vec![number])
}

fn send(inbox: &Inbox<Trail>, port: &Target, number: u32) {
    assert!(inbox.send(numbered(number), port).is_ok());
}

#[test]
fn messages_come_in_order_those_with_priority_first() {
    let (port, receiver) = mailbox(8);
    let inbox = Inbox::new(8);
    assert!(receiver.is_empty() && receiver.get().is_none());
    (1..=2).for_each(|number| send(&inbox, &port, number));
    assert_eq!(receiver.get().unwrap().body()[0], 1);
    // Also before what the owner has seen already.
    let mut urgent = numbered(9);
    urgent.set_priority(true);
    send(&inbox, &port, 3);
    assert!(inbox.send(urgent, &port).is_ok());
    assert_eq!(receiver.len(), 3);
    let order: Vec<_> = std::iter::from_fn(|| receiver.get()).map(|kept| kept.body()[0]).collect();
    assert_eq!(order, [9, 2, 3]);
}

#[test]
fn a_put_from_another_thread_wakes_the_owner() {
    watched(|| {
        let (port, receiver) = mailbox(8);
        let owner = thread::spawn(move || receiver.wait(&Park).done(Status::ok(6)));
        assert_eq!(block_on(numbered(1).ask(&port)).status(), Status::ok(6));
        owner.join().unwrap();
    });
}

/// Rings a bell instead of a thread; a message comes while it sleeps.
struct Sleeper<F>(Arc<Bell>, F);

impl<F: Fn()> Wait for Sleeper<F> {
    fn waker(&self) -> Waker {
        self.0.waker()
    }

    fn park(&self) -> Woken {
        assert_eq!(self.0.rings(), 0, "woken, but there was nothing");
        (self.1)();
        Woken::Look
    }
}

#[test]
fn only_the_first_message_for_a_sleeper_wakes_it() {
    let (port, receiver) = mailbox(8);
    let (inbox, bell) = (Inbox::new(8), Bell::new());
    let wait = Sleeper(bell.clone(), || (1..=3).for_each(|number| send(&inbox, &port, number)));
    assert_eq!(receiver.wait(&wait).body()[0], 1);
    assert_eq!(bell.rings(), 1);
    // No sleeper, no wake-up.
    send(&inbox, &port, 4);
    assert_eq!(bell.rings(), 1);
}

#[test]
fn a_full_mailbox_pushes_back_on_a_send_and_lets_a_call_wait() {
    watched(|| {
        let (port, receiver) = mailbox(2);
        let inbox = Inbox::new(8);
        (1..=3).for_each(|number| send(&inbox, &port, number));
        let refused = inbox.get().expect("the third comes back at once");
        assert_eq!((refused.body()[0], refused.status()), (3, Errno::EAGAIN.into()));
        thread::scope(|scope| {
            let call = scope.spawn(|| Call::new(vec![4], Data::NONE).run(&*port, &Park));
            until(|| receiver.len() == 3);
            for number in [1, 2, 4] {
                let kept = receiver.wait(&Never);
                assert_eq!(kept.body()[0], number);
                kept.done(Status::ok(number as usize));
            }
            assert_eq!(call.join().unwrap(), Status::ok(4));
        });
        // There is room again, whether or not the owner has looked.
        send(&inbox, &port, 5);
        assert_eq!(receiver.get().unwrap().body()[0], 5);
    });
}

#[test]
fn a_call_that_found_no_room_comes_after_what_was_there_and_is_not_kept_waiting() {
    watched(|| {
        let (port, receiver) = mailbox(8);
        let inbox = Inbox::new(64);
        (1..=8).for_each(|number| send(&inbox, &port, number));
        thread::scope(|scope| {
            let call = scope.spawn(|| Call::new(vec![100], Data::NONE).run(&*port, &Park));
            until(|| receiver.len() == 9);
            // For each that is got another one is sent, and still the call has its turn.
            let mut order = Vec::new();
            while order.last() != Some(&100) {
                order.push(receiver.wait(&Never).body()[0]);
                send(&inbox, &port, 50);
            }
            assert_eq!(order[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
            assert!(order.len() <= 8 + 8 + 1, "{order:?}");
            assert_eq!(call.join().unwrap(), Errno::ECANCELED.into());
        });
    });
}

#[test]
fn what_is_dropped_from_the_middle_leaves_the_order_and_gives_its_room_back() {
    let (port, receiver) = mailbox(3);
    let inbox = Inbox::new(8);
    send(&inbox, &port, 1);
    let droppable = numbered(2).droppable();
    let id = droppable.id();
    assert!(inbox.send_droppable(droppable, &port).is_ok());
    send(&inbox, &port, 3);
    receiver.drop_message(id).unwrap();
    assert!(inbox.get().unwrap().was_dropped());
    assert_eq!(receiver.drop_message(id), Err(Errno::ENOENT));
    (4..=5).for_each(|number| send(&inbox, &port, number));
    assert_eq!(inbox.get().unwrap().status(), Errno::EAGAIN.into());
    let order: Vec<_> = std::iter::from_fn(|| receiver.get()).map(|kept| kept.body()[0]).collect();
    assert_eq!(order, [1, 3, 4]);
}

#[test]
fn what_waits_ahead_of_the_owner_counts_for_the_limit() {
    let (port, receiver) = mailbox(3);
    let inbox = Inbox::new(8);
    (1..=3).for_each(|number| send(&inbox, &port, number));
    drop(receiver.get());
    assert_eq!(inbox.get().unwrap().body()[0], 1);
    // Two are with the owner now, and one more has room.
    (4..=5).for_each(|number| send(&inbox, &port, number));
    let refused = inbox.get().unwrap();
    assert_eq!((refused.body()[0], refused.status()), (5, Errno::EAGAIN.into()));
}

#[test]
fn when_the_receiver_goes_what_waits_and_what_comes_is_answered_enodev() {
    let (port, receiver) = mailbox(8);
    let inbox = Inbox::new(8);
    (1..=3).for_each(|number| send(&inbox, &port, number));
    let kept = receiver.get().unwrap();
    drop(receiver);
    send(&inbox, &port, 4);
    let ends: Vec<_> =
        std::iter::from_fn(|| inbox.get()).map(|m| (m.body()[0], m.status())).collect();
    let gone: Status = Errno::ENODEV.into();
    assert_eq!(ends, [(2, gone), (3, gone), (4, gone)]);
    assert_eq!(Call::new(vec![5], Data::NONE).run(&*port, &Park), gone);
    // What was got before is its holder's still.
    kept.done(Status::ok(1));
    assert_eq!(inbox.get().unwrap().status(), Status::ok(1));
}

#[test]
fn a_wait_until_a_moment_ends_then() {
    let (port, receiver) = mailbox(8);
    let clock = Clock::at(5);
    assert!(receiver.wait_until(&clock, 10).is_none());
    let inbox = Inbox::new(8);
    send(&inbox, &port, 1);
    assert_eq!(receiver.wait_until(&clock, 3).unwrap().body()[0], 1);
}

#[test]
fn what_its_sender_no_longer_wants_is_not_got_but_answered_ecanceled() {
    let (port, receiver) = mailbox(8);
    let (unwanted, wanted) = (numbered(1).ask(&port), numbered(2).ask(&port));
    unwanted.abort();
    assert_eq!(receiver.get().unwrap().body()[0], 2);
    assert_eq!(unwanted.try_take().ok().unwrap().status(), Errno::ECANCELED.into());
    assert_eq!(wanted.try_take().ok().unwrap().status(), Errno::ECANCELED.into());
}

#[test]
fn a_message_that_was_got_and_forwarded_is_aborted_where_it_is() {
    let (port, receiver) = mailbox(8);
    let keeper = Keeper::obedient();
    let pending = numbered(1).ask(&port);
    receiver.get().unwrap().forward(&(keeper.clone() as Target));
    pending.abort();
    assert_eq!(pending.try_take().ok().unwrap().status(), Errno::ECANCELED.into());
}

/// Waits as a thread that a signal comes to once the flag is set.
struct Signalled<'a>(&'a AtomicBool);

impl Wait for Signalled<'_> {
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        thread::yield_now();
        if self.0.load(Ordering::SeqCst) { Woken::Interrupted } else { Woken::Look }
    }
}

#[test]
fn an_interrupted_caller_still_waits_for_the_owner_to_answer() {
    watched(|| {
        let (port, receiver) = mailbox(8);
        let signal = AtomicBool::new(false);
        let wait = Signalled(&signal);
        thread::scope(|scope| {
            let call = scope.spawn(|| Call::new(vec![1], Data::NONE).run(&*port, &wait));
            let kept = receiver.wait(&Park);
            assert!(!kept.aborted());
            signal.store(true, Ordering::SeqCst);
            until(|| kept.aborted());
            (0..1000).for_each(|_| thread::yield_now());
            assert!(!call.is_finished());
            kept.done(Status::ok(8));
            assert_eq!(call.join().unwrap(), Status::ok(8));
        });
    });
}

#[test]
fn the_owner_may_drop_what_waits_and_only_what_may_be_dropped() {
    let (port, receiver) = mailbox(8);
    let inbox = Inbox::new(8);
    let mut message = numbered(1);
    message.set_data(Bytes::Source(b"data".to_vec()));
    let (droppable, other) = (message.droppable(), numbered(2));
    let (id, firm) = (droppable.id(), other.id());
    assert_eq!(receiver.drop_message(id), Err(Errno::ENOENT));
    assert!(inbox.send_droppable(droppable, &port).is_ok());
    assert!(inbox.send(other, &port).is_ok());
    assert_eq!(receiver.drop_message(firm), Err(Errno::ENOENT));
    assert_eq!(receiver.drop_message(id), Ok(()));
    assert_eq!(receiver.drop_message(id), Err(Errno::ENOENT));
    let mut back = inbox.get().unwrap();
    assert!(back.was_dropped() && back.body()[0] == 1);
    assert!(matches!(back.take_data(), Bytes::Source(data) if data == b"data"));
    // The other one still waits, and what is sent again was not dropped.
    receiver.get().unwrap().done(Status::OK);
    assert!(!inbox.get().unwrap().was_dropped());
    assert!(inbox.send(back, &port).is_ok());
    receiver.get().unwrap().done(Status::OK);
    assert!(!inbox.get().unwrap().was_dropped());
}
