//! The inbox: what is sent comes back there, asynchronously in every case.

mod common;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use agent::{Bytes, Exchange, Inbox, Kept, Message, Outcome, Port, Request, Status};
use common::{Clock, Inline, Keeper, Never, Park, Target, Trail, watched};

fn numbered(number: u32) -> Message<Trail> {
    Message::new(vec![number])
}

fn number(message: &Message<Trail>) -> u32 {
    message.body()[0]
}

fn all(inbox: &Inbox<Trail>) -> Vec<u32> {
    std::iter::from_fn(|| inbox.get()).map(|message| number(&message)).collect()
}

#[test]
fn a_send_that_is_completed_inline_is_queued_and_not_returned() {
    let inbox = Inbox::new(8);
    let port: Target = Arc::new(Inline);
    let right = inbox.right(port.clone());
    assert!(inbox.send(numbered(1), &port).is_ok());
    assert!(right.send(numbered(2)).is_ok());
    assert!(inbox.send_droppable(numbered(3).droppable(), &port).is_ok());
    assert_eq!(inbox.outstanding(), 3);
    let back = inbox.get().unwrap();
    assert_eq!((number(&back), back.status()), (1, Status::ok(1)));
    assert_eq!(inbox.outstanding(), 2);
    assert_eq!(all(&inbox), [2, 3]);
    assert_eq!(inbox.outstanding(), 0);
}

#[test]
fn a_send_that_is_kept_goes_on_and_comes_back_late() {
    let (inbox, keeper) = (Inbox::new(8), Keeper::new());
    let right = inbox.right(keeper.clone());
    assert!(right.send(numbered(1)).is_ok());
    assert!(inbox.get().is_none());
    keeper.next().done(Status::ok(9));
    // What is back needs no wait.
    assert_eq!(inbox.wait(&Never).status(), Status::ok(9));
}

#[test]
fn a_wait_for_any_takes_what_is_back_first() {
    watched(|| {
        let (inbox, keeper) = (Inbox::new(8), Keeper::new());
        for n in 1..=3 {
            assert!(inbox.send(numbered(n), &(keeper.clone() as Target)).is_ok());
        }
        let (first, second) = (keeper.next(), keeper.next());
        thread::scope(|scope| {
            scope.spawn(|| second.done(Status::OK));
            assert_eq!(number(&inbox.wait(&Park)), 2);
        });
        drop(first);
        assert_eq!(number(&inbox.wait(&Park)), 1);
        keeper.next().done(Status::OK);
        assert_eq!(all(&inbox), [3]);
    });
}

#[test]
fn a_wait_for_one_leaves_the_others_where_they_are() {
    watched(|| {
        let (inbox, keeper) = (Inbox::new(8), Keeper::new());
        let (port, held): (Target, Target) = (Arc::new(Inline), keeper.clone());
        let mut wanted = numbered(9);
        let ticket = wanted.ticket();
        assert!(inbox.send(numbered(1), &port).is_ok());
        assert!(inbox.send(wanted, &held).is_ok());
        assert!(inbox.send(numbered(2), &port).is_ok());
        thread::scope(|scope| {
            scope.spawn(|| keeper.next().done(Status::OK));
            assert_eq!(number(&inbox.wait_for(&ticket, &Park)), 9);
        });
        assert!(ticket.is_done());
        assert_eq!(all(&inbox), [1, 2]);
    });
}

#[test]
fn what_has_priority_comes_out_first() {
    let (inbox, keeper) = (Inbox::new(8), Keeper::new());
    for n in 1..=4 {
        let mut message = numbered(n);
        message.set_priority(n > 2);
        assert!(inbox.send(message, &(keeper.clone() as Target)).is_ok());
    }
    (0..4).for_each(|_| keeper.next().done(Status::OK));
    assert_eq!(all(&inbox), [3, 4, 1, 2]);
}

#[test]
fn past_the_limit_a_message_is_returned_untouched_and_replies_are_never_refused() {
    let (inbox, keeper) = (Inbox::new(2), Keeper::new());
    let port: Target = keeper.clone();
    let right = inbox.right(port.clone());
    (1..=2).for_each(|n| assert!(right.send(numbered(n)).is_ok()));
    let mut full = numbered(3);
    full.set_data(Bytes::Source(vec![7; 3]));
    let mut again = right.send(full).expect_err("full");
    assert_eq!(number(&again), 3);
    assert!(matches!(again.take_data(), Bytes::Source(data) if data == [7; 3]));
    assert!(inbox.send_droppable(again.droppable(), &port).is_err());
    // What others send comes in beyond the limit.
    numbered(4).send(&(Arc::new(Inline) as Target), &inbox.reply_port());
    (0..2).for_each(|_| keeper.next().done(Status::OK));
    assert_eq!(all(&inbox), [4, 1, 2]);
    assert!(right.send(numbered(5)).is_ok());
    drop(keeper.next());
}

#[test]
fn a_wait_until_a_moment_ends_then_and_the_message_still_comes() {
    let (inbox, keeper) = (Inbox::new(8), Keeper::new());
    let clock = Clock::at(5);
    assert!(inbox.send(numbered(1), &(keeper.clone() as Target)).is_ok());
    assert!(inbox.wait_until(&clock, 10).is_none());
    assert!(inbox.wait_until(&clock, 10).is_none());
    keeper.next().done(Status::OK);
    // What is back is got even when the moment is over.
    assert_eq!(inbox.wait_until(&clock, 3).map(|message| number(&message)), Some(1));
}

/// A body that notes when it is freed.
struct Noted(Arc<AtomicUsize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Keeps messages of that body.
#[derive(Default)]
struct Keeps(std::sync::Mutex<Vec<Kept<Noted>>>);

impl Keeps {
    fn take_all(&self) -> Vec<Kept<Noted>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Port<Noted> for Keeps {
    fn begin<'s>(&'s self, request: Request<'s, Noted>) -> Outcome<'s, Noted> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Noted>) {
        self.0.lock().unwrap().push(kept);
    }
}

/// Sends two messages from an inbox, one of them by a right, and drops it.
fn away(freed: &Arc<AtomicUsize>) -> (Weak<Keeps>, Weak<Keeps>, Vec<Kept<Noted>>) {
    let (by_right, by_message) = (Arc::new(Keeps::default()), Arc::new(Keeps::default()));
    let inbox = Inbox::new(8);
    let message = || Message::new(Noted(freed.clone()));
    assert!(inbox.right(by_right.clone()).send(message()).is_ok());
    assert!(inbox.send(message(), &(by_message.clone() as Arc<dyn Port<Noted>>)).is_ok());
    let kept = [by_right.take_all(), by_message.take_all()].into_iter().flatten().collect();
    (Arc::downgrade(&by_right), Arc::downgrade(&by_message), kept)
}

#[test]
fn what_comes_back_to_a_dropped_inbox_is_freed_and_lets_its_port_go() {
    let freed = Arc::new(AtomicUsize::new(0));
    let (by_right, by_message, mut kept) = away(&freed);
    assert_eq!(freed.load(Ordering::SeqCst), 0);
    assert!(by_right.upgrade().is_some() && by_message.upgrade().is_some());
    kept.pop().unwrap().done(Status::OK);
    assert_eq!(freed.load(Ordering::SeqCst), 1);
    assert!(by_right.upgrade().is_some() && by_message.upgrade().is_none());
    kept.pop().unwrap().done(Status::OK);
    assert_eq!(freed.load(Ordering::SeqCst), 2);
    assert!(by_right.upgrade().is_none());
}

#[test]
fn what_is_back_when_an_inbox_is_dropped_is_freed_with_it() {
    let freed = Arc::new(AtomicUsize::new(0));
    let port = Arc::new(Keeps::default());
    let weak = Arc::downgrade(&port);
    let inbox = Inbox::new(8);
    let others = inbox.reply_port();
    assert!(inbox.right(port.clone()).send(Message::new(Noted(freed.clone()))).is_ok());
    Message::new(Noted(freed.clone())).send(&(port.clone() as Arc<dyn Port<Noted>>), &others);
    port.take_all().into_iter().for_each(|kept| kept.done(Status::OK));
    drop(port);
    assert_eq!(freed.load(Ordering::SeqCst), 0);
    drop(inbox);
    assert_eq!(freed.load(Ordering::SeqCst), 2);
    drop(others);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_right_keeps_its_port_alive_as_long_as_the_inbox() {
    let keeper = Keeper::new();
    let weak = Arc::downgrade(&keeper);
    let inbox = Inbox::new(8);
    assert!(inbox.right(keeper.clone()).send(numbered(1)).is_ok());
    let kept = keeper.next();
    drop(keeper);
    assert_eq!(kept.body()[0], 1);
    kept.done(Status::OK);
    assert_eq!(all(&inbox), [1]);
    assert!(weak.upgrade().is_some());
    drop(inbox);
    assert!(weak.upgrade().is_none());
}
