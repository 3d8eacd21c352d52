//! Drivers that block, and drivers that fail: everybody else goes on.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use agent::{Kept, MessageId, Neighbour, Outcome, Port, SchemeAgent, Status};
use common::{World, errno, get, list, open, put, send, words};
use driver::{
    Attr, Body, Class, Description, Driver, Exchange, Features, FileKind, Node, Op, Reply, Request,
};
use host::sys;
use libredox::{errno::*, flag::*};
use service::{Host, Service};
use stack::{Environment, Made};

/// Reads from here on wait at the gate.
const GATE: u64 = 1000;
/// More than any test takes that goes well.
const LONG: Duration = Duration::from_secs(30);

/// What a gated driver tells: it waits at the gate; a node was closed.
#[derive(Debug, PartialEq)]
enum Event {
    Waits,
    Closed,
}

/// A file system of one file, whose reads wait until a gate is open.
struct Gated {
    tell: Mutex<Sender<Event>>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }
}

impl Gated {
    fn new() -> (Arc<Gated>, Arc<Gate>, Receiver<Event>) {
        let (tell, events) = mpsc::channel();
        let gate = Arc::new(Gate::default());
        (Arc::new(Gated { tell: Mutex::new(tell), gate: Arc::clone(&gate) }), gate, events)
    }

    fn tell(&self, event: Event) {
        let _ = self.tell.lock().unwrap().send(event);
    }
}

impl Port<Body> for Gated {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let attr = Attr { kind: FileKind::Regular, mode: 0o666, ..Attr::default() };
        let status = match request.body().op {
            Op::Read { offset, .. } => {
                if offset >= GATE {
                    self.tell(Event::Waits);
                    self.gate.pass();
                }
                request.fill(0, &[offset as u8]).map(|()| 1).into()
            }
            Op::Lookup { .. } => {
                request.body_mut().reply = Reply::Entry { node: Node::ROOT, attr };
                Status::OK
            }
            Op::Close { .. } => {
                self.tell(Event::Closed);
                Status::OK
            }
            _ => Status::OK,
        };
        request.done(status)
    }
}

impl Driver for Gated {
    fn describe(&self) -> Description {
        Description::new(Class::File, Features::BLOCKS)
    }
}

/// A driver that panics when it is written to.
struct Fragile;

impl Port<Body> for Fragile {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        assert!(!matches!(request.body().op, Op::Write { .. }), "as the test wants");
        request.done(Status::OK)
    }
}

impl Driver for Fragile {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::empty())
    }
}

/// Serves a file system in memory, and a test's driver beside it.
fn beside(name: &'static str, driver: Arc<dyn Driver>) -> World {
    let mut world = World::new();
    let make = move || {
        let plan = portd::plan("[[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"").unwrap();
        let mut stack = portd::build(&plan).unwrap();
        let description = driver.describe();
        let placed = Host.place(name, &mut || Ok(Arc::clone(&driver))).unwrap();
        stack.rows.push(name.into());
        let port: Arc<dyn Port<Body>> = Arc::<dyn Driver>::clone(&placed);
        stack.drivers.push(Made {
            name: name.into(),
            kind: "test",
            on: None,
            port: Neighbour::new(port, 2),
            driver: placed,
            description,
            agent: None,
        });
        Service::directory("port", &stack, plan.draw()).map_err(|failure| failure.to_string())
    };
    world.start("port", make).unwrap();
    world
}

/// Reads one byte in a thread of a client; gives what came of it.
fn reading(client: &host::Process, offset: u64) -> std::thread::JoinHandle<Result<u8, i32>> {
    client.spawn(move || {
        let file = open("/scheme/port/gated", O_RDONLY, 0)?;
        let mut byte = [0];
        sys::pread(file.raw(), &mut byte, offset).map_err(|error| error.errno)?;
        Ok(byte[0])
    })
}

#[test]
fn a_stuck_request_holds_up_nobody_but_its_driver() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let stuck = reading(&client, GATE + 1);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    world.root(|| {
        assert_eq!(list("/scheme/port").unwrap(), ["gated", "tmp"]);
        put("/scheme/port/tmp/file", b"on we go").unwrap();
        assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"on we go");
        assert_eq!(open("/scheme/port/none", O_RDONLY, 0).err(), Some(ENOENT));
        assert!(!get("/scheme/port/.plan").unwrap().is_empty());
    });
    assert!(!stuck.is_finished());
    let queued = reading(&world.process(0, 0), 5);
    gate.open();
    assert_eq!(stuck.join().unwrap(), Ok((GATE + 1) as u8));
    assert_eq!(queued.join().unwrap(), Ok(5));
}

#[test]
fn a_window_is_unmapped_although_its_driver_is_stuck() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let agent = client.enter(|| {
        let file = open("/scheme/port/gated", O_RDONLY, 0).unwrap();
        let agent = SchemeAgent::<Body>::new(file);
        drop(agent.buffer(4096).unwrap());
        agent
    });
    let stuck = reading(&client, GATE + 1);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    // What unmaps waits for an answer.
    client.enter(|| drop(agent));
    assert!(!stuck.is_finished());
    gate.open();
    assert_eq!(stuck.join().unwrap(), Ok((GATE + 1) as u8));
}

#[test]
fn a_waiting_request_is_cancelled_and_the_running_one_completes() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let (running, waiting) = (world.process(0, 0), world.process(0, 0));
    let file = waiting.enter(|| open("/scheme/port/gated", O_RDONLY, 0).unwrap().into_raw());
    let first = reading(&running, GATE + 2);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    let second = waiting.spawn(move || sys::pread(file, &mut [0], 3).map_err(|e| e.errno));
    waiting.wait_blocked(1);
    assert_eq!(waiting.interrupt(), 1);
    assert_eq!(second.join().unwrap(), Err(EINTR));
    running.wait_blocked(1);
    assert_eq!(running.interrupt(), 1);
    // A round trip of the same daemon: it has seen the cancellation.
    world.root(|| list("/scheme/port").unwrap());
    assert!(!first.is_finished());
    gate.open();
    assert_eq!(first.join().unwrap(), Ok((GATE + 2) as u8));
    // Tags are used again: each request has its own answer.
    for offset in 0..50 {
        assert_eq!(reading(&waiting, offset).join().unwrap(), Ok(offset as u8));
    }
}

#[test]
fn a_close_waits_its_turn_and_is_not_cancelled_for_another() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let path = "/scheme/port/gated";
    let (stuck, idle) =
        client.enter(|| (open(path, O_RDONLY, 0).unwrap(), open(path, O_RDONLY, 0).unwrap()));
    let fd = stuck.raw();
    let read = client.spawn(move || sys::pread(fd, &mut [0], GATE).map_err(|e| e.errno));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    client.enter(|| drop(idle));
    // The close has no tag: that of the request that is interrupted must not be taken for it.
    client.wait_blocked(1);
    assert_eq!(client.interrupt(), 1);
    world.root(|| list("/scheme/port").unwrap());
    gate.open();
    assert_eq!(read.join().unwrap(), Ok(1));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Closed));
    client.enter(|| drop(stuck));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Closed));
}

#[test]
fn a_client_that_dies_while_its_request_is_stuck_harms_nobody() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let stuck = reading(&client, GATE);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    let queued = reading(&client, GATE);
    client.wait_blocked(2);
    client.kill();
    assert!(stuck.join().unwrap().is_err() && queued.join().unwrap().is_err());
    gate.open();
    world.root(|| {
        let file = open("/scheme/port/gated", O_RDONLY, 0).unwrap();
        assert_eq!(sys::pread(file.raw(), &mut [0], 4), Ok(1));
        assert_eq!(list("/scheme/port").unwrap(), ["gated", "tmp"]);
    });
}

#[test]
fn a_full_queue_pushes_back() {
    let (driver, gate, events) = Gated::new();
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let file = client.enter(|| open("/scheme/port/gated", O_RDONLY, 0).unwrap().into_raw());
    let idle = client.enter(|| open("/scheme/port/gated", O_RDONLY, 0).unwrap());
    let one = move |offset| sys::pread(file, &mut [0], offset).map_err(|error| error.errno);
    let running = client.spawn(move || one(GATE));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    let filling: Vec<_> = (1..agent::QUEUE_LIMIT).map(|_| client.spawn(move || one(0))).collect();
    client.wait_blocked(agent::QUEUE_LIMIT);
    assert_eq!(client.enter(|| one(0)), Err(EAGAIN));
    // A close can't be turned away: nobody would close again.
    client.enter(|| drop(idle));
    gate.open();
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Closed));
    assert_eq!(running.join().unwrap(), Ok(1));
    assert!(filling.into_iter().all(|one| one.join().unwrap() == Ok(1)));
    assert_eq!(client.enter(|| one(0)), Ok(1));
}

#[test]
fn a_driver_that_panics_fails_alone() {
    let world = beside("fragile", Arc::new(Fragile));
    world.root(|| {
        let fragile = open("/scheme/port/fragile", O_RDWR, 0).unwrap();
        assert_eq!(errno(fragile.read(&mut [0; 8])), Ok(0));
        assert_eq!(errno(fragile.write(b"x")), Err(EIO));
        assert_eq!(errno(fragile.write(b"x")), Err(EIO));
        assert_eq!(errno(fragile.read(&mut [0; 8])), Err(EIO));
        put("/scheme/port/tmp/file", b"on we go").unwrap();
        assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"on we go");
    });
}

#[test]
fn a_service_of_one_driver_outlives_its_panic() {
    let mut world = World::new();
    let make = || Service::single("fragile", Arc::new(Fragile)).map_err(|f| f.to_string());
    world.start("fragile", make).unwrap();
    world.root(|| {
        let fragile = open("/scheme/fragile", O_RDWR, 0).unwrap();
        assert_eq!(errno(fragile.read(&mut [0; 8])), Ok(0));
        let flush = words(Op::Flush { node: Node::ROOT });
        assert_eq!(send(&fragile, flush, &mut []), Ok(0));
        assert_eq!(errno(fragile.write(b"x")), Err(EIO));
        assert_eq!(send(&fragile, flush, &mut []), Err(EIO));
        assert!(open("/scheme/fragile", O_RDONLY, 0).is_ok());
        assert_eq!(fragile.stat().unwrap().st_mode, 0o020_666);
    });
}

#[test]
fn a_driver_that_blocks_is_served_alone_as_well() {
    let (driver, gate, events) = Gated::new();
    let mut world = World::new();
    world
        .start("gated", move || Service::single("gated", driver).map_err(|f| f.to_string()))
        .unwrap();
    gate.open();
    world.root(|| {
        let file = open("/scheme/gated/any", O_RDONLY, 0).unwrap();
        assert_eq!(sys::pread(file.raw(), &mut [0], GATE), Ok(1));
    });
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Closed));
}

#[test]
fn a_file_of_the_system_is_a_disk() {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(1 << 20).unwrap();
    let text = format!(
        "[[driver]]\nname = \"image\"\nkind = \"file\"\npath = {:?}\n\
         [[driver]]\nname = \"locked\"\nkind = \"file\"\npath = {0:?}\nread_only = true",
        image.path()
    );
    let world = World::serving(&text);
    world.root(|| {
        let disk = open("/scheme/port/image", O_RDWR, 0).unwrap();
        assert_eq!(disk.stat().unwrap().st_size, 1 << 20);
        assert_eq!(sys::pwrite(disk.raw(), &[9; 1024], 512), Ok(1024));
        assert_eq!(errno(disk.fsync()), Ok(()));
        let locked = open("/scheme/port/locked", O_RDWR, 0).unwrap();
        let mut bytes = [0; 2048];
        assert_eq!(sys::pread(locked.raw(), &mut bytes, 100), Ok(2048));
        assert!(bytes[..412].iter().all(|b| *b == 0) && bytes[412..1436].iter().all(|b| *b == 9));
        assert_eq!(sys::pread(locked.raw(), &mut bytes, (1 << 20) - 100), Ok(100));
        assert_eq!(sys::pwrite(locked.raw(), &[9; 512], 0).map_err(|e| e.errno), Err(EROFS));
        assert_eq!(sys::pwrite(disk.raw(), &[9; 512], 1 << 20).map_err(|e| e.errno), Err(ENOSPC));
        assert_eq!(sys::pwrite(disk.raw(), &[9; 512], 8).map_err(|e| e.errno), Err(EINVAL));
    });
    let written = std::fs::read(image.path()).unwrap();
    assert!(written[512..1536].iter().all(|b| *b == 9));
    assert_eq!(written.iter().filter(|b| **b != 0).count(), 1024);
}

#[test]
fn many_clients_of_one_thread_get_their_own_answers() {
    let (driver, gate, _events) = Gated::new();
    let world = beside("gated", driver);
    gate.open();
    let clients: Vec<_> = (0..8).map(|_| world.process(0, 0)).collect();
    let threads: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(index, client)| {
            client.spawn(move || {
                let file = open("/scheme/port/gated", O_RDONLY, 0).unwrap();
                for round in 0..200 {
                    let offset = (index * 200 + round) as u64;
                    let mut byte = [0];
                    assert_eq!(sys::pread(file.raw(), &mut byte, offset), Ok(1));
                    assert_eq!(byte[0], offset as u8);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A file system of one file that says nothing of blocking, and keeps what it is asked about it
/// until it is flushed.
#[derive(Default)]
struct Reluctant {
    kept: Mutex<Vec<Kept<Body>>>,
    came: Mutex<Option<Sender<Event>>>,
}

impl Port<Body> for Reluctant {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let attr = Attr { kind: FileKind::Regular, mode: 0o666, ..Attr::default() };
        match request.body().op {
            Op::Getattr { .. } => return request.keep(self),
            Op::Flush { .. } => {
                let waiting = std::mem::take(&mut *self.kept.lock().unwrap());
                for mut kept in waiting {
                    kept.body_mut().reply = Reply::Attr(attr);
                    kept.done(Status::OK);
                }
            }
            Op::Lookup { .. } => {
                request.body_mut().reply = Reply::Entry { node: Node::ROOT, attr };
            }
            _ => {}
        }
        request.done(Status::OK)
    }

    fn take(&self, kept: Kept<Body>) {
        self.kept.lock().unwrap().push(kept);
        self.came.lock().unwrap().as_ref().unwrap().send(Event::Waits).unwrap();
    }

    fn abort(&self, id: MessageId) {
        let mut kept = self.kept.lock().unwrap();
        let found = kept.iter().position(|kept| kept.id() == id).map(|at| kept.swap_remove(at));
        drop(kept);
        drop(found);
    }
}

impl Driver for Reluctant {
    fn describe(&self) -> Description {
        Description::new(Class::File, Features::CONCURRENT)
    }
}

#[test]
fn a_request_that_waits_does_not_keep_the_others_from_being_read() {
    let (tell, events) = mpsc::channel();
    let driver = Arc::new(Reluctant { came: Mutex::new(Some(tell)), ..Reluctant::default() });
    let world = beside("gated", driver);
    let client = world.process(0, 0);
    let path = "/scheme/port/gated";
    let fd = client.enter(|| open(path, O_RDWR, 0).unwrap().into_raw());
    let stat = || client.spawn(move || sys::fstat(fd).map(|stat| stat.st_mode & 0o777));
    for round in 0..3 {
        // More of them than there were threads before.
        let waiting: Vec<_> = (0..4).map(|_| stat()).collect();
        (0..4).for_each(|_| assert_eq!(events.recv_timeout(LONG), Ok(Event::Waits)));
        world.root(|| {
            assert_eq!(list("/scheme/port").unwrap(), ["gated", "tmp"]);
            put("/scheme/port/tmp/file", b"on we go").unwrap();
            assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"on we go");
        });
        assert!(waiting.iter().all(|one| !one.is_finished()), "{round}");
        if round == 1 {
            client.wait_blocked(4);
            assert_eq!(client.interrupt(), 4);
            waiting
                .into_iter()
                .for_each(|one| assert_eq!(one.join().unwrap().unwrap_err().errno, EINTR));
            continue;
        }
        world.root(|| {
            let file = open(path, O_RDWR, 0).unwrap();
            assert_eq!(send(&file, words(Op::Flush { node: Node::ROOT }), &mut []), Ok(0));
        });
        waiting.into_iter().for_each(|one| assert_eq!(one.join().unwrap().unwrap(), 0o666));
    }
    client.exit();
}
