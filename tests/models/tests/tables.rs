//! The tables of a service in which aborts and messages meet: its files, over loom's types.
#![cfg(loom)]

#[path = "../../../scheme/service/src/flights.rs"]
mod flights;
#[path = "../../../scheme/service/src/port/listeners.rs"]
mod listeners;
#[path = "../../../scheme/service/src/port/pushed.rs"]
mod pushed;
#[allow(dead_code, reason = "another suite has the rest")]
#[path = "../../../scheme/service/src/scope.rs"]
mod scope;
#[path = "../../../scheme/service/src/port/served.rs"]
mod served;

use std::sync::Arc;

use agent::{Errno, Message, Neighbour, Ticket};
use flights::{Abort, Flights, Name};
use listeners::Listeners;
use loom::{
    sync::{
        Mutex, Notify,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use models::{Body, Shelf, Target, model, once, sync};
use pushed::PushedBack;
use scope::{Scope, interrupted};
use served::Served;

/// A message of a worker's, which is found in no queue any more.
struct Gone;

impl Abort for Gone {
    fn abort(&self) {}
}

/// A message that a driver keeps.
struct Kept(Ticket<Body>);

impl Abort for Kept {
    fn abort(&self) {
        self.0.abort();
    }
}

type Table = Arc<Flights<Gone, Kept>>;

fn table() -> Table {
    Arc::new(Flights::new())
}

/// A request of the handle 3.
fn name(id: u32) -> Name {
    Name { handle: 3, id: Some(id), tag: 5 }
}

/// A request is worked on.
fn begin(flights: &Table, id: u32, scope: &Arc<Scope>) {
    flights.put_off(name(id));
    assert!(flights.works(5, scope, scope.next()));
}

#[test]
fn an_abort_of_a_request_that_waits_comes_to_it_or_to_who_works_on_it() {
    model(3, || {
        let flights = table();
        flights.waits(name(1), Gone);
        let other = flights.clone();
        let aborting = thread::spawn(move || other.abort_tag(5));
        let scope = Scope::of_thread();
        let job = scope.next();
        if flights.works(5, &scope, job) {
            // Nothing but the abort ends it.
            while !interrupted() {
                thread::park();
            }
        }
        flights.over(5);
        aborting.join().unwrap();
    });
}

#[test]
fn an_abort_of_a_request_comes_to_the_driver_that_keeps_its_message() {
    model(3, || {
        let flights = table();
        begin(&flights, 1, &Scope::of_thread());
        let other = flights.clone();
        let aborting = thread::spawn(move || assert!(other.abort_named(3, Some(1))));
        // Nothing but the abort ends the message; no reply at all is a leak.
        let port = Neighbour::new(Arc::new(Shelf::new()) as Target, 0);
        let back = Message::new(Body::new(1)).begin(None, &port, |ticket| {
            flights.kept(name(1), Kept(ticket));
            once(|status, _| status == Errno::ECANCELED.into())
        });
        assert!(back.is_none());
        aborting.join().unwrap();
    });
}

#[test]
fn an_abort_of_a_request_that_is_over_is_not_that_of_the_next_with_its_tag() {
    model(3, || {
        let flights = table();
        let scope = Scope::of_thread();
        begin(&flights, 1, &scope);
        let other = flights.clone();
        let aborting = thread::spawn(move || other.abort_named(3, Some(1)));
        flights.over(5);
        begin(&flights, 2, &scope);
        aborting.join().unwrap();
        assert!(!interrupted());
        flights.over(5);
        assert!(!flights.abort_named(3, None), "nothing is left");
    });
}

#[test]
fn an_abort_comes_to_a_call_on_behalf_of_its_message_or_before_it() {
    model(3, || {
        let served = Arc::new(Served::new());
        assert!(served.taken(1, &[], 9));
        let other = served.clone();
        let aborting = thread::spawn(move || {
            let calls: Vec<Arc<AtomicUsize>> = other.abort(1);
            calls.iter().for_each(|call| call.store(1, SeqCst));
        });
        let call = Arc::new(AtomicUsize::new(0));
        let begun = served.calls(1, 7, &call);
        aborting.join().unwrap();
        assert!(begun == Err(Errno::ECANCELED) || call.load(SeqCst) == 1, "nobody tells it");
        served.called(1, 7);
        served.over(1);
        assert_eq!(served.held(1), Err(Errno::ENOENT));
    });
}

#[test]
fn an_abort_of_a_message_that_is_about_to_be_sent_comes_to_its_keeper() {
    model(3, || {
        let mut message = Message::new(Body::new(1));
        let ticket = message.ticket();
        let aborting = thread::spawn(move || served::abort(&ticket));
        // Nothing but the abort ends the message; no reply at all is a leak.
        let target: Target = Arc::new(Shelf::new());
        message.send(&target, &once(|status, _| status == Errno::ECANCELED.into()));
        aborting.join().unwrap();
    });
}

/// A port's queue, and receivers who sleep until they are told.
struct Queue {
    waiting: Mutex<usize>,
    listeners: Listeners<thread::Thread>,
}

impl Queue {
    fn new() -> Arc<Queue> {
        Arc::new(Queue { waiting: Mutex::new(0), listeners: Listeners::new() })
    }

    fn waits(&self) -> bool {
        *self.waiting.lock().unwrap() > 0
    }

    fn put(&self, count: usize) {
        *self.waiting.lock().unwrap() += count;
        self.listeners.tell(|| self.waits(), |who| who.unpark());
    }

    /// Takes one message, and sleeps before that until there is one.
    fn take(&self, place: u64) {
        while !self.takes() {
            if !self.listeners.listen(place, thread::current(), || self.waits()) {
                thread::park();
            }
        }
        self.listeners.leave(place);
    }

    fn takes(&self) -> bool {
        let waiting = &mut *self.waiting.lock().unwrap();
        let takes = *waiting > 0;
        *waiting -= usize::from(takes);
        takes
    }
}

#[test]
fn who_listens_hears_of_a_message_that_comes_meanwhile() {
    model(3, || {
        let queue = Queue::new();
        let other = queue.clone();
        let putting = thread::spawn(move || other.put(1));
        queue.take(1);
        putting.join().unwrap();
    });
}

#[test]
fn all_who_listen_hear_of_several_messages() {
    model(2, || {
        let queue = Queue::new();
        let other = queue.clone();
        let taking = thread::spawn(move || other.take(1));
        let other = queue.clone();
        let putting = thread::spawn(move || other.put(2));
        queue.take(2);
        taking.join().unwrap();
        putting.join().unwrap();
    });
}

/// A port that is full, and senders who sleep until they are told of room.
struct Full {
    room: Mutex<usize>,
    pushed_back: PushedBack<Arc<Notify>>,
}

impl Full {
    fn new() -> Arc<Full> {
        Arc::new(Full { room: Mutex::new(0), pushed_back: PushedBack::new() })
    }

    fn is_full(&self) -> bool {
        *self.room.lock().unwrap() == 0
    }

    /// Takes so many messages off at once.
    fn make_room(&self, count: usize) {
        *self.room.lock().unwrap() += count;
        self.pushed_back.tell(|| self.is_full(), |who| who.notify());
    }

    /// Puts one message in, and sleeps before that until there is room.
    fn put(&self, key: u64) {
        let told = Arc::new(Notify::new());
        while !self.puts() {
            if self.pushed_back.push_back(key, told.clone(), || self.is_full()) {
                told.wait();
            }
        }
    }

    fn puts(&self) -> bool {
        let room = &mut *self.room.lock().unwrap();
        let puts = *room > 0;
        *room -= usize::from(puts);
        puts
    }
}

#[test]
fn who_is_pushed_back_hears_of_room_that_is_made_meanwhile() {
    model(3, || {
        let port = Full::new();
        let other = port.clone();
        let taking = thread::spawn(move || other.make_room(1));
        port.put(1);
        taking.join().unwrap();
    });
}

#[test]
fn all_who_are_pushed_back_hear_of_room_for_several() {
    model(2, || {
        let port = Full::new();
        let other = port.clone();
        let putting = thread::spawn(move || other.put(1));
        let other = port.clone();
        let taking = thread::spawn(move || other.make_room(2));
        port.put(2);
        putting.join().unwrap();
        taking.join().unwrap();
    });
}
