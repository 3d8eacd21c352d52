//! The threads of a service: who reads while others sleep, where an abort comes to, and who rings
//! for messages. Its files, over loom's types.
#![cfg(loom)]

#[path = "../../../scheme/service/src/port/batches.rs"]
mod batches;
#[path = "../../../scheme/service/src/relay.rs"]
mod relay;
#[path = "../../../scheme/service/src/scope.rs"]
mod scope;
use std::sync::Arc;

use batches::Batches;
use loom::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
};
use models::{model, sync};
use relay::Relay;
use scope::{Crossing, Scope, interrupted};

/// Sleeps until it is aborted.
fn sleep() {
    while !interrupted() {
        thread::park();
    }
}

#[test]
fn an_abort_wakes_the_thread_that_waits_here() {
    model(3, || {
        let scope = Scope::of_thread();
        let job = scope.next();
        let aborting = thread::spawn(move || scope.interrupt(job));
        sleep();
        aborting.join().unwrap();
        assert!(!interrupted(), "once for each abort");
    });
}

#[test]
fn an_abort_goes_after_a_message_that_crosses_or_comes_before_it() {
    model(3, || {
        let (aborts, told) = channel();
        let scope = Scope::of_thread();
        let job = scope.next();
        let aborting = thread::spawn(move || scope.interrupt(job));
        if let Some(crossing) = Crossing::begin(&aborts, 7) {
            // The other side answers because it is told.
            assert_eq!(told.recv(), Ok(7));
            crossing.over(true);
        }
        aborting.join().unwrap();
        assert!(!interrupted(), "once for each abort");
    });
}

#[test]
fn an_abort_that_a_crossing_does_not_hear_of_is_the_next_wait_s() {
    model(3, || {
        let (aborts, _told) = channel();
        let scope = Scope::of_thread();
        let job = scope.next();
        let aborting = thread::spawn(move || scope.interrupt(job));
        // It is back before the other side is told, where it is begun.
        if let Some(crossing) = Crossing::begin(&aborts, 7) {
            crossing.over(false);
            sleep();
        }
        aborting.join().unwrap();
    });
}

#[test]
fn an_abort_that_comes_too_late_is_not_the_next_request_s() {
    model(3, || {
        let scope = Scope::of_thread();
        let job = scope.next();
        let other = Arc::clone(&scope);
        let aborting = thread::spawn(move || other.interrupt(job));
        scope.next();
        aborting.join().unwrap();
        assert!(!interrupted());
    });
}

#[test]
fn an_abort_after_a_crossing_is_not_lost_to_it() {
    model(3, || {
        let (aborts, _told) = channel();
        let scope = Scope::of_thread();
        let job = scope.next();
        drop(Crossing::begin(&aborts, 7));
        let aborting = thread::spawn(move || scope.interrupt(job));
        sleep();
        aborting.join().unwrap();
    });
}

/// Requests that sleep until another request is performed, and that one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Sleeps,
    Wakes,
}

struct Service {
    relay: Relay<Request>,
    /// What each read of the socket gives, the last one first.
    asked: Mutex<Vec<&'static [Request]>>,
    woken: AtomicUsize,
}

impl Service {
    /// Reads until the socket is empty, as the service's threads do.
    fn serve(self: &Arc<Service>) {
        self.relay.join();
        loop {
            while let Some(request) = self.relay.next() {
                self.perform(request);
            }
            let read = self.asked.lock().unwrap().pop();
            let Some(read) = read else { return };
            self.relay.put_off(read.iter().copied());
        }
    }

    fn perform(self: &Arc<Service>, request: Request) {
        if request == Request::Wakes {
            self.woken.store(1, SeqCst);
            return;
        }
        if self.relay.leave() {
            let service = Arc::clone(self);
            thread::spawn(move || service.serve());
        }
        while self.woken.load(SeqCst) == 0 {
            thread::yield_now();
        }
        self.relay.join();
    }
}

fn serve(asked: &'static [&'static [Request]], readers: usize) {
    model(2, move || {
        let service = Arc::new(Service {
            relay: Relay::new(2),
            asked: Mutex::new(asked.to_vec()),
            woken: AtomicUsize::new(0),
        });
        for _ in 1..readers {
            let service = Arc::clone(&service);
            thread::spawn(move || service.serve());
        }
        service.serve();
    });
}

#[test]
fn what_was_read_with_a_request_that_sleeps_is_performed() {
    serve(&[&[Request::Sleeps, Request::Wakes]], 1);
}

#[test]
fn another_thread_reads_where_the_last_one_that_did_sleeps() {
    serve(&[&[Request::Wakes], &[Request::Sleeps]], 1);
}

#[test]
fn what_was_read_is_performed_although_another_thread_reads() {
    serve(&[&[Request::Sleeps, Request::Wakes]], 2);
}

/// A port's queue, and one receiver who sleeps until it is rung for and takes all that is there.
struct Queue {
    batches: Batches,
    waiting: Mutex<usize>,
}

impl Queue {
    fn put(&self) {
        *self.waiting.lock().unwrap() += 1;
        self.batches.queued(|| self.ring());
    }

    fn ring(&self) {
        *self.waiting.lock().unwrap() = 0;
    }
}

/// Writers of so many messages at once.
fn write(writers: &'static [usize]) {
    model(3, move || {
        let queue = Arc::new(Queue { batches: Batches::new(), waiting: Mutex::new(0) });
        let writing = |many: usize| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || match many {
                1 => queue.put(),
                _ => {
                    queue.batches.begin();
                    (0..many).for_each(|_| queue.put());
                    queue.batches.end(|| queue.ring());
                }
            })
        };
        let threads: Vec<_> = writers.iter().copied().map(writing).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*queue.waiting.lock().unwrap(), 0, "nobody is told of it");
    });
}

#[test]
fn somebody_rings_for_a_message_that_comes_while_others_are_written() {
    write(&[2, 1]);
}

#[test]
fn somebody_rings_for_all_messages_of_several_writers() {
    write(&[2, 2]);
}
