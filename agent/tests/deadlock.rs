//! Rule 8: a call that would wait for its own chain is told so at once; what is sent is queued.

mod common;

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use agent::{
    Call, Contained, Data, Errno, Exchange, Inbox, Kept, Message, Neighbour, Outcome, Port,
    ReplyPort, Request, Serialized, Status, ThreadPort,
};
use common::{Inline, Keeper, Park, Target, Trail, Unwinds, block_on, until, watched};

fn ask(port: &dyn Port<Trail>) -> Status {
    Call::new(Trail::new(), Data::NONE).run(port, &Park)
}

/// The port that a driver is told of later, and until its test is over: the way leads back to it.
#[derive(Default)]
struct Next(Mutex<Option<Target>>);

impl Next {
    fn set(&self, port: Target) {
        *self.0.lock().unwrap() = Some(port);
    }

    fn get(&self) -> Target {
        self.0.lock().unwrap().clone().expect("set")
    }

    fn clear(&self) {
        assert!(self.0.lock().unwrap().take().is_some());
    }
}

/// Calls the port that it is given, once told which, on behalf of the message that it got.
#[derive(Default)]
struct Calls {
    next: Next,
    heard: Mutex<Vec<Status>>,
}

impl Calls {
    fn calling(next: Target) -> Calls {
        Calls { next: Next(Some(next).into()), ..Calls::default() }
    }
}

impl Port<Trail> for Calls {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let edge = Neighbour::new(self.next.get(), 1);
        let mut origin = request.origin();
        let mut call = Call::new(Trail::new(), Data::NONE);
        let status = edge.call(&mut origin, &Park, &mut call);
        request.rejoin(origin);
        self.heard.lock().unwrap().push(status);
        request.done(status)
    }
}

/// Runs a test beside the threads of two thread ports.
fn with_threads<P, Q>(
    (first, second): (&ThreadPort<Trail, P>, &ThreadPort<Trail, Q>),
    test: impl FnOnce(),
) where
    P: Port<Trail> + 'static,
    Q: Port<Trail> + 'static,
{
    thread::scope(|scope| {
        scope.spawn(|| first.run(&Park));
        scope.spawn(|| second.run(&Park));
        test();
        first.close();
        second.close();
    });
}

#[test]
fn a_call_that_comes_back_to_a_thread_by_way_of_another_is_answered_edeadlk() {
    watched(|| {
        let first = Arc::new(ThreadPort::new(Calls::default()));
        let second = Arc::new(ThreadPort::new(Calls::calling(first.clone())));
        first.inner().next.set(second.clone());
        with_threads((&first, &second), || {
            // Both stay usable: the second round ends as the first.
            for _ in 0..2 {
                assert_eq!(ask(&*first), Errno::EDEADLK.into());
                assert_eq!(ask(&*second), Errno::EDEADLK.into());
            }
        });
        let refused: Status = Errno::EDEADLK.into();
        assert_eq!(*second.inner().heard.lock().unwrap(), [refused; 4]);
        first.inner().next.clear();
    });
}

#[test]
fn a_call_that_comes_back_to_a_serialized_port_from_a_thread_is_answered_edeadlk() {
    watched(|| {
        let first = Arc::new(Serialized::new(Calls::default()));
        let contained = Calls::calling(first.clone());
        let second = Arc::new(ThreadPort::contained(contained, Arc::new(Unwinds)));
        let inline: Target =
            Arc::new(Contained::new(Calls::calling(second.clone()), Arc::new(Unwinds)));
        first.inner().next.set(inline);
        let idle = ThreadPort::new(Inline);
        with_threads((&second, &idle), || assert_eq!(ask(&*first), Errno::EDEADLK.into()));
        first.inner().next.clear();
    });
}

#[test]
fn a_request_that_is_passed_back_to_its_own_serializer_is_answered_edeadlk() {
    /// Passes what comes to its own port, once told to.
    struct Passes(AtomicBool);
    impl Port<Trail> for Passes {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            match self.0.load(Ordering::SeqCst) {
                true => request.pass(&*PORT),
                false => request.done(Status::OK),
            }
        }
    }
    static PORT: LazyLock<Serialized<Trail, Passes>> =
        LazyLock::new(|| Serialized::new(Passes(AtomicBool::new(false))));
    watched(|| {
        assert_eq!(ask(&*PORT), Status::OK);
        PORT.inner().0.store(true, Ordering::SeqCst);
        assert_eq!(ask(&*PORT), Errno::EDEADLK.into());
    });
}

#[test]
fn a_kept_call_that_is_forwarded_into_its_own_chain_is_answered_edeadlk() {
    watched(|| {
        let keeper = Keeper::new();
        let first = Arc::new(Serialized::new(Calls::calling(keeper.clone())));
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&*first));
            keeper.next().forward(&(first.clone() as Target));
            assert_eq!(asked.join().unwrap(), Errno::EDEADLK.into());
        });
    });
}

#[test]
fn a_call_on_behalf_of_a_kept_call_into_its_chain_is_answered_edeadlk() {
    watched(|| {
        let keeper = Keeper::new();
        let first = Arc::new(Serialized::new(Calls::calling(keeper.clone())));
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&*first));
            let mut kept = keeper.next();
            let mut origin = kept.origin();
            let mut call = Call::new(Trail::new(), Data::NONE);
            let status = call.run_from(&mut origin, &*first, &Park);
            kept.rejoin(origin);
            assert_eq!(status, Errno::EDEADLK.into());
            kept.done(Status::ok(4));
            assert_eq!(asked.join().unwrap(), Status::ok(4));
        });
    });
}

/// Sends a message to the port that it is given, on behalf of the first that it gets, and goes
/// on; notes how many it has completed.
struct Sends {
    next: Next,
    replies: Arc<dyn ReplyPort<Trail>>,
}

impl Port<Trail> for Sends {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        if request.body().is_empty() {
            let origin = request.origin();
            let message = Message::new(vec![1]);
            message.send_from(&origin, &self.next.get(), &self.replies);
            request.rejoin(origin);
        }
        request.done(Status::OK)
    }
}

#[test]
fn what_a_driver_sends_to_itself_is_queued_and_begun_when_it_is_through() {
    watched(|| {
        let inbox = Inbox::new(usize::MAX);
        let sends = Sends { next: Next::default(), replies: inbox.reply_port() };
        let port = Arc::new(Serialized::new(sends));
        port.inner().next.set(port.clone());
        assert_eq!(ask(&*port), Status::OK);
        let stats = port.stats();
        assert_eq!((stats.inline, stats.queued), (1, 1));
        assert_eq!(inbox.get().expect("worked off by the call").status(), Status::OK);
        port.inner().next.clear();
    });
}

#[test]
fn a_call_back_that_a_sent_message_causes_in_its_senders_context_is_answered_edeadlk() {
    watched(|| {
        let inbox = Inbox::new(usize::MAX);
        let sends = Sends { next: Next::default(), replies: inbox.reply_port() };
        let port = Arc::new(Serialized::new(sends));
        let calls_back = Calls::calling(port.clone());
        port.inner().next.set(Arc::new(Serialized::new(calls_back)));
        assert_eq!(ask(&*port), Status::OK);
        assert_eq!(inbox.get().expect("at once").status(), Errno::EDEADLK.into());
        port.inner().next.clear();
    });
}

#[test]
fn chains_of_other_senders_wait_their_turn_and_are_not_refused() {
    watched(|| {
        let keeper = Keeper::new();
        let port = Arc::new(Serialized::new(Calls::calling(keeper.clone())));
        thread::scope(|scope| {
            let first = scope.spawn(|| ask(&*port));
            let kept: Kept<Trail> = keeper.next();
            let second = scope.spawn(|| ask(&*port));
            until(|| port.stats().queued == 1);
            kept.done(Status::ok(1));
            keeper.next().done(Status::ok(2));
            assert_eq!(first.join().unwrap(), Status::ok(1));
            assert_eq!(second.join().unwrap(), Status::ok(2));
        });
    });
}

#[test]
fn a_thread_that_sends_to_itself_works_on_that_afterwards() {
    watched(|| {
        let inbox = Inbox::new(usize::MAX);
        let sends = Sends { next: Next::default(), replies: inbox.reply_port() };
        let port = Arc::new(ThreadPort::new(sends));
        port.inner().next.set(port.clone());
        let sent = Message::new(Trail::new()).ask(&(port.clone() as Target));
        with_threads((&port, &ThreadPort::new(Inline)), || {
            assert_eq!(block_on(sent).status(), Status::OK);
            assert_eq!(inbox.wait(&Park).status(), Status::OK);
        });
        port.inner().next.clear();
    });
}
