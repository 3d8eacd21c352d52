//! The threads that read a service's socket: what a cancel comes to, whoever reads it. The
//! service's files, over loom's types.
#![cfg(loom)]

#[allow(dead_code, reason = "another suite has the rest")]
#[path = "../../../scheme/service/src/flights.rs"]
mod flights;
#[path = "../../../scheme/service/src/leader.rs"]
mod leader;
#[allow(dead_code, reason = "another suite has the rest")]
#[path = "../../../scheme/service/src/scope.rs"]
mod scope;

use std::{collections::VecDeque, sync::Arc};

use flights::{Abort, Flights, Name};
use leader::Leader;
use loom::{sync::Mutex, thread};
use models::{model, sync};
use scope::{Scope, interrupted};

/// A message that nothing here sends.
struct Nothing;

impl Abort for Nothing {
    fn abort(&self) {}
}

/// What the kernel gives to who reads. All have one tag.
#[derive(Clone, Copy)]
enum Read {
    /// A request; where it is answered, the tag is the next one's.
    Quick,
    /// A request that ends by its cancel only.
    Sleeps,
    /// The last request, which nobody cancels.
    Last,
    Cancel,
}

struct Service {
    socket: Mutex<VecDeque<Read>>,
    leader: Leader,
    flights: Flights<Nothing, Nothing>,
}

impl Service {
    fn new(socket: &[Read]) -> Arc<Service> {
        let socket = Mutex::new(socket.iter().copied().collect());
        Arc::new(Service { socket, leader: Leader::default(), flights: Flights::new() })
    }

    /// Reads until nothing is there, and lets another thread lead before it performs a request.
    fn serve(&self) {
        loop {
            self.leader.lead();
            let read = self.socket.lock().unwrap().pop_front();
            match read {
                Some(Read::Cancel) => self.flights.abort_tag(5),
                Some(_) => self.flights.put_off(Name { handle: 3, id: None, tag: 5 }),
                None => {}
            }
            self.leader.step_down();
            match read {
                None => return,
                Some(Read::Cancel) => {}
                Some(request) => self.perform(request),
            }
        }
    }

    fn perform(&self, request: Read) {
        let scope = Scope::of_thread();
        let wanted = self.flights.works(5, &scope, scope.next());
        while wanted && matches!(request, Read::Sleeps) && !interrupted() {
            thread::park();
        }
        scope.next();
        assert!(wanted || !matches!(request, Read::Last), "cancelled in another one's place");
        self.flights.over(5);
        if let Read::Quick = request {
            self.socket.lock().unwrap().push_back(Read::Last);
        }
    }
}

/// Two threads serve what is read.
fn serve(socket: &'static [Read]) {
    model(3, move || {
        let service = Service::new(socket);
        let other = service.clone();
        let serving = thread::spawn(move || other.serve());
        service.serve();
        serving.join().unwrap();
    });
}

#[test]
fn a_cancel_that_another_thread_reads_comes_to_its_request() {
    serve(&[Read::Sleeps, Read::Cancel]);
}

#[test]
fn a_cancel_is_not_that_of_the_next_request_with_its_tag() {
    serve(&[Read::Quick, Read::Cancel]);
}
