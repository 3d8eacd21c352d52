//! Messages that drivers keep: answered late, and aborted by id, by a signal, by a deadline, by
//! the end of the handle, through any number of services.
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

use agent::{
    Call, Data, Errno, Kept, Message, MessageId, Outcome, Port, SchemeAgent, Status, ThreadPort,
    Words,
};
use common::{World, errno, open, send, words};
use driver::{
    Body, Class, Cred, Description, Driver, Exchange, Features, Node, Op, Ready, Request,
};
use host::{Process, sys};
use libredox::{Fd, errno::*, flag::*};
use service::{PARK, Remote, Service, clock};

/// More than any test takes that goes well.
const LONG: Duration = Duration::from_secs(30);
const READ: Op = Op::Read { node: Node::ROOT, offset: 0 };
const FLUSH: Op = Op::Flush { node: Node::ROOT };

/// What a shelf tells.
#[derive(Debug, PartialEq)]
enum Event {
    Kept,
    Aborted,
}

/// A stream whose reads wait until something is written. A flush is answered at once.
struct Shelf {
    kept: Mutex<Vec<Kept<Body>>>,
    tell: Mutex<Sender<Event>>,
    features: Features,
    /// Does not let go of what is aborted.
    deaf: bool,
}

impl Shelf {
    fn new(features: Features, deaf: bool) -> (Arc<Shelf>, Receiver<Event>) {
        let (tell, events) = mpsc::channel();
        let (kept, tell) = (Mutex::default(), Mutex::new(tell));
        (Arc::new(Shelf { kept, tell, features, deaf }), events)
    }

    fn tell(&self, event: Event) {
        let _ = self.tell.lock().unwrap().send(event);
    }
}

impl Port<Body> for Shelf {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { .. } => request.keep(self),
            Op::Write { .. } => {
                let (len, waiting) =
                    (request.len(), std::mem::take(&mut *self.kept.lock().unwrap()));
                for mut kept in waiting {
                    let done = kept.fill(0, b"!").map(|()| 1);
                    kept.done(done);
                }
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
        self.tell(Event::Aborted);
        if self.deaf {
            return;
        }
        let mut kept = self.kept.lock().unwrap();
        let found = kept.iter().position(|kept| kept.id() == id).map(|at| kept.swap_remove(at));
        drop(kept);
        drop(found);
    }
}

impl Driver for Shelf {
    fn describe(&self) -> Description {
        Description::new(Class::Character, self.features | Features::CONCURRENT)
    }
}

/// A shelf served as `/scheme/shelf`.
fn shelf(features: Features, deaf: bool) -> (World, Receiver<Event>) {
    let (driver, events) = Shelf::new(features, deaf);
    let mut world = World::new();
    let make = || Service::single("shelf", driver).map_err(|failure| failure.to_string());
    world.start("shelf", make).unwrap();
    (world, events)
}

/// The same below so many other services; the path of the topmost.
fn chain(services: usize) -> (World, Receiver<Event>, String) {
    let (mut world, events) = shelf(Features::empty(), false);
    let mut path = "/scheme/shelf".to_string();
    for index in 0..services {
        let name = format!("hop{index}");
        let text = format!("[[driver]]\nname = \"pass\"\nkind = \"pass\"\non = \"{path}\"");
        world.serve(&name, &text).unwrap();
        path = format!("/scheme/{name}/pass");
    }
    (world, events, path)
}

fn expect(events: &Receiver<Event>, event: Event) {
    assert_eq!(events.recv_timeout(LONG), Ok(event));
}

fn handle(client: &Process, path: &str) -> usize {
    client.enter(|| open(path, O_RDWR, 0).unwrap().into_raw())
}

/// Reads a byte with a message of this id, in a thread of a client.
fn reading(client: &Process, fd: usize, id: u32) -> JoinHandle<Result<u8, i32>> {
    client.spawn(move || {
        let (fd, mut byte) = (std::mem::ManuallyDrop::new(Fd::new(fd)), [0]);
        send(&fd, Words { id, len: 1, ..words(READ) }, &mut byte)?;
        Ok(byte[0])
    })
}

/// Asks for the abort of the message of this id.
fn abort(client: &Process, fd: usize, id: u32) -> Result<usize, i32> {
    let words = Words { op: Words::ABORT, id, ..Words::default() };
    client.enter(|| send(&std::mem::ManuallyDrop::new(Fd::new(fd)), words, &mut []))
}

fn both(test: impl Fn(Features)) {
    [Features::empty(), Features::BLOCKS].into_iter().for_each(test);
}

#[test]
fn what_a_driver_keeps_is_answered_late_and_holds_up_nobody() {
    both(|features| {
        let (world, events) = shelf(features, false);
        let client = world.process(0, 0);
        let fd = handle(&client, "/scheme/shelf");
        let message = reading(&client, fd, 1);
        expect(&events, Event::Kept);
        let standard = client.spawn(move || {
            let mut byte = [0];
            sys::pread(fd, &mut byte, 0).map(|_| byte[0]).map_err(|error| error.errno)
        });
        expect(&events, Event::Kept);
        // The same driver goes on: what ends the reads comes by the same thread.
        world.root(|| {
            let other = open("/scheme/shelf", O_RDWR, 0).unwrap();
            assert_eq!(send(&other, words(FLUSH), &mut []), Ok(0));
            assert!(!message.is_finished() && !standard.is_finished());
            assert_eq!(errno(other.write(b"now")), Ok(3));
        });
        assert_eq!((message.join().unwrap(), standard.join().unwrap()), (Ok(b'!'), Ok(b'!')));
        client.exit();
    });
}

#[test]
fn an_abort_by_id_comes_to_the_keeper_of_that_message_and_no_other() {
    both(|features| {
        let (world, events) = shelf(features, false);
        let client = world.process(0, 0);
        let [fd, other] = [(), ()].map(|()| handle(&client, "/scheme/shelf"));
        let reads = [(fd, 1), (fd, 2), (other, 1)].map(|(fd, id)| {
            let read = reading(&client, fd, id);
            expect(&events, Event::Kept);
            read
        });
        assert_eq!(abort(&client, fd, 3), Err(ENOENT), "an id that was never given");
        assert_eq!(abort(&client, fd, 1), Ok(0));
        expect(&events, Event::Aborted);
        let [first, second, elsewhere] = reads;
        assert_eq!(first.join().unwrap(), Err(ECANCELED));
        assert_eq!(abort(&client, fd, 1), Err(ENOENT), "answered");
        assert!(!second.is_finished() && !elsewhere.is_finished());
        assert_eq!((abort(&client, fd, 2), abort(&client, other, 1)), (Ok(0), Ok(0)));
        assert_eq!(
            (second.join().unwrap(), elsewhere.join().unwrap()),
            (Err(ECANCELED), Err(ECANCELED))
        );
        client.exit();
    });
}

#[test]
fn an_abort_is_a_hint_and_what_ignores_it_still_answers() {
    both(|features| {
        let (world, events) = shelf(features, true);
        let client = world.process(0, 0);
        let fd = handle(&client, "/scheme/shelf");
        let read = reading(&client, fd, 9);
        expect(&events, Event::Kept);
        assert_eq!(abort(&client, fd, 9), Ok(0));
        expect(&events, Event::Aborted);
        assert_eq!(abort(&client, fd, 9), Ok(0), "still under way");
        assert!(!read.is_finished());
        world.root(|| {
            let other = open("/scheme/shelf", O_RDWR, 0).unwrap();
            assert_eq!(errno(other.write(b"now")), Ok(3));
        });
        assert_eq!(read.join().unwrap(), Ok(b'!'));
        assert!(events.try_recv().is_err(), "the keeper is told once");
        client.exit();
    });
}

#[test]
fn a_malformed_abort_aborts_nothing() {
    let (world, events) = shelf(Features::empty(), false);
    let client = world.process(0, 0);
    let fd = handle(&client, "/scheme/shelf");
    let read = reading(&client, fd, 4);
    expect(&events, Event::Kept);
    let abort = Words { op: Words::ABORT, id: 4, ..Words::default() };
    client.enter(|| {
        let fd = std::mem::ManuallyDrop::new(Fd::new(fd));
        for wrong in [
            Words { window: 1, ..abort },
            Words { offset: 1, ..abort },
            Words { object: 1, ..abort },
            Words { len: 1, ..abort },
        ] {
            assert_eq!(send(&fd, wrong, &mut []), Err(EPROTO), "{wrong:?}");
        }
        assert_eq!(send(&fd, abort, &mut [0; 8]), Err(EPROTO));
        assert_eq!(send(&fd, Words { op: Words::ABORT - 1, ..abort }, &mut []), Err(ENOSYS));
        let names = open("/scheme", O_RDONLY, 0);
        drop(names);
    });
    assert!(!read.is_finished());
    assert_eq!(self::abort(&client, fd, 4), Ok(0));
    assert_eq!(read.join().unwrap(), Err(ECANCELED));
    client.exit();
}

#[test]
fn a_signal_comes_to_the_keeper_through_any_chain_of_services() {
    for services in 0..3 {
        let (world, events, path) = chain(services);
        let client = world.process(0, 0);
        let fd = handle(&client, &path);
        let message = reading(&client, fd, 1);
        expect(&events, Event::Kept);
        client.wait_blocked(1);
        assert_eq!(client.interrupt(), 1);
        expect(&events, Event::Aborted);
        assert_eq!(message.join().unwrap(), Err(EINTR), "{services}");
        let standard =
            client.spawn(move || sys::pread(fd, &mut [0], 0).map_err(|error| error.errno));
        expect(&events, Event::Kept);
        client.wait_blocked(1);
        assert_eq!(client.interrupt(), 1);
        expect(&events, Event::Aborted);
        assert_eq!(standard.join().unwrap(), Err(EINTR), "{services}");
        client.exit();
    }
}

#[test]
fn an_abort_by_id_goes_through_any_chain_of_services() {
    for services in 0..3 {
        let (world, events, path) = chain(services);
        let client = world.process(0, 0);
        let fd = handle(&client, &path);
        for id in [7, 8] {
            let read = reading(&client, fd, id);
            expect(&events, Event::Kept);
            assert_eq!(abort(&client, fd, id), Ok(0));
            expect(&events, Event::Aborted);
            assert_eq!(read.join().unwrap(), Err(ECANCELED), "{services}");
        }
        client.exit();
    }
}

#[test]
fn a_client_that_dies_takes_its_messages_with_it_through_any_chain_of_services() {
    for services in 0..3 {
        let (world, events, path) = chain(services);
        let client = world.process(0, 0);
        let fd = handle(&client, &path);
        let read = reading(&client, fd, 1);
        expect(&events, Event::Kept);
        client.wait_blocked(1);
        client.kill();
        assert!(read.join().unwrap().is_err());
        expect(&events, Event::Aborted);
        // The services go on: another client's message takes the same way.
        let client = world.process(0, 0);
        let fd = handle(&client, &path);
        let read = reading(&client, fd, 1);
        expect(&events, Event::Kept);
        assert_eq!(abort(&client, fd, 1), Ok(0));
        assert_eq!(read.join().unwrap(), Err(ECANCELED), "{services}");
        client.exit();
    }
}

#[test]
fn a_message_that_waits_behind_another_is_aborted_where_it_waits() {
    let (world, events, path) = chain(1);
    let client = world.process(0, 0);
    let fd = handle(&client, &path);
    // The upper service's thread waits for the first; the second is behind it.
    let first = reading(&client, fd, 1);
    expect(&events, Event::Kept);
    let second = reading(&client, fd, 2);
    client.wait_blocked(2);
    assert_eq!(abort(&client, fd, 2), Ok(0));
    assert_eq!(second.join().unwrap(), Err(ECANCELED));
    assert!(events.try_recv().is_err() && !first.is_finished());
    assert_eq!(abort(&client, fd, 1), Ok(0));
    assert_eq!(first.join().unwrap(), Err(ECANCELED));
    client.exit();
}

/// A thread that crosses to a port, and the port in front of it.
fn front(client: &Process, path: &str) -> Arc<ThreadPort<Body, SchemeAgent<Body>>> {
    let agent = client.enter(|| SchemeAgent::connect(path).unwrap());
    let port = Arc::new(ThreadPort::new(agent));
    let running = Arc::clone(&port);
    client.spawn(move || running.run(&PARK));
    port
}

#[test]
fn a_deadline_comes_to_the_keeper_through_any_chain_of_services() {
    for services in 0..3 {
        let (world, events, path) = chain(services);
        let client = world.process(0, 0);
        let port = front(&client, &path);
        client.enter(|| {
            let mut byte = [0];
            let mut call = Call::new(Body::new(READ, Cred::ROOT), Data::sink(&mut byte));
            // Whether it comes before the message is there, or after.
            for after in [0, 1_000_000, 20_000_000] {
                let status = call.run_until(&*port, &PARK, clock() + after);
                assert_eq!(status, Errno::ETIMEDOUT.into(), "{services}");
            }
            let mut flush = Call::new(Body::new(FLUSH, Cred::ROOT), Data::NONE);
            assert_eq!(flush.run(&*port, &PARK), Status::OK);
        });
        port.close();
        drop(events);
        client.exit();
    }
}

#[test]
fn a_future_that_is_aborted_or_dropped_ends_at_the_keeper() {
    for services in 0..3 {
        let (world, events, path) = chain(services);
        let client = world.process(0, 0);
        let front = front(&client, &path);
        let port: Arc<dyn Port<Body>> = Arc::<ThreadPort<_, _>>::clone(&front);
        let ask = || {
            let mut message = Message::new(Body::new(READ, Cred::ROOT));
            message.set_data(agent::Bytes::Sink(vec![0]));
            message.ask(&port)
        };
        client.enter(|| {
            let pending = ask();
            expect(&events, Event::Kept);
            pending.abort();
            expect(&events, Event::Aborted);
            drop(pending);
            let dropped = ask();
            expect(&events, Event::Kept);
            drop(dropped);
            expect(&events, Event::Aborted);
            let poll = Op::Poll { interest: Ready::READ };
            let mut poll = Call::new(Body::new(poll, Cred::ROOT), Data::NONE);
            assert_eq!(poll.run(&*front, &PARK), Status::OK);
        });
        front.close();
        client.exit();
    }
}

#[test]
fn a_service_that_ends_lets_go_of_what_its_drivers_keep() {
    let (mut world, events) = shelf(Features::empty(), false);
    let client = world.process(0, 0);
    let fd = handle(&client, "/scheme/shelf");
    let read = reading(&client, fd, 1);
    expect(&events, Event::Kept);
    world.stop(0);
    expect(&events, Event::Aborted);
    client.kill();
    assert!(read.join().unwrap().is_err());
}

#[test]
fn random_aborts_of_many_messages_lose_and_double_none() {
    let (world, events, path) = chain(1);
    let client = world.process(0, 0);
    // Opened before: an open waits behind what is under way.
    let fds = [(); 4].map(|()| handle(&client, &path));
    let reads: Vec<_> = (0..4)
        .zip(fds)
        .map(|(thread, fd)| {
            let read = client.spawn(move || {
                let fd = std::mem::ManuallyDrop::new(Fd::new(fd));
                (0..100)
                    .filter(|round| {
                        let id = thread * 1000 + round;
                        let mut byte = [0];
                        match send(&fd, Words { id, len: 1, ..words(READ) }, &mut byte) {
                            Ok(1) => assert_eq!(byte, *b"!"),
                            other => assert_eq!(other, Err(ECANCELED)),
                        }
                        byte == [0]
                    })
                    .count()
            });
            (thread, fd, read)
        })
        .collect();
    // Each message is aborted until it is over: before it is there, where it waits, where it is
    // kept, on its way back.
    let aborters: Vec<_> = reads
        .iter()
        .map(|(thread, fd, _)| {
            let (thread, fd) = (*thread, *fd);
            client.spawn(move || {
                let fd = std::mem::ManuallyDrop::new(Fd::new(fd));
                for round in 0..100 {
                    let id = thread * 1000 + round;
                    let words = Words { op: Words::ABORT, id, ..Words::default() };
                    while send(&fd, words, &mut []) == Err(ENOENT) {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    aborters.into_iter().for_each(|aborter| aborter.join().unwrap());
    let cancelled: usize = reads.into_iter().map(|(_, _, read)| read.join().unwrap()).sum();
    assert_eq!(cancelled, 400);
    drop(events);
    client.exit();
}

#[test]
fn a_remote_that_is_interrupted_sends_the_abort_from_a_thread_of_its_own() {
    let (world, events, path) = chain(0);
    let client = world.process(0, 0);
    let remote = client.enter(|| Arc::new(Remote::connect(&path).unwrap()));
    let port = Arc::new(ThreadPort::new(driver_pass_through(Arc::clone(&remote))));
    let running = Arc::clone(&port);
    client.spawn(move || running.run(&PARK));
    client.enter(|| {
        let mut byte = [0];
        let mut call = Call::new(Body::new(READ, Cred::ROOT), Data::sink(&mut byte));
        let status = call.run_until(&*port, &PARK, clock() + 1_000_000);
        assert_eq!(status, Errno::ETIMEDOUT.into());
    });
    port.close();
    drop(events);
    client.exit();
}

/// The remote as a port of a known size.
fn driver_pass_through(remote: Arc<Remote>) -> impl Port<Body> {
    struct Shared(Arc<Remote>);
    impl Port<Body> for Shared {
        fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
            self.0.begin(request)
        }

        fn interrupt(&self, id: MessageId) {
            self.0.interrupt(id);
        }
    }
    Shared(remote)
}
