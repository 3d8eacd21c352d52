//! Messages that are given away: replies, futures, aborts, containment.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use agent::{
    Bytes, Call, Contained, Counts, Data, Errno, Exchange, Inbox, Kept, Message, MessageId, Meter,
    Neighbour, Origin, Outcome, Port, ReplyPort, Request, Saved, Serialized, Spin, Status,
};
use common::{Inline, Keeper, Layer, Park, Target, Trail, Unwinds, Up, block_on, tower};

type Queue = (Inbox<Trail>, Arc<dyn ReplyPort<Trail>>);

fn queue() -> Queue {
    let queue = Inbox::new(usize::MAX);
    let replies = queue.reply_port();
    (queue, replies)
}

fn message() -> Message<Trail> {
    Message::new(Trail::new())
}

/// Fills the room with the name.
struct Fills;

impl Port<Trail> for Fills {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let name = request.name(1).map(<[u8]>::to_vec).unwrap_or_default();
        let filled = request.fill(0, &name);
        request.done(filled.map(|()| name.len()))
    }
}

#[test]
fn an_inline_reply_is_queued_by_the_send_itself() {
    let (queue, replies) = queue();
    let mut sent = message();
    sent.set_data(Bytes::Sink(vec![0; 3]));
    sent.set_names([b"a".to_vec(), b"xyz".to_vec(), b"dropped".to_vec()]);
    sent.send(&(Arc::new(Fills) as Target), &replies);
    let mut back = queue.get().unwrap();
    assert!(queue.get().is_none());
    assert_eq!(back.status(), Status::ok(3));
    assert_eq!(back.counts(), Counts { messages: 1, looks: 1, ..Counts::default() });
    assert!(matches!(back.take_data(), Bytes::Sink(room) if room == b"xyz"));
}

#[test]
fn a_late_reply_wakes_who_waits_and_the_message_can_be_sent_again() {
    let keeper = Keeper::new();
    let port = tower(2, keeper.clone());
    let (queue, replies) = queue();
    let mut sent = message();
    for round in 1..4 {
        sent.body_mut().clear();
        sent.send(&port, &replies);
        sent = thread::scope(|scope| {
            scope.spawn(|| keeper.next().done(Status::ok(round)));
            queue.wait(&Park)
        });
        assert_eq!((sent.status(), &**sent.body()), (Status::ok(round + 2), &[1, 2][..]));
    }
}

#[test]
fn a_message_keeps_its_port_alive_until_the_reply_and_no_longer() {
    let keeper = Keeper::new();
    let weak: Weak<Keeper> = Arc::downgrade(&keeper);
    let (queue, replies) = queue();
    message().send(&(keeper.clone() as Target), &replies);
    let kept = keeper.next();
    drop(keeper);
    assert!(weak.upgrade().is_some());
    kept.done(Status::OK);
    assert!(weak.upgrade().is_none());
    assert!(queue.get().is_some());
}

#[test]
fn a_future_gives_the_message_back_at_once_or_late() {
    assert_eq!(block_on(message().ask(&(Arc::new(Inline) as Target))).status(), Status::OK);
    let keeper = Keeper::new();
    let pending = message().ask(&tower(1, keeper.clone()));
    let late = thread::spawn(move || keeper.next().done(Status::OK));
    assert_eq!(block_on(pending).status(), Status::ok(1));
    late.join().unwrap();
}

/// Frees itself noticeably.
#[derive(Clone)]
struct Noted(Arc<AtomicUsize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Keeps one message of any body.
struct One<B: 'static>(std::sync::Mutex<Option<Kept<B>>>, AtomicUsize);

impl<B: Send + 'static> Port<B> for One<B> {
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<B>) {
        *self.0.lock().unwrap() = Some(kept);
    }

    fn abort(&self, _: MessageId) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_future_aborts_its_message_which_is_freed_once_it_is_back() {
    let freed = Arc::new(AtomicUsize::new(0));
    let one = Arc::new(One(std::sync::Mutex::new(None), AtomicUsize::new(0)));
    let port: Arc<dyn Port<Noted>> = one.clone();
    drop(Message::new(Noted(freed.clone())).ask(&port));
    assert_eq!(one.1.load(Ordering::SeqCst), 1);
    assert_eq!(freed.load(Ordering::SeqCst), 0);
    let kept = one.0.lock().unwrap().take().unwrap();
    assert!(kept.aborted());
    kept.done(Status::OK);
    assert_eq!(freed.load(Ordering::SeqCst), 1);
}

#[test]
fn a_ticket_is_good_for_one_send_while_it_is_away() {
    let keeper = Keeper::new();
    let port: Target = keeper.clone();
    let (queue, replies) = queue();
    let (first, early) = {
        let mut sent = message();
        let tickets = (sent.ticket(), sent.ticket());
        tickets.0.abort(); // not sent: nothing to abort
        sent.send(&port, &replies);
        tickets
    };
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 0);
    first.abort();
    early.abort(); // asked already
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    keeper.next().done(Status::ok(7));
    let back = queue.get().unwrap();
    assert_eq!(back.status(), Status::ok(7));
    first.abort(); // back
    back.send(&port, &replies);
    first.abort(); // sent again
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    assert!(!keeper.next().aborted());
}

#[test]
fn a_ticket_of_a_message_that_is_begun_and_completed_at_once_says_so() {
    let port = Neighbour::new(Arc::new(Inline), 0);
    let mut sent = message();
    let ticket = sent.ticket();
    assert!(!ticket.is_done());
    let back = sent.begin(Some(&mut Origin::root()), &port, |_| unreachable!("it is not kept"));
    assert!(back.is_some() && ticket.is_done());
}

#[test]
fn a_message_that_came_back_aborted_is_not_aborted_when_it_is_sent_again() {
    struct Looks;
    impl Port<Trail> for Looks {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            let status = if request.is_aborted() { Errno::EIO.into() } else { Status::OK };
            request.done(status)
        }
    }
    let (keeper, inbox) = (Keeper::new(), Inbox::new(1));
    let mut sent = message();
    let ticket = sent.ticket();
    assert!(inbox.send(sent, &(keeper.clone() as Target)).is_ok());
    ticket.abort();
    keeper.next().done(Errno::ECANCELED);
    let back = inbox.get().unwrap();
    assert!(inbox.send(back, &(Arc::new(Looks) as Target)).is_ok());
    assert_eq!(inbox.get().unwrap().status(), Status::OK);
}

#[test]
fn an_abort_follows_its_message_through_forwards() {
    let (first, second) = (Keeper::new(), Keeper::obedient());
    let pending = message().ask(&tower(1, first.clone()));
    first.next().forward(&tower(1, second.clone()));
    pending.abort();
    assert_eq!(first.aborts.load(Ordering::SeqCst), 0);
    assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
}

#[test]
fn an_aborted_message_that_is_kept_again_comes_back_cancelled() {
    let (first, second) = (Keeper::new(), Keeper::new());
    let mut layer = Layer::over(1, first.clone());
    (layer.other, layer.up) = (Some(second.clone() as Target), Up::Keep);
    let pending = message().ask(&(Arc::new(layer) as Target));
    pending.abort();
    first.next().done(Status::OK);
    assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
    assert_eq!(second.len(), 0);
}

#[test]
fn rows_of_a_meter_come_back_with_the_message() {
    let keeper = Keeper::new();
    let (queue, replies) = queue();
    let mut sent = message();
    sent.set_meter(Some(Meter::new(3, || 0)));
    sent.send(&tower(1, keeper.clone()), &replies);
    keeper.next().done(Status::OK);
    let meter = queue.get().unwrap().set_meter(None).unwrap();
    // The tower's one layer leads to row 2.
    assert_eq!(meter.rows()[2].counts.messages, 1);
}

/// Panics where it is told to.
struct Panics {
    lower: Arc<Keeper>,
    begin: bool,
    up: bool,
}

impl Port<Trail> for Panics {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let _ = request.narrow(1..2);
        if self.begin && request.body().is_empty() {
            let _kept = request.forward(self, &*self.lower, [0; 3]);
            panic!("on purpose");
        }
        request.forward(self, &*self.lower, [0; 3])
    }

    fn up<'s>(&'s self, request: Request<'s, Trail>, s: Status, _: Saved) -> Outcome<'s, Trail> {
        assert!(!self.up, "on purpose");
        request.done(s)
    }
}

#[test]
fn a_driver_that_panics_is_not_entered_again_and_its_neighbours_go_on() {
    let keeper = Keeper::new();
    let driver = Panics { lower: keeper.clone(), begin: true, up: false };
    let port = Serialized::contained(driver, Arc::new(Unwinds));
    let mut call = Call::new(Trail::new(), Data::source(b"abc"));
    assert_eq!(call.run(&port, &Spin), Errno::EIO.into());
    assert!(port.has_failed());
    assert_eq!(Call::new(vec![1], Data::NONE).run(&port, &Spin), Errno::EIO.into());
    assert_eq!(keeper.len(), 0);
    let pending = message().ask(&(keeper.clone() as Target));
    keeper.next().done(Status::ok(5));
    assert_eq!(block_on(pending).status(), Status::ok(5));
}

#[test]
fn a_late_completion_that_panics_gives_eio_to_the_layers_above() {
    let keeper = Keeper::new();
    let driver = Panics { lower: keeper.clone(), begin: false, up: true };
    let host: Target = Arc::new(Contained::new(driver, Arc::new(Unwinds)));
    let pending = message().ask(&tower(1, host));
    keeper.next().done(Status::OK);
    let back = block_on(pending);
    assert_eq!((back.status(), &**back.body()), (Errno::EIO.into(), &[1][..]));
}

#[test]
fn a_message_whose_target_unwinds_comes_back_with_eio() {
    let (queue, replies) = queue();
    let driver = Panics { lower: Keeper::new(), begin: true, up: false };
    let target = tower(1, Arc::new(driver));
    let send = AssertUnwindSafe(|| message().send(&target, &replies));
    assert!(catch_unwind(send).is_err());
    let back = queue.get().unwrap();
    assert_eq!(back.status(), Errno::EIO.into());
    back.send(&(Arc::new(Inline) as Target), &replies);
    assert_eq!(queue.get().unwrap().status(), Status::OK);
}
