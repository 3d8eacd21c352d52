//! Serialized ports and thread ports.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use agent::{
    Call, Data, Errno, Exchange, Inbox, Kept, Message, Neighbour, Origin, Outcome, Port, ReplyPort,
    Request, Saved, Serialized, Status, ThreadPort,
};
use common::{Inline, Keeper, Layer, Park, Target, Trail, block_on};

fn ask(port: &dyn Port<Trail>) -> Status {
    Call::new(Trail::new(), Data::NONE).run(port, &Park)
}

/// Fails where it is entered twice; forwards what comes to `lower`.
struct Alone {
    inside: AtomicBool,
    entries: AtomicUsize,
    lower: Target,
    threads: Mutex<Vec<ThreadId>>,
}

impl Alone {
    fn over(lower: Target) -> Alone {
        let (inside, entries) = (AtomicBool::new(false), AtomicUsize::new(0));
        Alone { inside, entries, lower, threads: Mutex::default() }
    }

    fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        assert!(!self.inside.swap(true, Ordering::SeqCst), "entered while someone is inside");
        self.threads.lock().unwrap().push(thread::current().id());
        self.entries.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        let result = work();
        self.inside.store(false, Ordering::SeqCst);
        result
    }
}

impl Port<Trail> for Alone {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        self.enter(|| ());
        request.forward(self, &*self.lower, [0; 3])
    }

    fn up<'s>(&'s self, request: Request<'s, Trail>, s: Status, _: Saved) -> Outcome<'s, Trail> {
        self.enter(|| request.done(s))
    }
}

/// Keeps what comes and answers from a thread of its own, as it came.
const ROUNDS: usize = if cfg!(miri) { 5 } else { 500 };
struct Delayed(Mutex<std::sync::mpsc::Sender<Kept<Trail>>>);

impl Delayed {
    fn new() -> Arc<Delayed> {
        let (sender, receiver) = std::sync::mpsc::channel::<Kept<Trail>>();
        thread::spawn(move || receiver.into_iter().for_each(|kept| kept.done(Status::OK)));
        Arc::new(Delayed(Mutex::new(sender)))
    }
}

impl Port<Trail> for Delayed {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Trail>) {
        self.0.lock().unwrap().send(kept).unwrap();
    }
}

#[test]
fn requests_and_completions_enter_a_serialized_driver_one_at_a_time() {
    let port = Serialized::new(Alone::over(Delayed::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..ROUNDS).for_each(|_| assert_eq!(ask(&port), Status::OK)));
        }
    });
    assert_eq!(port.inner().entries.load(Ordering::SeqCst), 2 * 4 * ROUNDS);
}

/// Waits inside `begin`, with a message whose trail is not empty, until it is let go.
#[derive(Default)]
struct Stuck {
    inside: AtomicBool,
    go: AtomicBool,
    order: Mutex<Vec<u32>>,
}

impl Stuck {
    fn wait_inside(&self) {
        while !self.inside.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    }
}

impl Port<Trail> for Stuck {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        self.order.lock().unwrap().extend(request.body());
        self.inside.store(true, Ordering::SeqCst);
        while !self.go.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        request.done(Status::OK)
    }
}

#[test]
fn what_comes_to_a_busy_driver_is_queued_up_to_the_limit_and_drained_by_the_one_inside() {
    let port = Arc::new(Serialized::new(Stuck::default()).with_limit(2));
    let target: Target = port.clone();
    let queue = Inbox::new(usize::MAX);
    let replies: Arc<dyn ReplyPort<Trail>> = queue.reply_port();
    let first = thread::spawn({
        let port = port.clone();
        move || ask(&*port)
    });
    port.inner().wait_inside();
    (1..=2).for_each(|number| Message::new(vec![number]).send(&target, &replies));
    assert!(queue.get().is_none());
    Message::new(vec![3]).send(&target, &replies);
    assert_eq!(queue.get().unwrap().status(), Errno::EAGAIN.into());
    port.inner().go.store(true, Ordering::SeqCst);
    assert_eq!(first.join().unwrap(), Status::OK);
    // All of it by the first caller's thread, before its call returned.
    let came: Vec<_> = (0..2).filter_map(|_| queue.get()).map(|m| m.body()[0]).collect();
    assert_eq!((came, &*port.inner().order.lock().unwrap()), (vec![1, 2], &vec![1, 2]));
}

#[test]
fn an_abort_takes_a_message_out_of_the_queue() {
    let port = Arc::new(Serialized::new(Stuck::default()));
    let target: Target = port.clone();
    let first = thread::spawn({
        let port = port.clone();
        move || ask(&*port)
    });
    port.inner().wait_inside();
    let pending: Vec<_> = (1..=3).map(|number| Message::new(vec![number]).ask(&target)).collect();
    pending[1].abort();
    port.inner().go.store(true, Ordering::SeqCst);
    assert_eq!(first.join().unwrap(), Status::OK);
    let ends: Vec<_> = pending.into_iter().map(|p| block_on(p).status()).collect();
    assert_eq!(ends, [Status::OK, Errno::ECANCELED.into(), Status::OK]);
    assert_eq!(*port.inner().order.lock().unwrap(), [1, 3]);
}

/// Calls the port that it is given, on behalf of the message that it got.
#[derive(Default)]
struct Calls(Mutex<Option<Target>>);

impl Port<Trail> for Calls {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let target = self.0.lock().unwrap().clone();
        let Some(target) = target else { return request.done(Status::OK) };
        let mut origin: Origin = request.origin();
        let mut call = Call::new(Trail::new(), Data::NONE);
        let status = Neighbour::new(target, 1).call(&mut origin, &Park, &mut call);
        request.rejoin(origin);
        request.done(status)
    }
}

#[test]
fn a_call_that_comes_back_into_its_own_chain_is_answered_edeadlk() {
    let first = Arc::new(Serialized::new(Calls::default()));
    let second: Target = {
        let calls = Calls::default();
        *calls.0.lock().unwrap() = Some(first.clone());
        Arc::new(Serialized::new(calls))
    };
    *first.inner().0.lock().unwrap() = Some(second);
    assert_eq!(ask(&*first), Errno::EDEADLK.into());
    // Nothing is left locked, and another chain may go the same way.
    *first.inner().0.lock().unwrap() = None;
    assert_eq!(ask(&*first), Status::OK);
}

#[test]
fn a_message_that_a_serialized_port_did_not_keep_is_refused() {
    let keeper = Keeper::new();
    let target: Target = keeper.clone();
    let pending =
        [Message::new(Trail::new()).ask(&target), Message::new(Trail::new()).ask(&target)];
    Serialized::new(Inline).take(keeper.next());
    ThreadPort::new(Inline).take(keeper.next());
    for pending in pending {
        assert_eq!(block_on(pending).status(), Errno::EINVAL.into());
    }
}

/// A thread port with its thread, closed and joined at the end.
fn with_thread<P: Port<Trail> + 'static>(
    port: P,
    test: impl FnOnce(&Arc<ThreadPort<Trail, P>>, ThreadId),
) {
    let port = Arc::new(ThreadPort::new(port));
    let worker = thread::spawn({
        let port = port.clone();
        move || port.run(&Park)
    });
    test(&port, worker.thread().id());
    port.close();
    worker.join().unwrap();
}

#[test]
fn a_thread_port_works_in_order_and_closing_it_answers_enodev() {
    let port = Arc::new(ThreadPort::new(Stuck::default()));
    let target: Target = port.clone();
    let pending: Vec<_> = (1..=5).map(|number| Message::new(vec![number]).ask(&target)).collect();
    let stuck = Arc::new(ThreadPort::new(Stuck::default()));
    stuck.close();
    stuck.run(&Park);
    assert_eq!(ask(&*stuck), Errno::ENODEV.into());
    thread::scope(|scope| {
        scope.spawn(|| port.run(&Park));
        pending[0].abort();
        // The worker sits in the first or, if that was aborted in time, in the second.
        while port_order(&port).is_empty() {
            thread::yield_now();
        }
        port.close();
        port.inner().go.store(true, Ordering::SeqCst);
    });
    let ends: Vec<_> = pending.into_iter().map(|p| block_on(p).status()).collect();
    let begun = port_order(&port);
    assert_eq!(begun.len(), 1);
    let at = begun[0] as usize - 1;
    assert_eq!(ends[at], Status::OK);
    assert!(ends[at + 1..].iter().all(|end| *end == Errno::ENODEV.into()));
}

fn port_order(port: &ThreadPort<Trail, Stuck>) -> Trail {
    port.inner().order.lock().unwrap().clone()
}

#[test]
fn requests_and_completions_of_a_thread_port_run_on_its_thread_in_order() {
    with_thread(Alone::over(Delayed::new()), |port, worker| {
        (0..50).for_each(|_| assert_eq!(ask(&**port), Status::OK));
        let threads = port.inner().threads.lock().unwrap();
        assert_eq!(threads.len(), 100);
        assert!(threads.iter().all(|thread| *thread == worker));
    });
}

#[test]
fn a_call_from_a_threads_own_message_to_that_thread_is_answered_edeadlk() {
    with_thread(Calls::default(), |port, _| {
        *port.inner().0.lock().unwrap() = Some(port.clone());
        assert_eq!(ask(&**port), Errno::EDEADLK.into());
        *port.inner().0.lock().unwrap() = None;
    });
}

#[test]
fn a_completion_after_the_close_still_reaches_its_layer() {
    let keeper = Keeper::new();
    let port = Arc::new(ThreadPort::new(Layer::over(1, keeper.clone())));
    let target: Target = port.clone();
    let pending = Message::new(Trail::new()).ask(&target);
    thread::scope(|scope| {
        scope.spawn(|| port.run(&Park));
        let kept = keeper.next();
        port.close();
        kept.done(Status::OK);
    });
    let message = block_on(pending);
    assert_eq!((message.status(), &**message.body()), (Status::ok(1), &[1][..]));
}

#[test]
fn a_chain_of_calls_holds_only_so_many_serializers() {
    // Nine serialized drivers, each calling the next on behalf of its message.
    let last: Target = Arc::new(Inline);
    let port = (0..9).fold(last, |next, _| {
        let calls = Calls::default();
        *calls.0.lock().unwrap() = Some(next);
        Arc::new(Serialized::new(calls))
    });
    assert_eq!(ask(&*port), Errno::ELOOP.into());
}
