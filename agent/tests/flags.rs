//! What a sender may say about a message, and what it can ask: done, priority, receipt, droppable.

mod common;

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use agent::{
    Bytes, Call, Data, Discard, Errno, Exchange, Inbox, Mailbox, Message, PortStats, ReplyPort,
    Serialized, SpinPort, Status, ThreadPort,
};
use common::{
    Bell, DONE, DOWN, Entry, HOLD, Inline, KEEP, Keeper, Park, Single, Target, Trail, block_on,
    tower, until, watched,
};

type Guarded = Arc<Serialized<Trail, Single>>;

fn guarded(lower: Target, limit: usize) -> Guarded {
    Arc::new(Serialized::new(Single::over(lower)).with_limit(limit))
}

/// Has a thread sit inside the driver.
fn hold(port: &Guarded) -> JoinHandle<Status> {
    let holder = thread::spawn({
        let port = port.clone();
        move || Call::new(vec![HOLD], Data::NONE).run(&*port, &Park)
    });
    port.inner().wait_held();
    holder
}

fn release(port: &Guarded, holder: JoinHandle<Status>) {
    port.inner().let_go();
    assert_eq!(holder.join().unwrap(), Status::OK);
}

#[test]
fn a_ticket_says_whether_its_send_is_over() {
    let (keeper, inbox) = (Keeper::new(), Inbox::new(8));
    let port: Target = keeper.clone();
    let mut message = Message::new(Trail::new());
    let ticket = message.ticket();
    assert!(!ticket.is_begun() && !ticket.is_done(), "not sent yet");
    assert!(inbox.send(message, &port).is_ok());
    assert!(ticket.is_begun() && !ticket.is_done(), "away");
    keeper.next().done(Status::OK);
    assert!(ticket.is_done(), "back, and not got yet");
    let mut message = inbox.get().unwrap();
    let second = message.ticket();
    assert!(inbox.send(message, &port).is_ok());
    assert!(ticket.is_done() && !second.is_done(), "each is of one send");
    keeper.next().done(Status::OK);
    assert!(second.is_done());
}

#[test]
fn a_message_tells_a_request_from_what_waits_for_no_reply() {
    let keeper = Keeper::new();
    let pending = Message::new(Trail::new()).ask(&(keeper.clone() as Target));
    let kept = keeper.next();
    assert!(!kept.waits());
    drop(kept);
    drop(pending);
    watched(|| {
        let keeper = Keeper::new();
        thread::scope(|scope| {
            scope.spawn(|| Call::new(Trail::new(), Data::NONE).run(&*keeper, &Park));
            assert!(keeper.next().waits());
        });
    });
}

#[test]
fn what_has_priority_enters_a_busy_driver_first() {
    watched(|| {
        let port = guarded(Arc::new(Inline), 64);
        let inbox = Inbox::new(64);
        let holder = hold(&port);
        for number in 1..=4 {
            let mut message = Message::new(vec![DONE, number]);
            message.set_priority(number == 3);
            assert!(inbox.send(message, &(port.clone() as Target)).is_ok());
        }
        thread::scope(|scope| {
            scope.spawn(|| Call::new(vec![DONE, 5], Data::NONE).priority().run(&*port, &Park));
            until(|| port.stats().queued == 5);
            release(&port, holder);
        });
        let order = [3, 5, 1, 2, 4].map(Entry::Begin);
        assert_eq!(port.inner().entries_after_hold(), order);
    });
}

#[test]
fn a_receipt_comes_once_for_each_queue_and_not_where_the_message_is_completed_inline() {
    watched(|| {
        let (inbox, bell) = (Inbox::new(8), Bell::new());
        let mut message = Message::new(vec![DONE, 1]);
        message.set_receipt(Some(bell.waker()));
        let idle = guarded(Arc::new(Inline), 8);
        for port in [Arc::new(Inline) as Target, idle] {
            assert!(inbox.send(message, &port).is_ok());
            message = inbox.get().unwrap();
        }
        assert_eq!(bell.rings(), 0);
        let (mailbox, receiver) = Mailbox::new(8);
        assert!(inbox.send(message, &(mailbox as Target)).is_ok());
        assert_eq!(bell.rings(), 1);
        let shared = SpinPort::new(8);
        receiver.get().unwrap().forward(&(shared.clone() as Target));
        assert_eq!(bell.rings(), 2);
        let busy = guarded(Arc::new(Inline), 8);
        let holder = hold(&busy);
        shared.get().unwrap().forward(&(busy.clone() as Target));
        assert_eq!(bell.rings(), 3);
        release(&busy, holder);
        let mut message = inbox.get().unwrap();
        assert_eq!(bell.rings(), 3);
        // A thread's port queues everything.
        let thread = Arc::new(ThreadPort::new(Inline));
        assert!(inbox.send(message, &(thread.clone() as Target)).is_ok());
        assert_eq!(bell.rings(), 4);
        thread.close();
        thread.run(&Park);
        message = inbox.get().unwrap();
        message.set_receipt(None);
        assert!(inbox.send(message, &(shared.clone() as Target)).is_ok());
        assert_eq!(bell.rings(), 4);
        drop(shared.get());
    });
}

#[test]
fn a_completion_that_waits_for_its_layer_is_no_receipt() {
    watched(|| {
        let (keeper, bell) = (Keeper::new(), Bell::new());
        let port = guarded(keeper.clone(), 8);
        let mut message = Message::new(vec![DOWN, 1]);
        message.set_receipt(Some(bell.waker()));
        let below = message.ask(&(port.clone() as Target));
        let holder = hold(&port);
        keeper.next().done(Status::OK);
        release(&port, holder);
        assert_eq!(block_on(below).status(), Status::OK);
        assert_eq!(bell.rings(), 0);
    });
}

#[test]
fn a_refused_message_gives_no_receipt() {
    let (inbox, bell) = (Inbox::new(8), Bell::new());
    let (mailbox, receiver) = Mailbox::new(0);
    let closed = SpinPort::new(8);
    closed.close();
    let mut message = Message::new(Trail::new());
    message.set_receipt(Some(bell.waker()));
    for port in [mailbox as Target, closed] {
        assert!(inbox.send(message, &port).is_ok());
        message = inbox.get().unwrap();
    }
    drop(receiver);
    assert_eq!(bell.rings(), 0);
}

#[test]
fn a_serialized_port_drops_only_what_waits_and_may_be_dropped() {
    watched(|| {
        let port = guarded(Arc::new(Inline), 8);
        // The layer above hears of it, as of every end.
        let target = tower(1, port.clone());
        let inbox = Inbox::new(8);
        let holder = hold(&port);
        let mut message = Message::new(vec![DONE, 1]);
        message.set_data(Bytes::Sink(vec![5; 2]));
        let (droppable, firm) = (message.droppable(), Message::new(vec![DONE, 2]));
        let (id, other) = (droppable.id(), firm.id());
        assert_eq!(port.drop_message(id), Err(Errno::ENOENT));
        assert!(inbox.send_droppable(droppable, &target).is_ok());
        assert!(inbox.send(firm, &target).is_ok());
        assert_eq!(port.drop_message(other), Err(Errno::ENOENT));
        assert_eq!(port.drop_message(id), Ok(()));
        assert_eq!(port.drop_message(id), Err(Errno::ENOENT));
        let mut back = inbox.get().unwrap();
        assert!(back.was_dropped() && *back.body() == [DONE, 1, 1]);
        assert!(matches!(back.take_data(), Bytes::Sink(room) if room == [5; 2]));
        release(&port, holder);
        assert_eq!(port.inner().entries_after_hold(), [Entry::Begin(2)]);
        assert!(!inbox.get().unwrap().was_dropped());
    });
}

#[test]
fn a_thread_port_drops_what_waits() {
    let port = Arc::new(ThreadPort::new(Inline));
    let inbox = Inbox::new(8);
    let droppable = Message::new(Trail::new()).droppable();
    let id = droppable.id();
    assert!(inbox.send_droppable(droppable, &(port.clone() as Target)).is_ok());
    assert_eq!(port.drop_message(id), Ok(()));
    assert!(inbox.get().unwrap().was_dropped());
}

#[test]
fn what_came_back_may_not_be_dropped_the_next_time() {
    let (port, inbox) = (SpinPort::new(8), Inbox::new(8));
    let target: Target = port.clone();
    let droppable = Message::new(Trail::new()).droppable();
    let id = droppable.id();
    assert!(inbox.send_droppable(droppable, &target).is_ok());
    port.get().unwrap().done(Status::OK);
    // It is a message like any other now, and so somebody may wait for it.
    let pending = inbox.get().unwrap().ask(&target);
    assert_eq!(port.drop_message(id), Err(Errno::ENOENT));
    port.get().unwrap().done(Status::OK);
    assert!(!pending.try_take().ok().unwrap().was_dropped());
    let kept_back = Message::new(Trail::new()).droppable().into_message();
    let id = kept_back.id();
    assert!(inbox.send(kept_back, &target).is_ok());
    assert_eq!(port.drop_message(id), Err(Errno::ENOENT));
    port.close();
    drop(port.get());
}

#[test]
fn a_port_that_discards_replies_frees_them() {
    let (keeper, discard) = (Keeper::new(), Arc::new(Discard) as Arc<dyn ReplyPort<Trail>>);
    let target: Target = keeper.clone();
    let weak = Arc::downgrade(&keeper);
    Message::new(Trail::new()).send(&target, &discard);
    Message::new(Trail::new()).droppable().send(&(Arc::new(Inline) as Target), &discard);
    let kept = keeper.next();
    drop((keeper, target));
    assert!(weak.upgrade().is_some());
    kept.done(Status::OK);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_port_counts_what_came_to_it() {
    watched(|| {
        let keeper = Keeper::new();
        let port = guarded(keeper.clone(), 2);
        let target: Target = port.clone();
        let ask = |body: Trail| Message::new(body).ask(&target);
        assert_eq!(port.stats(), PortStats::default());
        // Each comes in to be begun, and what is kept, there or below it, to be taken.
        let kept = ask(vec![KEEP, 1]);
        let below = ask(vec![DOWN, 2]);
        let mut expected = PortStats { inline: 4, ..PortStats::default() };
        assert_eq!(port.stats(), expected);
        kept.abort();
        expected.inline += 1;
        assert_eq!(port.stats(), expected, "an abort is an entry too");
        let holder = hold(&port);
        expected.inline += 1;
        let waiting = [ask(vec![DONE, 3]), ask(vec![DONE, 4])];
        let refused = ask(vec![DONE, 5]);
        keeper.next().done(Status::OK);
        expected = PortStats { queued: 3, refused: 1, longest: 3, ..expected };
        assert_eq!(port.stats(), expected);
        waiting[0].abort();
        expected.cancelled = 1;
        release(&port, holder);
        assert_eq!(port.stats(), expected);
        assert_eq!(block_on(refused).status(), Errno::EAGAIN.into());
        assert_eq!(block_on(below).status(), Status::OK);
    });
}

#[test]
fn a_call_waits_in_line_where_a_send_is_pushed_back() {
    watched(|| {
        let port = guarded(Arc::new(Inline), 0);
        let holder = hold(&port);
        let sent = Message::new(vec![DONE, 1]).ask(&(port.clone() as Target));
        assert_eq!(sent.try_take().ok().unwrap().status(), Errno::EAGAIN.into());
        thread::scope(|scope| {
            let call = scope.spawn(|| Call::new(vec![DONE, 2], Data::NONE).run(&*port, &Park));
            until(|| port.stats().queued == 1);
            release(&port, holder);
            assert_eq!(call.join().unwrap(), Status::OK);
        });
        assert_eq!(port.inner().entries_after_hold(), [Entry::Begin(2)]);
        assert_eq!(port.stats().refused, 1);
    });
}
