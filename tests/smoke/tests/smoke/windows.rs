//! Windows: memory that a client and a daemon share, by handle.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use agent::{
    Bytes, Call, Counts, Data, Errno, Inbox, Lent, Message, Port, SchemeAgent, Status, ThreadPort,
};
use driver::{Body, Cred, Node, Op};
use service::PARK;
use smoke::{Daemon, End, Outcome, World, files};

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_write_and_a_read_by_a_window_cross_as_words,
    messages_that_are_sent_go_by_a_window_too,
    names_and_attributes_go_by_a_window,
    data_goes_by_reference_through_two_daemons,
    what_changes_while_it_is_looked_at_harms_nobody,
    a_window_of_a_daemon_that_died_is_still_there,
];

const PAGE: usize = 4096;
const NODE: Node = Node::ROOT;
const TEXT: &str = "[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = \"1 MiB\"\n\
                    [[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"\nmode = 0o777\n";

type Agent = SchemeAgent<Body>;

fn write(offset: u64) -> Op {
    Op::Write { node: NODE, offset }
}

fn read(offset: u64) -> Op {
    Op::Read { node: NODE, offset }
}

/// Sends a message on some data; its status, and what it cost.
fn run(port: &Agent, op: Op, data: Data<'_>) -> (Result<usize, Errno>, Counts) {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data);
    let status = call.run(port, &PARK).result();
    (status, call.counts())
}

fn bytes_of(lent: &Lent) -> Vec<u8> {
    let mut bytes = vec![0; lent.len()];
    lent.copy_out(0, &mut bytes).unwrap();
    bytes
}

/// Writes a page through a window and reads it back: what that cost, together.
fn there_and_back(port: &Agent, offset: u64, fill: u8) -> Counts {
    let buffer = port.buffer(PAGE).unwrap();
    buffer.copy_in(0, &[fill; PAGE]).unwrap();
    let (status, mut counts) = run(port, write(offset), Data::lent(&buffer));
    assert_eq!(status, Ok(PAGE));
    buffer.copy_in(0, &[0; PAGE]).unwrap();
    let (status, more) = run(port, read(offset), Data::lent(&buffer));
    assert_eq!(status, Ok(PAGE));
    assert!(bytes_of(&buffer) == [fill; PAGE]);
    counts += more;
    counts
}

/// Two messages that cross by their words alone.
const WORDS: Counts = Counts { messages: 2, crossings: 2, translations: 2, ..Counts::ZERO };

/// Does something in a client's process, which may have threads.
fn client(world: &World, work: impl FnOnce() + Send + 'static) {
    let work = move || -> Outcome {
        work();
        Ok(0)
    };
    assert_eq!(world.spawn(work).wait(), End::Gave(Ok(0)));
}

fn beside(work: impl FnOnce(&World, &Daemon)) {
    let world = World::new();
    let daemon = world.portd(TEXT);
    work(&world, &daemon);
}

fn a_write_and_a_read_by_a_window_cross_as_words() {
    beside(|world, daemon| {
        let path = daemon.at("disk");
        client(world, move || {
            let disk = Agent::connect(&path).unwrap();
            assert_eq!(there_and_back(&disk, 8192, 7), WORDS);
            // It is on the disk, and what lies elsewhere is reached as ever.
            let mut page = vec![0; PAGE];
            assert_eq!(run(&disk, read(8192), Data::sink(&mut page)).0, Ok(PAGE));
            assert!(page == [7; PAGE]);
            // Another handle's window is as good as anybody's memory.
            let other = Agent::connect(&path).unwrap();
            let buffer = other.buffer(PAGE).unwrap();
            let (status, counts) = run(&disk, read(8192), Data::lent(&buffer));
            assert_eq!((status, counts.copies, counts.maps), (Ok(PAGE), 1, 1));
            assert!(bytes_of(&buffer) == [7; PAGE]);
        });
    });
}

fn messages_that_are_sent_go_by_a_window_too() {
    const MANY: usize = 8;
    beside(|world, daemon| {
        let path = daemon.at("disk");
        client(world, move || {
            let disk = Agent::connect(&path).unwrap();
            let buffers: Vec<_> = (0..MANY).map(|_| disk.buffer(PAGE).unwrap()).collect();
            let front = Arc::new(ThreadPort::new(disk));
            let (running, port) = (Arc::clone(&front), Arc::clone(&front) as Arc<dyn Port<Body>>);
            let crossing = std::thread::spawn(move || running.run(&PARK));
            let inbox = Inbox::new(MANY);
            let send = |op, lent| {
                let mut message = Message::new(Body::new(op, Cred::ROOT));
                message.set_data(Bytes::Lent(lent));
                assert!(inbox.send(message, &port).is_ok());
            };
            let back = || {
                let mut message = inbox.wait(&PARK);
                let counts = message.counts();
                assert_eq!(
                    (message.status(), counts.copies, counts.maps),
                    (Status::ok(PAGE), 0, 0)
                );
                let Bytes::Lent(lent) = message.take_data() else { panic!("its own memory") };
                lent
            };
            let place = |at: usize| (at * PAGE) as u64;
            for (at, lent) in buffers.into_iter().enumerate() {
                lent.copy_in(0, &[at as u8 + 1; PAGE]).unwrap();
                send(write(place(at)), lent);
            }
            let written: Vec<_> = (0..MANY).map(|_| back()).collect();
            for (at, lent) in written.into_iter().enumerate() {
                lent.copy_in(0, &[0; PAGE]).unwrap();
                send(read(place(at)), lent);
            }
            for at in 0..MANY {
                assert!(bytes_of(&back()) == [at as u8 + 1; PAGE], "{at}: in order, by one thread");
            }
            front.close();
            crossing.join().unwrap();
        });
    });
}

fn names_and_attributes_go_by_a_window() {
    beside(|world, daemon| {
        let path = daemon.at("tmp");
        client(world, move || {
            files::put(&format!("{path}/file"), b"12345").unwrap();
            let tmp = Agent::connect(&path).unwrap();
            let _window = tmp.buffer(1).unwrap();
            let lookup = Body::new(Op::Lookup { parent: NODE, follow: true }, Cred::ROOT);
            let mut call = Call::new(lookup, Data::NONE).name(b"file");
            assert_eq!(call.run(&tmp, &PARK), Status::OK);
            assert_eq!((call.counts().crossings, call.counts().maps), (1, 0));
            assert_eq!(call.body().attr().unwrap().size, 5);
        });
    });
}

fn data_goes_by_reference_through_two_daemons() {
    let above = |world: &World, path: &str| {
        let text = format!("[[driver]]\nname = \"top\"\nkind = \"pass\"\non = \"{path}\"\n");
        world.service(move |name| portd::serve(name, &text).expect("the description is good"))
    };
    beside(|world, daemon| {
        let first = above(world, &daemon.at("disk"));
        let second = above(world, &first.at("top"));
        let (path, lowest) = (second.at("top"), daemon.at("disk"));
        client(world, move || {
            assert_eq!(there_and_back(&Agent::connect(&path).unwrap(), 4096, 9), WORDS);
            let mut page = vec![0; PAGE];
            let disk = Agent::connect(&lowest).unwrap();
            assert_eq!(run(&disk, read(4096), Data::sink(&mut page)).0, Ok(PAGE));
            assert!(page == [9; PAGE]);
        });
    });
}

fn what_changes_while_it_is_looked_at_harms_nobody() {
    const ROUNDS: usize = 300;
    beside(|world, daemon| {
        let path = daemon.at("disk");
        client(world, move || {
            let disk = Agent::connect(&path).unwrap();
            let window = Arc::new(disk.buffer(PAGE).unwrap());
            let mut own = vec![0u8; 2 * PAGE];
            // A whole page, so that it is lent and not copied.
            let page = own.as_mut_ptr() as usize + own.as_ptr().align_offset(PAGE);
            let stop = Arc::new(AtomicBool::new(false));
            let (quit, shared) = (Arc::clone(&stop), Arc::clone(&window));
            let scribbler = std::thread::spawn(move || {
                let mut seed = 1u64;
                while !quit.load(Relaxed) {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let at = (seed >> 33) as usize % (PAGE - 8);
                    shared.copy_in(at, &seed.to_ne_bytes()).unwrap();
                    // SAFETY: inside the page, which is there until the thread has ended.
                    unsafe { ((page + at) as *mut u8).write_volatile((seed >> 25) as u8) };
                }
            });
            for round in 0..ROUNDS {
                let offset = (round % 16 * PAGE) as u64;
                for op in [write(offset), read(offset)] {
                    assert_eq!(run(&disk, op, Data::lent(&window)).0, Ok(PAGE));
                }
                // SAFETY: inside the memory; it is lent, and not looked at.
                let page = unsafe { std::slice::from_raw_parts_mut(page as *mut u8, PAGE) };
                assert_eq!(run(&disk, read(offset), Data::sink(page)).0, Ok(PAGE));
                assert_eq!(run(&disk, write(offset), Data::source(page)).0, Ok(PAGE));
            }
            stop.store(true, Relaxed);
            scribbler.join().unwrap();
            assert_eq!(there_and_back(&disk, 0, 3), WORDS, "as if nothing had been");
            drop(own);
        });
    });
}

fn a_window_of_a_daemon_that_died_is_still_there() {
    let world = World::new();
    let mut daemon = world.portd(TEXT);
    let path = daemon.at("disk");
    world.here(|| {
        let disk = Agent::connect(&path).unwrap();
        let buffer = disk.buffer(PAGE).unwrap();
        buffer.copy_in(0, b"still there").unwrap();
        daemon.kill();
        let gone = run(&disk, read(0), Data::lent(&buffer)).0;
        assert!(matches!(gone, Err(Errno::ENODEV | Errno::ESRCH)), "{gone:?}");
        assert!(bytes_of(&buffer).starts_with(b"still there"));
        drop((buffer, disk));
    });
}
