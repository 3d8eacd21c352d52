//! Windows: memory that a client and a service share, by handle.
#![cfg(not(target_os = "redox"))]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use agent::{
    Call, Counts, Data, Errno, Lent, MAX_WINDOW, MAX_WINDOWS, Port, SchemeAgent, Status, Words,
    window_at,
};
use common::{World, errno, open, parcel, put, send, words};
use driver::{Body, Cred, Node, Op, OpenFlags, REPLY, dirent};
use libredox::{
    Fd,
    call::{self, MmapArgs},
    errno::*,
    flag::*,
};
use service::PARK;

const ALL: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777
size = "4 MiB"

[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"
"#;

const ROOT: Node = Node::ROOT;
const PAGE: usize = 4096;
const MIB: usize = 1 << 20;

type Agent = SchemeAgent<Body>;

fn agent(path: &str) -> Agent {
    Agent::connect(&format!("/scheme/port/{path}")).unwrap()
}

fn call(port: &dyn Port<Body>, op: Op, data: Data<'_>, name: &str) -> (Status, Body, Counts) {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data).name(name.as_bytes());
    let status = call.run(port, &PARK);
    let counts = call.counts();
    (status, call.into_body(), counts)
}

fn bytes_of(lent: &Lent, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    lent.copy_out(0, &mut bytes).unwrap();
    bytes
}

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

fn window(fd: &Fd, number: u16, at: usize, length: usize) -> MmapArgs {
    let (addr, prot) = (std::ptr::null_mut(), PROT_READ | PROT_WRITE);
    let offset = window_at(number) + at as u64;
    MmapArgs { addr, length, prot, flags: MAP_SHARED, fd: fd.raw(), offset }
}

/// Maps a window by hand; where it is.
fn map(args: MmapArgs) -> Result<usize, i32> {
    // SAFETY: at no particular place.
    errno(unsafe { call::mmap(args) }).map(|base| base as usize)
}

fn disk() -> Fd {
    open("/scheme/port/disk", O_RDWR, 0).unwrap()
}

#[test]
fn windows_are_limited_by_handle_and_each_misuse_has_its_errno() {
    let world = World::serving(ALL);
    world.root(|| {
        let fd = disk();
        assert_eq!(map(window(&fd, 0, 0, PAGE)), Err(EOPNOTSUPP), "a file's contents");
        assert_eq!(map(window(&fd, MAX_WINDOWS + 1, 0, PAGE)), Err(EMFILE));
        assert_eq!(map(window(&fd, u16::MAX, 0, PAGE)), Err(EMFILE));
        assert_eq!(map(MmapArgs { offset: 1 << 50, ..window(&fd, 0, 0, PAGE) }), Err(EMFILE));
        assert_eq!(map(window(&fd, 1, 0, MAX_WINDOW + 1)), Err(EFBIG));
        assert_eq!(map(window(&fd, 1, MAX_WINDOW, PAGE)), Err(EFBIG));
        // A kernel that looks for room first has none.
        assert!(matches!(map(window(&fd, 1, 0, usize::MAX / 2)), Err(EFBIG | ENOMEM)));
        assert_eq!(map(MmapArgs { flags: MAP_PRIVATE, ..window(&fd, 1, 0, PAGE) }), Err(EINVAL));
        assert_eq!(map(MmapArgs { prot: PROT_EXEC, ..window(&fd, 1, 0, PAGE) }), Err(EINVAL));
        for path in ["/scheme/port", "/scheme/port/.plan"] {
            let fd = open(path, O_RDONLY, 0).unwrap();
            assert_eq!(map(window(&fd, 1, 0, PAGE)), Err(EBADF), "{path}");
        }
        // The first mapping says how large the window is; later ones see parts of it.
        map(window(&fd, 1, PAGE, PAGE)).unwrap();
        map(window(&fd, 1, 0, 2 * PAGE)).unwrap();
        assert_eq!(map(window(&fd, 1, 2 * PAGE, PAGE)), Err(EFAULT));
        let agent = agent("disk");
        let full: Vec<Lent> = (0..MAX_WINDOWS).map(|_| agent.buffer(MAX_WINDOW).unwrap()).collect();
        assert_eq!(agent.buffer(1).err(), Some(Errno::EMFILE));
        assert_eq!(agent.buffer(MAX_WINDOW + 1).err(), Some(Errno::EFBIG));
        drop(full);
        agent.buffer(MAX_WINDOW).expect("what is given back is given out again");
    });
}

#[test]
fn one_user_s_windows_are_limited_and_others_go_on() {
    let world = World::serving(ALL);
    let take = |uid| {
        world.client(uid, uid, || {
            let dir = || Agent::new(open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap());
            let (first, second) = (dir(), dir());
            let held: Vec<Lent> = (0..4).map(|_| first.buffer(MAX_WINDOW).unwrap()).collect();
            assert_eq!(second.buffer(1).err(), Some(Errno::ENOMEM));
            world.client(uid + 1, 0, || {
                // What a process has mapped goes with it, so nothing is taken out.
                drop(dir().buffer(1).expect("another user's"));
            });
            drop((held, first));
            second.buffer(MAX_WINDOW).expect("closed handles give their windows back");
        });
    };
    // Whatever a client leaves behind is gone with it.
    (0..10).for_each(|_| take(7));
}

#[test]
fn a_window_outlives_its_descriptor_while_it_is_mapped() {
    let world = World::serving(ALL);
    let client = world.process(7, 7);
    client.enter(|| {
        let dir = || Agent::new(open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap());
        let (first, other) = (dir(), dir());
        let held: Vec<Lent> = (0..4).map(|_| first.buffer(MAX_WINDOW).unwrap()).collect();
        held[3].copy_in(0, b"still there").unwrap();
        drop(first);
        // The handle is not closed: what is mapped counts.
        assert_eq!(other.buffer(1).err(), Some(Errno::ENOMEM));
        assert_eq!(bytes_of(&held[3], 11), b"still there");
        drop(held);
        other.buffer(MAX_WINDOW).unwrap();
    });
    client.exit();
}

#[test]
fn windows_and_ranges_that_were_never_given_are_refused() {
    let world = World::serving(ALL);
    world.root(|| {
        let (fd, other) = (disk(), disk());
        map(window(&fd, 2, 0, 2 * PAGE)).unwrap();
        let read = words(Op::Read { node: ROOT, offset: 0 });
        let by = |window, object, len| Words { window, object, len, ..read };
        assert_eq!(send(&fd, by(2, 0, 512), &mut []), Ok(512));
        assert_eq!(send(&fd, by(2, 2 * PAGE as u32 - 512, 512), &mut []), Ok(512));
        for wrong in [
            by(1, 0, 512),
            by(3, 0, 512),
            by(MAX_WINDOWS + 1, 0, 512),
            by(u16::MAX, 0, 512),
            by(2, 2 * PAGE as u32, 512),
            by(2, PAGE as u32, PAGE as u32 + 512),
            by(2, u32::MAX - 511, 512),
            by(2, 512, u32::MAX - 511),
            by(2, 0, 1 << 31),
        ] {
            let expected = if wrong.len > 16 << 20 { EMSGSIZE } else { EFAULT };
            assert_eq!(send(&fd, wrong, &mut []), Err(expected), "{wrong:?}");
        }
        assert_eq!(send(&other, by(2, 0, 512), &mut []), Err(EFAULT), "another handle's");
        let flush = Words { window: 2, ..words(Op::Flush { node: ROOT }) };
        assert_eq!(send(&fd, flush, &mut []), Err(EPROTO), "nothing to refer to");
        let small = Words { window: 2, len: REPLY as u32 - 1, ..words(Op::Statfs) };
        assert_eq!(send(&fd, small, &mut []), Err(EPROTO), "no room for the reply");
        assert_eq!(send(&fd, by(2, 0, 512), &mut []), Ok(512));
    });
}

#[test]
fn rights_are_the_handle_s_by_a_window_too() {
    let world = World::serving(ALL);
    world.root(|| {
        let fd = open("/scheme/port/disk", O_RDONLY, 0).unwrap();
        map(window(&fd, 1, 0, PAGE)).unwrap();
        let write = Words { window: 1, len: 512, ..words(Op::Write { node: ROOT, offset: 0 }) };
        assert_eq!(send(&fd, write, &mut []), Err(EBADF));
    });
}

#[test]
fn a_fresh_window_shows_nothing_of_what_others_had() {
    let world = World::serving(ALL);
    for uid in 1..20 {
        world.client(uid, uid, || {
            let dir = open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
            let agent = Agent::new(dir);
            let buffer = agent.buffer(MIB).unwrap();
            assert!(bytes_of(&buffer, MIB).iter().all(|byte| *byte == 0));
            buffer.copy_in(0, &vec![uid as u8; MIB]).unwrap();
        });
    }
}

#[test]
fn what_changes_while_it_is_looked_at_harms_nobody() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        put("/scheme/port/tmp/file", b"12345").unwrap();
        let fd = open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
        let base = map(window(&fd, 1, 0, PAGE)).unwrap();
        let agent = agent("disk");
        let buffer = Arc::new(agent.buffer(PAGE).unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let (quit, shared) = (Arc::clone(&stop), Arc::clone(&buffer));
        let name = parcel(Op::Lookup { parent: ROOT, follow: true }, [Some(b"file"), None]);
        let good = name.clone();
        // A thread that scribbles over the parcel and the data, without end.
        let scribbler = std::thread::spawn(move || {
            let mut seed = 1u64;
            while !quit.load(Relaxed) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % 192;
                // SAFETY: inside the window, which is mapped until the thread has ended.
                unsafe { ((base + at) as *mut u8).write_volatile((seed >> 25) as u8) };
                shared.copy_in(at, &seed.to_ne_bytes()).unwrap();
            }
        });
        let len = name.len() as u32;
        let lookup = words(Op::Lookup { parent: ROOT, follow: true });
        let lookup = Words { window: 1, object: 0, len, ..lookup };
        let mut results = std::collections::BTreeSet::new();
        for _ in 0..3000 {
            for (at, byte) in good.iter().enumerate() {
                // SAFETY: as above.
                unsafe { ((base + at) as *mut u8).write_volatile(*byte) };
            }
            results.insert(send(&fd, lookup, &mut []).map(drop));
            for op in [Op::Write { node: ROOT, offset: 0 }, Op::Read { node: ROOT, offset: 0 }] {
                assert_eq!(call(&agent, op, Data::lent(&buffer), "").0, Status::ok(PAGE));
            }
        }
        stop.store(true, Relaxed);
        scribbler.join().unwrap();
        // Whatever it was by the time that it was copied: a good question, or a bad one.
        let known =
            [Ok(()), Err(ENOENT), Err(EPROTO), Err(ENAMETOOLONG), Err(ESTALE), Err(ENOTDIR)];
        let odd: Vec<_> = results.iter().filter(|result| !known.contains(result)).collect();
        assert!(odd.is_empty(), "{odd:?}");
    });
    world.root(|| assert_eq!(common::get("/scheme/port/tmp/file").unwrap(), b"12345"));
    client.exit();
}

/// Services that stand on each other, the first of which has the disk; the topmost's path.
fn tower(hops: usize) -> (World, String) {
    let mut world = World::serving(ALL);
    let mut path = "/scheme/port/disk".to_string();
    for hop in 0..hops {
        let text = format!("[[driver]]\nname = \"pass\"\nkind = \"pass\"\non = \"{path}\"");
        world.serve(&format!("hop{hop}"), &text).unwrap();
        path = format!("/scheme/hop{hop}/pass");
    }
    (world, path)
}

/// What a service's layers have cost while `work` ran, together.
fn costs(service: &str, work: impl FnOnce()) -> (u32, u32, u32) {
    let figures = open(&format!("/scheme/{service}/.stats"), O_RDONLY, 0).unwrap();
    work();
    let mut text = vec![0; 1 << 16];
    let count = errno(figures.read(&mut text)).unwrap();
    let report: service::StatsReport = serde_json::from_slice(&text[..count]).unwrap();
    let sum = |what: fn(&service::RowReport) -> u32| report.rows.iter().map(what).sum();
    (sum(|row| row.crossings), sum(|row| row.copies), sum(|row| row.maps))
}

#[test]
fn data_in_a_delegated_window_goes_down_any_number_of_services_uncopied() {
    for hops in 1..4 {
        let (world, path) = tower(hops);
        let client = world.process(0, 0);
        client.enter(|| {
            let agent = Agent::connect(&path).unwrap();
            let buffer = agent.buffer(PAGE).unwrap();
            buffer.copy_in(0, &[3; PAGE]).unwrap();
            let work = || {
                let write = Op::Write { node: ROOT, offset: 4096 };
                assert_eq!(call(&agent, write, Data::lent(&buffer), "").0, Status::ok(PAGE));
                buffer.copy_in(0, &[0; PAGE]).unwrap();
                let read = Op::Read { node: ROOT, offset: 4096 };
                let (status, _, counts) = call(&agent, read, Data::lent(&buffer), "");
                assert_eq!((status, counts.copies, counts.maps), (Status::ok(PAGE), 0, 0));
            };
            let mut measured: Box<dyn FnOnce() + '_> = Box::new(work);
            for hop in 0..hops {
                let inner = measured;
                measured = Box::new(move || {
                    let cost = costs(&format!("hop{hop}"), inner);
                    assert_eq!(cost, (2, 0, 0), "hop {hop} of {hops}");
                });
            }
            measured();
            assert_eq!(bytes_of(&buffer, PAGE), [3; PAGE]);
        });
        client.exit();
    }
}

#[test]
fn a_hop_to_a_third_costs_one_copy_where_nothing_is_delegated() {
    let (world, path) = tower(1);
    let client = world.process(0, 0);
    client.enter(|| {
        // The lower service has so many windows for the upper one's handle and no more, one of
        // them small, for names.
        let sizes = [PAGE].into_iter().chain([MAX_WINDOW; MAX_WINDOWS as usize]);
        let taken: Vec<(Agent, Lent)> = sizes
            .map(|size| {
                let agent = Agent::connect(&path).unwrap();
                let buffer = agent.buffer(size).unwrap();
                (agent, buffer)
            })
            .collect();
        let agent = Agent::connect(&path).unwrap();
        let buffer = agent.buffer(PAGE).unwrap();
        let read = Op::Read { node: ROOT, offset: 0 };
        let cost = costs("hop0", || {
            assert_eq!(call(&agent, read, Data::lent(&buffer), "").0, Status::ok(PAGE));
        });
        assert_eq!(cost, (1, 1, 1));
        // What is given back is delegated again.
        drop((taken, buffer, agent));
        let agent = Agent::connect(&path).unwrap();
        let buffer = agent.buffer(PAGE).unwrap();
        let cost = costs("hop0", || {
            assert_eq!(call(&agent, read, Data::lent(&buffer), "").0, Status::ok(PAGE));
        });
        assert_eq!(cost, (1, 0, 0));
    });
    client.exit();
}

#[test]
fn a_delegated_window_shows_nothing_of_what_others_had() {
    let (world, path) = tower(2);
    for round in 1..20 {
        world.root(|| {
            let agent = Agent::connect(&path).unwrap();
            let buffer = agent.buffer(MIB).unwrap();
            assert!(bytes_of(&buffer, MIB).iter().all(|byte| *byte == 0), "{round}");
            buffer.copy_in(0, &vec![round; MIB]).unwrap();
        });
    }
}
