//! Direct connections: the service makes the handle.

use std::{sync::Arc, time::Duration};

use agent::{Call, Data, Errno, Exchange, Outcome, SchemeAgent, Status};
use client::{Connect, Event, Port};
use driver::{Body, Class, Cred, Description, Driver, Features, Node, Op, Request};
use libredox::{Fd, errno::*, flag::*};
use service::{Minter, PARK, Service};
use smoke::{End, Process, World, errno, files};

use super::{NULL, beside, make};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    the_service_makes_the_handle_for_its_opener_and_a_message_crosses_once,
    an_open_is_answered_late_and_nobody_else_waits,
    a_service_refuses_or_lets_go_of_an_opener,
    a_service_that_never_answers_costs_that_opener_only,
    a_service_that_dies_leaves_no_opener_waiting,
];

/// Openers are connected directly.
const MODE: u16 = 0o1622;

/// Answers each flush with the uid of who sent it.
struct WhoAsks;

impl agent::Port<Body> for WhoAsks {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let status = match request.body().op {
            Op::Flush { .. } => Status::ok(request.body().cred.uid as usize),
            _ => Status::OK,
        };
        request.done(status)
    }
}

impl Driver for WhoAsks {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

/// Makes a handle for each opener.
fn connect_all(mut port: Port, minter: &Minter) -> Result<(), Errno> {
    loop {
        let Event::Connect(connect) = port.receive()? else { continue };
        let sender = connect.sender();
        let cred = Cred { uid: sender.uid, gid: sender.gid };
        let handle = minter.mint(cred, connect.path(), connect.flags() as usize)?;
        connect.accept(handle)?;
    }
}

/// A process with a scheme of its own, which serves the port that is made here.
fn service(world: &World, path: &str) -> Process {
    world.spawn_with(0, make(path, MODE), |fd| {
        let service = Service::single("who", Arc::new(WhoAsks)).expect("it is made");
        let (port, minter) = (Port::new(fd), service.minter());
        std::thread::spawn(move || connect_all(port, &minter));
        service.run().expect("it serves until it is ended");
        Ok(0)
    })
}

/// The next one who opens.
fn opener(port: &mut Port) -> Connect {
    match port.receive() {
        Ok(Event::Connect(connect)) => connect,
        _ => panic!("somebody opens"),
    }
}

fn the_service_makes_the_handle_for_its_opener_and_a_message_crosses_once() {
    beside(|world, _, path| {
        let service = service(world, path);
        for uid in [0, 8, 9] {
            let to = path.to_string();
            let client = world.spawn_as(uid, move || {
                let who = SchemeAgent::connect(&to).unwrap();
                let flush = Body::new(Op::Flush { node: Node::ROOT }, Cred::ROOT);
                let mut call = Call::new(flush, Data::NONE);
                let status = call.run(&who, &PARK).result();
                assert_eq!((call.counts().crossings, call.counts().messages), (1, 1));
                super::ended(status)
            });
            assert_eq!(client.wait(), End::Gave(Ok(uid as usize)), "it knows whose it is");
        }
        service.kill();
        assert_eq!(service.wait(), End::Killed);
    });
}

fn an_open_is_answered_late_and_nobody_else_waits() {
    beside(|world, daemon, path| {
        let mut port = Port::create(path, MODE).unwrap();
        let to = format!("{path}/some/./where");
        let mut client = world.spawn_as(8, move || {
            let handle = files::open(&to, O_RDWR, 0)?;
            errno(handle.write(b"it is null"))
        });
        let connect = opener(&mut port);
        assert_eq!((connect.path(), connect.access()), (b"some/where".as_slice(), 3));
        let sender = connect.sender();
        assert_eq!((sender.uid, sender.gid, sender.pid), (8, 8, client.pid()));
        assert_eq!(files::list(&daemon.path).unwrap(), ["null", "user"]);
        assert!(!client.has_ended());
        connect.accept(files::open(&daemon.at("null"), O_RDWR, 0).unwrap()).unwrap();
        assert_eq!(client.wait(), End::Gave(Ok(10)));
    });
}

/// A process that opens a port; its end is the open's.
fn opening(world: &World, path: &str) -> Process {
    let to = path.to_string();
    world.spawn_as(8, move || files::open(&to, O_RDWR, 0).map(|_| 0))
}

fn a_service_refuses_or_lets_go_of_an_opener() {
    beside(|world, _, path| {
        let mut port = Port::create(path, MODE).unwrap();
        let first = opening(world, path);
        opener(&mut port).refuse(Errno::EROFS).unwrap();
        assert_eq!(first.wait(), End::Gave(Err(EROFS)));
        let second = opening(world, path);
        drop(opener(&mut port));
        assert_eq!(second.wait(), End::Gave(Err(ECANCELED)));
    });
}

/// Opens again and again, as long as there is the port.
fn open_for_ever(path: &str) -> Result<usize, i32> {
    let mut waited = 0;
    loop {
        match files::open(path, O_RDWR, 0).err() {
            Some(ETIMEDOUT) => waited += 1,
            Some(ENOENT) if waited == 0 => std::thread::yield_now(),
            // The last one may be let go of with the port.
            Some(ENOENT | ENODEV | ECONNRESET | ECANCELED) => return Ok(0),
            other => return Err(other.unwrap_or(EEXIST)),
        }
    }
}

fn a_service_that_never_answers_costs_that_opener_only() {
    let world = World::new();
    let daemon = world.service(|name| {
        let service = portd::serve(name, NULL).expect("the description is good");
        service.set_connect_limit(Duration::from_millis(20));
        service
    });
    let path = daemon.at("user/0/port");
    let to = path.clone();
    // It does not have the port that is made here later.
    let client = world.spawn(move || open_for_ever(&to));
    world.here(|| {
        let mut port = Port::create(&path, MODE).unwrap();
        let mut taken = vec![opener(&mut port)];
        assert_eq!(files::list(&daemon.path).unwrap(), ["null", "user"]);
        loop {
            match port.receive().unwrap() {
                Event::Aborted(number) if number == taken[0].number() => break,
                Event::Connect(connect) => taken.push(connect),
                _ => {}
            }
        }
        let late = files::open(&daemon.at("null"), O_RDONLY, 0).unwrap();
        assert_eq!(taken.remove(0).accept(late), Err(Errno::ETIMEDOUT));
        drop((taken, port));
    });
    assert_eq!(client.wait(), End::Gave(Ok(0)));
}

fn a_service_that_dies_leaves_no_opener_waiting() {
    beside(|world, daemon, path| {
        let aside = daemon.at("user/0/aside");
        let server = {
            let aside = aside.clone();
            world.spawn_with(0, make(path, MODE), move |fd| {
                // One is taken, and never answered.
                let taken = errno(fd.read(&mut [0; 64]))?;
                let waits = Port::create(&aside, 0o600);
                super::ended(waits.and_then(|mut waits| waits.receive().map(|_| taken)))
            })
        };
        let openings = [opening(world, path), opening(world, path)];
        super::until(|| Fd::open(&aside, O_RDWR, 0).is_ok());
        server.kill();
        assert_eq!(server.wait(), End::Killed);
        let mut ends = openings.map(|opening| match opening.wait() {
            End::Gave(Err(errno)) => errno,
            other => panic!("{other:?}"),
        });
        ends.sort_unstable();
        // The other one waits there or comes too late.
        assert!(ends.contains(&ECONNRESET), "{ends:?}");
        assert!(ends.iter().any(|end| [ENODEV, ENOENT].contains(end)), "{ends:?}");
    });
}
