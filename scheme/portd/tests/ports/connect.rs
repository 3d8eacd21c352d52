//! Direct connections: the service makes the handle. What both worlds can show is in the smoke
//! suite.

use std::{sync::Arc, time::Duration};

use agent::{Call, Counts, Data, Errno, Exchange, Outcome, Status};
use client::{Connect, Event, Port, SendRight};
use driver::{Body, Class, Cred, Description, Driver, Features, Node, Op, Request};
use host::Process;
use libredox::{errno::*, flag::*};
use service::{Minter, PARK, Remote, Service};

use crate::{
    common::{World, errno, open},
    setup::{NAME, ends, message, numbered, world},
};

/// The name of a service's port; its openers are connected directly.
const DIRECT: &str = "/scheme/port/user/7/service";
const MODE: u16 = 0o1622;
/// More than any test takes that goes well.
const LONG: Duration = Duration::from_secs(600);

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

/// A daemon that gives services this long to answer.
fn patient_world(limit: Duration) -> World {
    let mut world = World::new();
    let make = move || {
        let service = portd::serve("port", "[[driver]]\nname = \"null\"\nkind = \"null\"");
        let service = service.map_err(|error| error.to_string())?;
        service.set_connect_limit(limit);
        Ok(service)
    };
    world.start("port", make).unwrap();
    world
}

/// The next one who opens.
fn opener(port: &mut Port) -> Connect {
    match port.receive() {
        Ok(Event::Connect(connect)) => connect,
        _ => panic!("somebody opens"),
    }
}

/// A service with a scheme of its own that nobody can open by name; what makes its handles.
fn service(world: &World) -> (Process, Minter) {
    let process = world.process(0, 0);
    let (tell, made) = std::sync::mpsc::channel();
    process.spawn(move || {
        let service = Service::single("who", Arc::new(WhoAsks)).unwrap();
        tell.send(service.minter()).unwrap();
        let _ = service.run();
    });
    (process, made.recv().unwrap())
}

/// Opens in a thread of a client's, which then asks who it is.
fn asking(client: &Process) -> std::thread::JoinHandle<(Result<usize, Errno>, Counts, u64)> {
    let process = client.clone();
    client.spawn(move || {
        let who = Remote::connect(DIRECT).unwrap();
        let before = process.stats();
        let mut call = Call::new(Body::new(Op::Flush { node: Node::ROOT }, Cred::ROOT), Data::NONE);
        let status = call.run(&who as &dyn agent::Port<Body>, &PARK).result();
        (status, call.counts(), process.stats().since(&before).requests)
    })
}

#[test]
fn the_service_makes_the_handle_for_its_opener_and_a_message_crosses_once() {
    let world = world();
    let (process, minter) = service(&world);
    let mut port = process.enter(|| {
        let port = Port::create(DIRECT, MODE).unwrap();
        port.fd().chown(7, 7).unwrap();
        port
    });
    for uid in [8, 9] {
        let client = world.process(uid, 100);
        let asking = asking(&client);
        process.enter(|| {
            let connect = opener(&mut port);
            let sender = connect.sender();
            assert_eq!((sender.uid, sender.gid, sender.pid), (uid, 100, client.pid() as u32));
            assert_eq!((connect.access(), connect.path()), (3, b"".as_slice()));
            let cred = Cred { uid: sender.uid, gid: sender.gid };
            let handle = minter.mint(cred, connect.path(), connect.flags() as usize).unwrap();
            connect.accept(handle).unwrap();
        });
        let (status, counts, requests) = asking.join().unwrap();
        assert_eq!(status, Ok(uid as usize), "the service knows whose it is");
        assert_eq!((counts.crossings, counts.messages), (1, 1));
        assert_eq!(requests, 1, "no more than one request reaches any scheme");
    }
    process.enter(|| drop(port));
    process.exit();
}

#[test]
fn an_opener_that_is_interrupted_waits_no_more() {
    let world = patient_world(LONG);
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let mut port = server.enter(|| Port::create(DIRECT, MODE).unwrap());
    let opening = client.spawn(|| open(DIRECT, O_RDWR, 0).err());
    let connect = server.enter(|| opener(&mut port));
    client.wait_blocked(1);
    client.interrupt();
    assert_eq!(opening.join().unwrap(), Some(EINTR));
    server.enter(|| {
        assert!(matches!(port.receive(), Ok(Event::Aborted(_))));
        drop((connect, port));
    });
}

#[test]
fn an_opener_is_answered_with_a_descriptor_and_nothing_else() {
    let world = patient_world(LONG);
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let (port, mut plain) =
        server.enter(|| (Port::create(DIRECT, MODE).unwrap(), Port::create(NAME, 0o666).unwrap()));
    let opening = client.spawn(|| open(DIRECT, O_RDWR, 0).map(libredox::Fd::into_raw));
    server.enter(|| {
        let mut buffer = [0; 64];
        assert_eq!(port.fd().read(&mut buffer).unwrap(), 64);
        let record = client::record::View::new(&buffer).unwrap().parse().unwrap();
        let counted = client::record::Record::new(client::record::Verb::Reply, record.id);
        assert_eq!(errno(port.fd().write(&counted.to_bytes())), Err(EINVAL));
        let pass = |port: &Port, count: usize, number: u64| {
            let fds = (0..count).map(|_| open("/scheme/port/null", O_RDONLY, 0).unwrap());
            let bytes: Vec<u8> = fds.flat_map(|fd| fd.into_raw().to_ne_bytes()).collect();
            errno(port.fd().call_wo(&bytes, syscall::CallFlags::FD, &[number]))
        };
        assert_eq!(pass(&port, 2, record.id), Err(EINVAL));
        assert_eq!(pass(&port, 1, record.id + 1), Err(ENOENT));
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        let message = message(&mut plain);
        assert_eq!(pass(&plain, 1, message.number().into()), Err(EINVAL), "nobody opens");
        message.reply(Ok(1), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(1, Ok(1))]);
        // The daemon's own handle will do as well as any.
        assert_eq!(pass(&port, 1, record.id), Ok(1));
        drop((port, plain));
    });
    let fd = libredox::Fd::new(opening.join().unwrap().unwrap());
    client.enter(|| {
        assert_eq!(errno(fd.read(&mut [0; 8])), Ok(0), "it is null");
        drop(fd);
    });
}

#[test]
fn the_daemon_passes_handles_of_its_own_on_and_waits_for_nobody() {
    let world = patient_world(LONG);
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let (mut direct, mut port) =
        server.enter(|| (Port::create(DIRECT, MODE).unwrap(), Port::create(NAME, 0o600).unwrap()));
    let sending = client.spawn(|| {
        let right = SendRight::open(DIRECT).unwrap();
        right.send_one(numbered(5)).unwrap();
        ends(&right)
    });
    server.enter(|| {
        let right = SendRight::open(NAME).unwrap();
        opener(&mut direct).accept(right.into_fd()).unwrap();
        let message = message(&mut port);
        assert_eq!(message.sender().uid, 7, "a right acts in the name of who opened it");
        message.reply(Ok(6), [0; 3], &[]).unwrap();
    });
    assert_eq!(sending.join().unwrap(), [(5, Ok(6))]);
    server.enter(|| drop((direct, port)));
}

#[test]
fn an_opener_is_passed_on_from_port_to_port() {
    let world = patient_world(LONG);
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let (mut direct, mut port) =
        server.enter(|| (Port::create(DIRECT, MODE).unwrap(), Port::create(NAME, 0o600).unwrap()));
    let opening = client.spawn(|| open(DIRECT, O_RDWR, 0).err());
    server.enter(|| {
        let right = SendRight::open(NAME).unwrap();
        let words = [right.fd().stat().unwrap().st_ino, 0, 0];
        let mut buffer = [0; 64];
        direct.fd().read(&mut buffer).unwrap();
        let record = client::record::View::new(&buffer).unwrap().parse().unwrap();
        let verb = client::record::Verb::Forward;
        let forward = client::record::Record { verb, words, ..record };
        assert_eq!(errno(direct.fd().write(&forward.to_bytes())), Ok(64));
        opener(&mut port).refuse(Errno::ENXIO).unwrap();
        assert!(direct.set_nonblocking(true).is_ok() && direct.receive().is_err());
        drop((direct, port));
    });
    assert_eq!(opening.join().unwrap(), Some(ENXIO));
}

#[test]
fn who_waits_at_a_port_that_was_never_used_is_told_when_it_goes() {
    let world = patient_world(Duration::from_millis(20));
    let (maker, client) = (world.process(7, 7), world.process(8, 8));
    let port = maker.enter(|| open(NAME, O_RDWR | O_CREAT | O_EXCL, 0o666).unwrap());
    let calling = client.spawn(|| SendRight::open(NAME).map(|right| right.call(1, 0, &mut [])));
    // It asks while the port is there, or after.
    let made = maker.enter(|| {
        loop {
            match Port::create(NAME, 0o666) {
                Err(Errno::EEXIST) => std::thread::yield_now(),
                made => break made.unwrap(),
            }
        }
    });
    maker.enter(|| {
        assert_eq!(errno(port.read(&mut [0; 64])), Err(EBADF), "its handle is gone as well");
        drop((port, made));
    });
    let end = calling.join().unwrap();
    assert!(matches!(end, Ok(Err(Errno::ENODEV)) | Err(Errno::ENOENT)), "{end:?}");
}
