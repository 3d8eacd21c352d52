//! The threads of a service that read its socket: one at a time, whoever of them waits meanwhile.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

use agent::{Kept, MessageId, Outcome, Port, Status};
use common::{World, errno, open};
use driver::{Body, Class, Description, Driver, Exchange, Features, Op, Request};
use host::{Process, sys};
use libredox::{errno::*, flag::*};
use service::{Service, Stop};

/// More than any test takes that goes well.
const LONG: Duration = Duration::from_secs(30);

/// What the driver tells.
#[derive(Debug, PartialEq)]
enum Event {
    /// A write holds up the thread that reads.
    Held,
    /// A flush has begun, and is kept.
    Kept,
}

/// Keeps each flush until it is aborted or told to end it; a write holds its thread until it is
/// let go.
struct Keeper {
    kept: Mutex<Vec<Kept<Body>>>,
    tell: Mutex<Sender<Event>>,
    release: Mutex<Receiver<()>>,
}

impl Keeper {
    fn tell(&self, event: Event) {
        let _ = self.tell.lock().unwrap().send(event);
    }

    fn finish(&self) {
        std::mem::take(&mut *self.kept.lock().unwrap()).into_iter().for_each(|kept| {
            kept.done(Status::OK);
        });
    }
}

impl Port<Body> for Keeper {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Flush { .. } => request.keep(self),
            Op::Write { .. } => {
                self.tell(Event::Held);
                self.release.lock().unwrap().recv().unwrap();
                let len = request.len();
                request.done(Status::ok(len))
            }
            _ => request.done(Status::OK),
        }
    }

    fn take(&self, kept: Kept<Body>) {
        self.kept.lock().unwrap().push(kept);
        self.tell(Event::Kept);
    }

    fn abort(&self, id: MessageId) {
        let mut kept = self.kept.lock().unwrap();
        let found = kept.iter().position(|kept| kept.id() == id).map(|at| kept.swap_remove(at));
        drop(kept);
        drop(found);
    }
}

impl Driver for Keeper {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

fn keeper() -> (Arc<Keeper>, Receiver<Event>, Sender<()>) {
    let ((tell, events), (release, released)) = (mpsc::channel(), mpsc::channel());
    let (tell, release_at) = (Mutex::new(tell), Mutex::new(released));
    (Arc::new(Keeper { kept: Mutex::default(), tell, release: release_at }), events, release)
}

fn handle(client: &Process) -> usize {
    client.enter(|| open("/scheme/keeper", O_RDWR, 0).unwrap().into_raw())
}

/// Flushes in a thread of a client.
fn flush(client: &Process, fd: usize) -> JoinHandle<Result<(), i32>> {
    client.spawn(move || errno(libredox::call::fsync(fd)).map(drop))
}

#[test]
fn a_cancel_comes_to_a_request_that_is_put_off_before_it_is_begun() {
    let (driver, events, release) = keeper();
    let mut world = World::new();
    let served = Arc::clone(&driver);
    let make = || Service::single("keeper", served).map_err(|failure| failure.to_string());
    world.start("keeper", make).unwrap();
    let [writer, first, second] = [(); 3].map(|()| world.process(0, 0));
    let [fd, first_fd, second_fd] = [&writer, &first, &second].map(handle);
    let write = writer.spawn(move || sys::pwrite(fd, b"x", 0).map_err(|error| error.errno));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Held));
    // All three are read at once: two requests that may wait, and the second one's cancel.
    let one = flush(&first, first_fd);
    first.wait_blocked(1);
    let two = flush(&second, second_fd);
    second.wait_blocked(1);
    assert_eq!(second.interrupt(), 1);
    // It sleeps once more when the cancel is sent.
    while second.interrupt() == 0 {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    assert_eq!(write.join().unwrap(), Ok(1));
    assert_eq!(two.join().unwrap(), Err(EINTR));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Kept));
    // The next one of that tag is another.
    let three = flush(&second, second_fd);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Kept), "the first one's and this one's only");
    assert!(events.try_recv().is_err() && !one.is_finished() && !three.is_finished());
    driver.finish();
    assert_eq!((one.join().unwrap(), three.join().unwrap()), (Ok(()), Ok(())));
}

#[test]
fn a_stop_ends_a_service_whose_socket_another_thread_reads() {
    static STOP: Stop = Stop::new();
    let (driver, events, _release) = keeper();
    let init = Process::isolated("init", 0, 0);
    let daemon = init.child("keeper", 0, 0);
    let (tell, ready) = mpsc::channel();
    let served = Arc::clone(&driver);
    let running = daemon.spawn(move || {
        let mut service = Service::single("keeper", served).unwrap();
        service.publish().unwrap();
        tell.send(()).unwrap();
        service.run_until(&STOP)
    });
    ready.recv().unwrap();
    let client = init.child("client", 0, 0);
    let flushing = flush(&client, handle(&client));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Kept));
    // Another thread reads, and goes on reading when the first one is back.
    daemon.wait_blocked(1);
    driver.finish();
    assert_eq!(flushing.join().unwrap(), Ok(()));
    // It stays open: a close would be read as well.
    handle(&client);
    daemon.wait_blocked(1);
    daemon.enter(|| STOP.ask());
    // The last flush is the service's own.
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Kept));
    driver.finish();
    running.join().unwrap().unwrap();
    daemon.exit();
}
