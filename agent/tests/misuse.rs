//! Uses that are mistakes of the program, and who may forward.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use agent::{
    Call, Data, Errno, Inbox, Message, PanicPort, Port, ReplyPort, Serialized, Spin, SpinPort,
    Status,
};
use common::{Inline, Keeper, Target, Trail, tower};

/// What a panic says.
fn panic_of(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("it panics");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn each_use_of_a_panic_port_is_named_in_the_panic() {
    let port = PanicPort("disk 7");
    let call = || assert!(Call::new(Trail::new(), Data::NONE).run(&port, &Spin).is_ok());
    assert!(panic_of(call).contains("\"disk 7\""));
    let replies: Arc<dyn ReplyPort<Trail>> = Arc::new(PanicPort("nobody's replies"));
    let reply = || Message::new(Trail::new()).send(&(Arc::new(Inline) as Target), &replies);
    assert!(panic_of(reply).contains("\"nobody's replies\""));
}

#[test]
fn a_message_sent_to_a_panic_port_comes_back_all_the_same() {
    let inbox = Inbox::new(1);
    let port: Target = Arc::new(PanicPort("disk 7"));
    let send = || drop(inbox.send(Message::new(vec![4]), &port));
    assert!(panic_of(send).contains("\"disk 7\""));
    let back = inbox.get().unwrap();
    assert_eq!((back.status(), &**back.body()), (Errno::EIO.into(), &[4][..]));
    assert!(inbox.send(back, &(Arc::new(Inline) as Target)).is_ok(), "there is room again");
}

#[test]
fn only_the_holder_forwards_and_the_reply_port_stays() {
    let (first, second, third) = (Keeper::new(), Keeper::new(), Keeper::new());
    let (inbox, other) = (Inbox::new(8), Inbox::<Trail>::new(8));
    let mut message = Message::new(Trail::new());
    let ticket = message.ticket();
    assert!(inbox.send(message, &tower(1, first.clone())).is_ok());
    first.next().forward(&(second.clone() as Target));
    assert_eq!((first.len(), second.len()), (0, 1));
    second.next().forward(&tower(2, third.clone()));
    assert!(inbox.get().is_none() && other.get().is_none() && !ticket.is_done());
    ticket.abort();
    // Only the one that has it now is asked.
    let aborts = [&first, &second, &third].map(|k| k.aborts.load(Ordering::SeqCst));
    assert_eq!(aborts, [0, 0, 1]);
    third.next().done(Status::ok(1));
    let back = inbox.get().unwrap();
    assert_eq!((back.status(), &**back.body()), (Status::ok(4), &[1, 2, 1][..]));
}

#[test]
fn a_forward_to_a_port_that_completes_at_once_replies_at_once() {
    let keeper = Keeper::new();
    let pending = Message::new(vec![1, 2]).ask(&(keeper.clone() as Target));
    keeper.next().forward(&tower(1, Arc::new(Inline)));
    assert_eq!(pending.try_take().ok().unwrap().status(), Status::ok(3));
}

#[test]
fn a_message_that_a_queue_did_not_keep_itself_is_refused_with_einval() {
    let keeper = Keeper::new();
    let target: Target = keeper.clone();
    let (shared, idle) = (SpinPort::new(8), Serialized::new(Inline));
    for port in [&*shared as &dyn Port<Trail>, &idle] {
        let pending = Message::new(Trail::new()).ask(&target);
        port.take(keeper.next());
        assert_eq!(pending.try_take().ok().unwrap().status(), Errno::EINVAL.into());
    }
    assert!(shared.is_empty());
}

#[test]
fn an_abort_of_an_id_that_is_not_known_is_no_error() {
    let (port, shared) = (Serialized::new(Inline), SpinPort::<Trail>::new(8));
    let id = Message::new(Trail::new()).id();
    Port::<Trail>::abort(&port, id);
    shared.abort(id);
    assert_eq!(Call::new(vec![1], Data::NONE).run(&port, &Spin), Status::ok(1));
}

#[test]
fn an_abort_is_asked_for_once_and_not_after_the_reply() {
    let keeper = Keeper::new();
    let mut message = Message::new(Trail::new());
    let ticket = message.ticket();
    let pending = message.ask(&(keeper.clone() as Target));
    pending.abort();
    pending.abort();
    ticket.abort();
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    keeper.next().done(Errno::ECANCELED);
    ticket.abort();
    pending.abort();
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
    assert_eq!(pending.try_take().ok().unwrap().status(), Errno::ECANCELED.into());
}
