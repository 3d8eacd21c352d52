//! Everything that enters a serialized driver — requests, what it keeps, completions, aborts —
//! does so one at a time; what comes while it is busy waits its turn.

mod common;

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle, ThreadId},
};

use agent::{
    Call, Data, Errno, Inbox, Message, Outcome, Pending, Port, Request, Serialized, Status,
    ThreadPort,
};
use common::{
    DONE, DOWN, Entry, HOLD, Inline, KEEP, Keeper, Park, Single, Target, Trail, block_on, until,
    watched,
};

type Guarded = Arc<Serialized<Trail, Single>>;

fn guarded(lower: Target) -> Guarded {
    Arc::new(Serialized::new(Single::over(lower)))
}

fn ask(port: &dyn Port<Trail>, body: Trail) -> Status {
    Call::new(body, Data::NONE).run(port, &Park)
}

/// Has a thread sit inside the driver.
fn hold(port: &Guarded) -> JoinHandle<Status> {
    let holder = thread::spawn({
        let port = port.clone();
        move || ask(&*port, vec![HOLD])
    });
    port.inner().wait_held();
    holder
}

/// Lets the one inside go; when it is back, all that waited has been worked off.
fn release(port: &Guarded, holder: JoinHandle<Status>) -> ThreadId {
    port.inner().let_go();
    let thread = holder.thread().id();
    assert_eq!(holder.join().unwrap(), Status::OK);
    thread
}

fn pending(port: &Guarded, body: Trail) -> Pending<Trail> {
    Message::new(body).ask(&(port.clone() as Target))
}

#[test]
fn a_request_to_a_busy_driver_waits_and_is_worked_off_by_the_one_inside() {
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let holder = hold(&port);
        let waits = pending(&port, vec![DONE, 1]);
        assert_eq!(port.inner().entries_after_hold(), []);
        assert!(!waits.is_done());
        let inside = release(&port, holder);
        assert_eq!(port.inner().threads(), [inside; 2]);
        assert_eq!(waits.try_take().ok().unwrap().status(), Status::OK);
    });
}

#[test]
fn a_completion_from_below_for_a_busy_driver_waits_and_is_worked_off_by_the_one_inside() {
    watched(|| {
        let keeper = Keeper::new();
        let port = guarded(keeper.clone());
        let below = pending(&port, vec![DOWN, 1]);
        let holder = hold(&port);
        keeper.next().done(Status::ok(7));
        assert_eq!(port.inner().entries_after_hold(), []);
        assert!(!below.is_done());
        let inside = release(&port, holder);
        assert_eq!(port.inner().entries_after_hold(), [Entry::Up(1)]);
        assert_eq!(*port.inner().threads().last().unwrap(), inside);
        assert_eq!(block_on(below).status(), Status::ok(7));
    });
}

#[test]
fn an_abort_for_a_busy_driver_waits_and_is_worked_off_by_the_one_inside() {
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let kept = pending(&port, vec![KEEP, 1]);
        let holder = hold(&port);
        kept.abort();
        assert_eq!(port.inner().entries_after_hold(), []);
        let inside = release(&port, holder);
        assert_eq!(port.inner().entries_after_hold(), [Entry::Abort]);
        assert_eq!(*port.inner().threads().last().unwrap(), inside);
        assert_eq!(block_on(kept).status(), Errno::ECANCELED.into());
    });
}

/// Stands above a port, and does something between its outcome and the hand-over.
struct Between<P, F>(Arc<P>, F);

impl<P: Port<Trail>, F: Fn() + Send + Sync> Port<Trail> for Between<P, F> {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let outcome = request.pass(&*self.0);
        (self.1)();
        outcome
    }
}

#[test]
fn what_a_busy_driver_has_kept_is_taken_by_it_when_it_is_free() {
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let holder = Arc::new(Mutex::new(None));
        let between = Between(port.clone(), {
            let (port, holder) = (port.clone(), holder.clone());
            move || *holder.lock().unwrap() = Some(hold(&port))
        });
        let kept = Message::new(vec![KEEP, 1]).ask(&(Arc::new(between) as Target));
        assert_eq!(port.inner().entries_after_hold(), []);
        let inside = release(&port, holder.lock().unwrap().take().unwrap());
        assert_eq!(port.inner().entries(), [Entry::Begin(1), Entry::Begin(0), Entry::Take(1)]);
        assert_eq!(*port.inner().threads().last().unwrap(), inside);
        port.inner().next().done(Status::ok(3));
        assert_eq!(block_on(kept).status(), Status::ok(3));
    });
}

#[test]
fn what_a_thread_has_kept_when_it_ends_is_not_begun_elsewhere() {
    watched(|| {
        let port = Arc::new(ThreadPort::new(Single::over(Arc::new(Inline))));
        let worker = Arc::new(Mutex::new(Some(thread::spawn({
            let port = port.clone();
            move || port.run(&Park)
        }))));
        let between = Between(port.clone(), {
            let (port, worker) = (port.clone(), worker.clone());
            move || {
                port.close();
                worker.lock().unwrap().take().unwrap().join().unwrap();
            }
        });
        assert_eq!(ask(&between, vec![DONE, 1]), Errno::ENODEV.into());
        assert_eq!(port.inner().entries(), []);
    });
}

#[test]
fn an_abort_that_waits_for_its_turn_does_not_hold_the_reply_up() {
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let kept = pending(&port, vec![KEEP, 1]);
        let message = port.inner().next();
        let holder = hold(&port);
        kept.abort();
        message.done(Status::ok(5));
        // The one inside has not left, and the abort has not come in.
        assert_eq!(kept.try_take().ok().expect("back").status(), Status::ok(5));
        release(&port, holder);
        assert_eq!(port.inner().entries_after_hold(), []);
    });
}

#[test]
fn many_threads_entries_of_every_kind_come_in_one_at_a_time() {
    watched(|| {
        const ROUNDS: u32 = if cfg!(miri) { 5 } else { 300 };
        let keeper = Keeper::new();
        let port = guarded(keeper.clone());
        thread::scope(|scope| {
            let below = scope
                .spawn(|| (1..=ROUNDS).map(|n| pending(&port, vec![DOWN, n])).collect::<Vec<_>>());
            let aborts = scope.spawn(|| {
                for number in 1..=ROUNDS {
                    let kept = pending(&port, vec![KEEP, number]);
                    until(|| port.inner().has(Entry::Take(number)));
                    drop(kept);
                }
            });
            let calls = scope.spawn(|| {
                (1..=ROUNDS).for_each(|n| assert_eq!(ask(&*port, vec![DONE, n]), Status::OK));
            });
            (0..ROUNDS).for_each(|_| keeper.next().done(Status::OK));
            let ends = below.join().unwrap().into_iter().map(|p| block_on(p).status());
            assert!(ends.into_iter().all(|end| end == Status::OK));
            aborts.join().unwrap();
            calls.join().unwrap();
        });
        let entries = port.inner().entries();
        let count = |wanted: fn(&Entry) -> bool| entries.iter().filter(|e| wanted(e)).count();
        assert_eq!(count(|e| matches!(e, Entry::Begin(_))), 3 * ROUNDS as usize);
        assert_eq!(count(|e| matches!(e, Entry::Up(_))), ROUNDS as usize);
        assert_eq!(count(|e| matches!(e, Entry::Take(_))), ROUNDS as usize);
        assert_eq!(count(|e| *e == Entry::Abort), ROUNDS as usize);
    });
}

#[test]
fn a_sender_that_waits_takes_over_from_one_that_has_worked_off_enough() {
    const SENT: u32 = 40;
    const MOST: usize = 32;
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let inbox = Inbox::new(usize::MAX);
        let holder = hold(&port);
        for number in 1..=SENT {
            let message = Message::new(vec![DONE, number]);
            assert!(inbox.send(message, &(port.clone() as Target)).is_ok());
        }
        let caller = thread::spawn({
            let port = port.clone();
            move || ask(&*port, vec![DONE, SENT + 1])
        });
        until(|| port.stats().queued == u64::from(SENT) + 1);
        let waits = caller.thread().id();
        let inside = release(&port, holder);
        assert_eq!(caller.join().unwrap(), Status::OK);
        let threads = port.inner().threads();
        assert_eq!(threads[..=MOST], [inside; MOST + 1]);
        assert_eq!(threads[MOST + 1..], [waits; SENT as usize - MOST + 1]);
        let order: Vec<_> = (0..=SENT + 1).map(Entry::Begin).collect();
        assert_eq!(port.inner().entries(), order);
    });
}

#[test]
fn where_no_sender_waits_the_one_inside_works_all_off() {
    const SENT: u32 = 100;
    watched(|| {
        let port = guarded(Arc::new(Inline));
        let inbox = Inbox::new(usize::MAX);
        let holder = hold(&port);
        for number in 1..=SENT {
            let message = Message::new(vec![DONE, number]);
            assert!(inbox.send(message, &(port.clone() as Target)).is_ok());
        }
        let inside = release(&port, holder);
        assert_eq!(port.inner().threads(), [inside; SENT as usize + 1]);
        assert_eq!((0..SENT).filter_map(|_| inbox.get()).count(), SENT as usize);
    });
}
