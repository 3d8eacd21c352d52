//! Containment: a driver's panic ends at the driver, whatever it was entered for.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use agent::{
    Call, Catch, Contained, Data, Errno, Exchange, Kept, Message, MessageId, Outcome, Pending,
    Port, Request, Saved, Serialized, Status, ThreadPort,
};
use common::{Keeper, Park, Target, Trail, Unwinds, block_on, tower, until, watched};

const EIO: Errno = Errno::EIO;

/// What a message asks: to be kept, to set the driver off there, to go down.
const KEEP: u32 = 0;
const BOOM: u32 = 1;
const DOWN: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Begin,
    Take,
    Up,
    Abort,
}

/// Panics where it is told to, and keeps messages until it fails.
struct Bomb {
    at: At,
    /// Panics while it lets go, too.
    fails_badly: bool,
    entries: AtomicUsize,
    fails: AtomicUsize,
    kept: Mutex<Vec<Kept<Trail>>>,
    go: AtomicBool,
    lower: Target,
}

impl Bomb {
    fn new(at: At, lower: Target) -> Bomb {
        Bomb {
            at,
            fails_badly: false,
            entries: AtomicUsize::new(0),
            fails: AtomicUsize::new(0),
            kept: Mutex::default(),
            go: AtomicBool::new(true),
            lower,
        }
    }

    fn enter(&self, at: At, goes_off: bool) {
        self.entries.fetch_add(1, Ordering::SeqCst);
        until(|| !goes_off || self.go.load(Ordering::SeqCst));
        assert!(at != self.at || !goes_off, "on purpose");
    }
}

impl Port<Trail> for Bomb {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let what = request.body()[0];
        let _ = request.narrow(1..2);
        self.enter(At::Begin, what == BOOM);
        match what {
            DOWN => request.forward(self, &*self.lower, [0; 3]),
            _ => request.keep(self),
        }
    }

    fn take(&self, kept: Kept<Trail>) {
        self.enter(At::Take, kept.body()[0] == BOOM);
        self.kept.lock().unwrap().push(kept);
    }

    fn up<'s>(&'s self, request: Request<'s, Trail>, s: Status, _: Saved) -> Outcome<'s, Trail> {
        self.enter(At::Up, true);
        request.done(s)
    }

    fn abort(&self, _: MessageId) {
        self.enter(At::Abort, true);
    }

    fn fail(&self) {
        self.fails.fetch_add(1, Ordering::SeqCst);
        let kept = std::mem::take(&mut *self.kept.lock().unwrap());
        drop(kept);
        assert!(!self.fails_badly, "on purpose");
    }
}

fn send(port: &Target, what: u32) -> Pending<Trail> {
    Message::new(vec![what]).ask(port)
}

fn end(pending: Pending<Trail>) -> Status {
    pending.try_take().ok().expect("it is back").status()
}

/// A contained driver with two messages that it keeps goes off; all that it had is answered EIO,
/// and so is what comes later.
fn goes_off(at: At, set_off: impl Fn(&Target, &Keeper) -> Pending<Trail>) {
    let unwinds = || Arc::new(Unwinds);
    let (keeper, bomb) = (Keeper::new(), |lower: &Arc<Keeper>| Bomb::new(at, lower.clone()));
    let inline = Arc::new(Contained::new(bomb(&keeper), unwinds()));
    let serialized = Arc::new(Serialized::contained(bomb(&keeper), unwinds()));
    let hosts: [(Target, &dyn Fn() -> bool, &Bomb); 2] = [
        (inline.clone(), &|| inline.has_failed(), inline.inner()),
        (serialized.clone(), &|| serialized.has_failed(), serialized.inner()),
    ];
    for (port, has_failed, bomb) in hosts {
        let kept = [send(&port, KEEP), send(&port, KEEP)];
        assert!(!has_failed() && kept.iter().all(|kept| !kept.is_done()));
        assert_eq!(end(set_off(&port, &keeper)), EIO.into(), "{at:?}");
        kept.into_iter().for_each(|kept| assert_eq!(end(kept), EIO.into(), "{at:?}"));
        let entries = bomb.entries.load(Ordering::SeqCst);
        assert_eq!(end(send(&port, KEEP)), EIO.into());
        assert_eq!(end(send(&port, DOWN)), EIO.into());
        assert!(has_failed());
        assert_eq!(bomb.entries.load(Ordering::SeqCst), entries, "entered after it failed");
        assert_eq!(bomb.fails.load(Ordering::SeqCst), 1);
        // What it stood on goes on.
        let neighbour = send(&(keeper.clone() as Target), KEEP);
        keeper.next().done(Status::ok(5));
        assert_eq!(end(neighbour), Status::ok(5));
    }
}

#[test]
fn a_panic_in_begin_ends_at_the_driver() {
    goes_off(At::Begin, |port, _| send(port, BOOM));
}

#[test]
fn a_panic_in_take_ends_at_the_driver() {
    goes_off(At::Take, |port, _| send(port, BOOM));
}

#[test]
fn a_panic_in_up_ends_at_the_driver() {
    goes_off(At::Up, |port, keeper| {
        let below = send(port, DOWN);
        keeper.next().done(Status::OK);
        below
    });
}

#[test]
fn a_panic_in_abort_ends_at_the_driver() {
    goes_off(At::Abort, |port, _| {
        let kept = send(port, KEEP);
        kept.abort();
        kept
    });
}

#[test]
fn a_panic_while_the_driver_lets_go_ends_there_too() {
    let bomb = Bomb { fails_badly: true, ..Bomb::new(At::Begin, Keeper::new()) };
    let port: Target = Arc::new(Serialized::contained(bomb, Arc::new(Unwinds)));
    let kept = send(&port, KEEP);
    assert_eq!(end(send(&port, BOOM)), EIO.into());
    assert_eq!(end(kept), EIO.into());
    assert_eq!(end(send(&port, KEEP)), EIO.into());
}

#[test]
fn what_a_driver_lets_go_of_while_it_panics_is_cancelled_where_nobody_knows_that_it_does() {
    /// Does not say that a thread unwinds.
    struct Blind;
    impl Catch for Blind {
        fn catch(&self, run: &mut dyn FnMut()) -> bool {
            Unwinds.catch(run)
        }
    }
    let port: Target =
        Arc::new(Contained::new(Bomb::new(At::Take, Keeper::new()), Arc::new(Blind)));
    assert_eq!(end(send(&port, BOOM)), Errno::ECANCELED.into());
    assert_eq!(end(send(&port, KEEP)), EIO.into());
}

#[test]
fn layers_above_find_the_message_as_it_was_before_the_panic() {
    /// Notes how much data a message has when it comes back.
    struct Above(Target, AtomicUsize);
    impl Port<Trail> for Above {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            request.forward(self, &*self.0, [0; 3])
        }

        fn up<'s>(&'s self, r: Request<'s, Trail>, s: Status, _: Saved) -> Outcome<'s, Trail> {
            self.1.store(r.len(), Ordering::SeqCst);
            r.done(s)
        }
    }
    let bomb = Bomb::new(At::Begin, Keeper::new());
    let host = Arc::new(Contained::new(bomb, Arc::new(Unwinds)));
    let above = Above(tower(1, host), AtomicUsize::new(0));
    let mut call = Call::new(vec![BOOM], Data::source(b"abc"));
    assert_eq!(call.run(&above, &Park), EIO.into());
    assert_eq!(above.1.load(Ordering::SeqCst), 3);
}

#[test]
fn what_waits_in_the_gate_of_a_driver_that_panics_is_answered_eio_and_the_gate_is_free() {
    watched(|| {
        let keeper = Keeper::new();
        let bomb = Bomb::new(At::Begin, keeper.clone());
        bomb.go.store(false, Ordering::SeqCst);
        let port = Arc::new(Serialized::contained(bomb, Arc::new(Unwinds)));
        let target: Target = port.clone();
        let below = send(&target, DOWN);
        let mut kept = vec![send(&target, KEEP)];
        let entries = || port.inner().entries.load(Ordering::SeqCst);
        let before = entries();
        thread::scope(|scope| {
            let first = scope.spawn(|| block_on(send(&target, BOOM)).status());
            until(|| entries() > before);
            kept.extend((0..3).map(|_| send(&target, KEEP)));
            let call = scope.spawn(|| Call::new(vec![KEEP], Data::NONE).run(&*port, &Park));
            until(|| port.stats().queued == 4);
            below.abort();
            assert!(kept.iter().all(|kept| !kept.is_done()));
            port.inner().go.store(true, Ordering::SeqCst);
            assert_eq!(first.join().unwrap(), EIO.into());
            assert_eq!(call.join().unwrap(), EIO.into());
        });
        kept.into_iter().for_each(|kept| assert_eq!(block_on(kept).status(), EIO.into()));
        let stats = port.stats();
        assert_eq!(end(send(&target, KEEP)), EIO.into());
        assert_eq!(port.stats().inline, stats.inline + 1, "the gate is free");
        assert_eq!(entries(), before + 1);
        drop(below);
        drop(keeper.next());
    });
}

#[test]
fn a_threads_driver_that_panics_leaves_its_thread_running() {
    watched(|| {
        let bomb = Bomb::new(At::Begin, Keeper::new());
        let port = Arc::new(ThreadPort::contained(bomb, Arc::new(Unwinds)));
        let target: Target = port.clone();
        thread::scope(|scope| {
            let worker = scope.spawn(|| port.run(&Park));
            let kept = send(&target, KEEP);
            assert_eq!(block_on(send(&target, BOOM)).status(), EIO.into());
            assert_eq!(block_on(kept).status(), EIO.into());
            assert_eq!(block_on(send(&target, KEEP)).status(), EIO.into());
            assert!(port.has_failed());
            port.close();
            worker.join().unwrap();
        });
    });
}
