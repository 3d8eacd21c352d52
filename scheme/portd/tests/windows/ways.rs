//! What crosses by words, by window and by payload, and what each way costs.

use std::sync::Arc;

use agent::{
    Bytes, Counts, Data, Errno, Inbox, Lent, Message, Port, SchemeAgent, Status, ThreadPort,
};
use driver::{Body, Cred, Node, Op, OpenFlags, dirent};
use libredox::{Fd, flag::*};
use service::PARK;

use crate::{
    common::{World, errno, open, put},
    shared::{ALL, Agent, MIB, PAGE, ROOT, agent, bytes_of, call},
};

/// What a program keeps its data in: its own memory, or a window.
enum Room {
    Own(Vec<u8>),
    Window(Lent),
}

impl Room {
    fn put(&mut self, bytes: &[u8]) {
        match self {
            Room::Own(own) => own[..bytes.len()].copy_from_slice(bytes),
            Room::Window(lent) => lent.copy_in(0, bytes).unwrap(),
        }
    }

    fn get(&self) -> Vec<u8> {
        match self {
            Room::Own(own) => own.clone(),
            Room::Window(lent) => bytes_of(lent, lent.len()),
        }
    }

    fn source(&self) -> Data<'_> {
        match self {
            Room::Own(own) => Data::source(own),
            Room::Window(lent) => Data::lent(lent),
        }
    }

    fn sink(&mut self) -> Data<'_> {
        match self {
            Room::Own(own) => Data::sink(own),
            Room::Window(lent) => Data::lent(lent),
        }
    }
}

/// A program that knows nothing of boundaries. What came of each of its messages.
fn program(disk: &dyn Port<Body>, files: &dyn Port<Body>, room: &mut Room) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |text: String| lines.push(text);
    room.put(&[7; 2 * PAGE]);
    let (write, read) =
        (|offset| Op::Write { node: ROOT, offset }, |offset| Op::Read { node: ROOT, offset });
    line(format!("{:?}", call(disk, write(512), room.source(), "").0));
    room.put(&[1; PAGE]);
    line(format!("{:?}", call(disk, write(MIB as u64 - 512), room.source(), "").0));
    line(format!("{:?}", call(disk, read(0), room.sink(), "").0));
    line(format!("{:?}", room.get()));
    line(format!("{:?}", call(disk, read(MIB as u64), room.sink(), "").0));
    line(format!("{:?}", call(disk, Op::Flush { node: ROOT }, Data::NONE, "").0));
    let (status, body, _) =
        call(files, Op::Lookup { parent: ROOT, follow: true }, Data::NONE, "a/b");
    line(format!("{status:?} {:?}", body.attr().map(|attr| (attr.size, attr.kind))));
    line(format!(
        "{:?}",
        call(files, Op::Lookup { parent: ROOT, follow: true }, Data::NONE, "none").0
    ));
    let (status, _, _) = call(files, Op::Readdir { node: ROOT, cookie: 0 }, room.sink(), "");
    let listed = room.get();
    line(format!("{status:?} {:?}", dirent::names(&listed[..status.result().unwrap_or(0)])));
    lines
}

#[test]
fn the_same_program_goes_by_words_by_window_and_by_payload() {
    let world = World::serving(ALL);
    let prepare = || {
        errno(Fd::open("/scheme/port/tmp/a", O_CREAT | O_DIRECTORY, 0o755)).unwrap();
        put("/scheme/port/tmp/a/b", b"four").unwrap();
    };
    world.root(prepare);
    // In one process, beside the drivers.
    let stack = portd::build(&portd::plan(ALL).unwrap()).unwrap();
    let port = |name| stack.get(name).unwrap().port.clone();
    let (disk, tmp) = (port("disk"), port("tmp"));
    let (_, a, _) = call(&tmp, Op::Mkdir { parent: ROOT, mode: 0o755 }, Data::NONE, "a");
    let create = Op::Create { parent: a.node().unwrap(), mode: 0o644, flags: OpenFlags::WRITE };
    let (_, b, _) = call(&tmp, create, Data::NONE, "b");
    call(&tmp, Op::Write { node: b.node().unwrap(), offset: 0 }, Data::source(b"four"), "");
    let near = program(&disk, &tmp, &mut Room::Own(vec![0; 2 * PAGE]));
    assert_eq!(near.len(), 9);

    let client = world.process(0, 0);
    client.enter(|| {
        let connect = || {
            (
                agent("disk"),
                Agent::new(open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap()),
            )
        };
        // Each handle has windows of its own, so the program's data is in one of the disk's.
        for by_window in [false, true] {
            let (disk, files) = connect();
            let mut room = match by_window {
                true => Room::Window(disk.buffer(2 * PAGE).unwrap()),
                false => Room::Own(vec![0; 2 * PAGE]),
            };
            let names = by_window.then(|| files.buffer(1).unwrap());
            let before = client.stats();
            assert_eq!(program(&disk, &files, &mut room), near);
            let cost = client.stats().since(&before);
            assert_eq!(cost.requests, 8);
            // A window of another handle is as good as anybody's memory: the listing.
            let without = if by_window { 7 } else { 1 };
            assert_eq!(cost.without_memory, without, "by window: {by_window}");
            drop(names);
        }
    });
    client.exit();
}

#[test]
fn data_in_a_window_is_neither_copied_nor_mapped_on_the_way() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        let disk = agent("disk");
        let buffer = disk.buffer(PAGE).unwrap();
        buffer.copy_in(0, &[9; PAGE]).unwrap();
        let crossing = Counts { messages: 1, crossings: 1, translations: 1, ..Counts::default() };
        let before = client.stats();
        let write = Op::Write { node: ROOT, offset: 8192 };
        assert_eq!(call(&disk, write, Data::lent(&buffer), "").2, crossing);
        buffer.copy_in(0, &[0; PAGE]).unwrap();
        let read = Op::Read { node: ROOT, offset: 8192 };
        let (status, _, counts) = call(&disk, read, Data::lent(&buffer), "");
        assert_eq!((status, counts), (Status::ok(PAGE), crossing));
        let cost = client.stats().since(&before);
        assert_eq!((cost.requests, cost.without_memory, cost.pages_mapped()), (2, 2, 0));
        assert_eq!(bytes_of(&buffer, PAGE), [9; PAGE]);
        // What lies in another handle's window goes as a copy, and is counted.
        let other = agent("disk");
        let (status, _, counts) = call(&other, read, Data::lent(&buffer), "");
        assert_eq!((status, counts.copies, counts.maps), (Status::ok(PAGE), 1, 1));
    });
    client.exit();
}

#[test]
fn messages_that_are_sent_go_by_a_window_too() {
    const MANY: usize = 8;
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        let agent = agent("disk");
        let buffers: Vec<_> = (0..MANY).map(|_| agent.buffer(PAGE).unwrap()).collect();
        let front: Arc<ThreadPort<Body, SchemeAgent<Body>>> = Arc::new(ThreadPort::new(agent));
        let (running, port) = (Arc::clone(&front), Arc::clone(&front) as Arc<dyn Port<Body>>);
        let crossing = client.spawn(move || running.run(&PARK));
        let inbox = Inbox::new(MANY);
        let before = client.stats();
        let send = |op: fn(u64) -> Op, at: usize, lent: Lent| {
            let mut message = Message::new(Body::new(op((at * PAGE) as u64), Cred::ROOT));
            message.set_data(Bytes::Lent(lent));
            assert!(inbox.send(message, &port).is_ok());
        };
        let back = || {
            let mut message = inbox.wait(&PARK);
            let counts = message.counts();
            assert_eq!((message.status(), counts.copies, counts.maps), (Status::ok(PAGE), 0, 0));
            let Bytes::Lent(lent) = message.take_data() else { panic!("its own memory") };
            lent
        };
        for (at, lent) in buffers.into_iter().enumerate() {
            lent.copy_in(0, &[at as u8 + 1; PAGE]).unwrap();
            send(|offset| Op::Write { node: ROOT, offset }, at, lent);
        }
        let written: Vec<_> = (0..MANY).map(|_| back()).collect();
        for (at, lent) in written.into_iter().enumerate() {
            lent.copy_in(0, &[0; PAGE]).unwrap();
            send(|offset| Op::Read { node: ROOT, offset }, at, lent);
        }
        for at in 0..MANY {
            assert_eq!(bytes_of(&back(), PAGE), [at as u8 + 1; PAGE], "in order: one thread");
        }
        let cost = client.stats().since(&before);
        assert_eq!((cost.requests, cost.without_memory), (2 * MANY as u64, 2 * MANY as u64));
        front.close();
        crossing.join().unwrap();
    });
    client.exit();
}

#[test]
fn attributes_of_a_path_come_in_one_message_that_maps_nothing() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        let mut path = "/scheme/port/tmp".to_string();
        for name in ["a", "b", "c"] {
            path = format!("{path}/{name}");
            errno(Fd::open(&path, O_CREAT | O_DIRECTORY, 0o755)).unwrap();
        }
        put(&format!("{path}/d"), b"12345").unwrap();
        let files = Agent::new(open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap());
        let _window = files.buffer(1).unwrap();
        let before = client.stats();
        let lookup = Op::Lookup { parent: ROOT, follow: true };
        let (status, body, _) = call(&files, lookup, Data::NONE, "a/b/c/d");
        assert_eq!((status, body.attr().unwrap().size), (Status::OK, 5));
        let cost = client.stats().since(&before);
        assert_eq!((cost.requests, cost.without_memory), (1, 1));
        // What it found goes by its number, which a parcel in a window says itself.
        let node = body.node().unwrap();
        assert_ne!(node, ROOT);
        let (status, body, _) = call(&files, Op::Getattr { node }, Data::NONE, "");
        assert_eq!((status, body.attr().unwrap().size), (Status::OK, 5));
        let never = Op::Getattr { node: Node(77) };
        assert_eq!(call(&files, never, Data::NONE, "").0, Errno::ESTALE.into());
        // A number has no room beside a window: its data goes as the payload does.
        call(&files, Op::Open { node, flags: OpenFlags::READ }, Data::NONE, "");
        let buffer = files.buffer(64).unwrap();
        let (status, _, counts) =
            call(&files, Op::Read { node, offset: 0 }, Data::lent(&buffer), "");
        assert_eq!((status, counts.copies), (Status::ok(5), 1));
        assert_eq!(bytes_of(&buffer, 5), b"12345");
    });
    client.exit();
}

#[test]
fn a_thousand_entries_are_listed_by_one_message() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        for number in 0..1000 {
            put(&format!("/scheme/port/tmp/name{number:04}"), b"").unwrap();
        }
        let files = Agent::new(open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap());
        let room = files.buffer(64 << 10).unwrap();
        let list = Op::Readdir { node: ROOT, cookie: 0 };
        let before = client.stats();
        let count = call(&files, list, Data::lent(&room), "").0.result().unwrap();
        assert_eq!(client.stats().since(&before).requests, 1);
        let names = dirent::names(&bytes_of(&room, count));
        let listed = names.iter().filter(|name| name.starts_with(b"name")).count();
        assert_eq!(listed, 1000);
    });
    client.exit();
}
