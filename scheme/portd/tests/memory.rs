//! What clients can have the daemon keep takes no more memory than is said (`docs/ports.md`,
//! `docs/crossing.md`). All is in one program, so the host's kernel and the clients count too.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicIsize, Ordering::Relaxed},
    },
};

use client::{
    Outgoing, Port, SendRight,
    record::{MAX_DATA, RECORD, Record, Records, Verb},
};
use common::{World, errno, open, parcel, put, send, words};
use driver::{Node, Op};
use libredox::{Fd, errno::*, flag::*};
use service::{Bound, Limits};

/// Bytes that are allocated now.
static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time; none where the kernel is a program of its own, whose share is not seen.
fn alone() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    let apart = std::env::var_os("HOST_KERNEL").is_some();
    (!apart).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

const NAME: &str = "/scheme/port/user/7/port";
const TMP: &str = "[[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"\nmode = 0o777\n";

/// What a message takes beside its data.
const OVERHEAD: isize = 2048;
/// What a handle takes, beside reads that wait there.
const HANDLE: isize = 4 << 10;
/// What a node takes that a handle knows.
const NODE: isize = 128;

/// Sends as much as there is room for by each right; how many that were.
fn flood(rights: &[SendRight], data: &[u8]) -> isize {
    let mut sent = 0;
    for right in rights {
        let mut id = 0;
        while right.send_one(Outgoing { id, data, ..Outgoing::default() }).is_ok() {
            (id, sent) = (id + 1, sent + 1);
        }
    }
    sent
}

/// Takes all that there is, and lets it lie.
fn take(port: &Port) -> Vec<u64> {
    let (mut numbers, mut buffer) = (Vec::new(), vec![0; RECORD + MAX_DATA]);
    while let Ok(count) = port.fd().read(&mut buffer) {
        let numbered = Records::new(&buffer[..count]).map(|record| record.unwrap().0.id);
        numbers.extend(numbered);
    }
    numbers
}

#[test]
fn a_message_takes_what_is_counted_for_it_wherever_it_is() {
    let Some(_alone) = alone() else { return };
    for data in [vec![], vec![7; MAX_DATA]] {
        let world = World::serving("");
        world.client(7, 7, || {
            let port = Port::create(NAME, 0o600).unwrap();
            port.set_nonblocking(true).unwrap();
            let rights: Vec<_> = (0..4).map(|_| SendRight::open(NAME).unwrap()).collect();
            let before = LIVE.load(Relaxed);
            let grown = || LIVE.load(Relaxed) - before;
            let sent = flood(&rights, &data);
            let most = sent * (OVERHEAD + data.len() as isize);
            assert!(sent > 200 && grown() <= most, "{sent} wait: {}", grown());
            let numbers = take(&port);
            assert!(numbers.len() as isize == sent && grown() <= most, "taken: {}", grown());
            for number in numbers {
                let reply = Record::new(Verb::Reply, number).to_bytes();
                assert_eq!(port.fd().write(&reply).unwrap(), RECORD);
            }
            assert!(grown() <= most, "back: {}", grown());
            let mut buffer = vec![0; 1 << 16];
            for right in rights {
                right.set_nonblocking(true).unwrap();
                while right.replies(&mut buffer).is_ok() {}
            }
            // Tables keep their room.
            drop(buffer);
            assert!(grown() <= most / 8, "read: {} of {most}", grown());
        });
    }
}

#[test]
fn a_handle_takes_what_is_said() {
    let Some(_alone) = alone() else { return };
    let world = World::serving(TMP);
    let deep = format!("/scheme/port/user/7{}", format!("/{}", "n".repeat(255)).repeat(6));
    world.client(7, 7, || {
        let _port = Port::create(&deep, 0o600).unwrap();
        let long = format!("/scheme/port/tmp{}", "/.".repeat(2000));
        for path in [&deep, &long] {
            let before = LIVE.load(Relaxed);
            let held: Vec<Fd> = (0..1000)
                .map(|_| open(path, O_RDWR, 0).or(open(path, O_RDONLY, 0)).unwrap())
                .collect();
            let each = (LIVE.load(Relaxed) - before) / held.len() as isize;
            assert!(each <= HANDLE, "{each}");
        }
    });
}

#[test]
fn nodes_that_a_user_s_handles_know_are_limited_and_take_what_is_said() {
    const FILES: usize = 500;
    const MOST: usize = 1800;
    let Some(_alone) = alone() else { return };
    let mut world = World::new();
    let make = || {
        let service = portd::serve("port", TMP).map_err(|error| error.to_string())?;
        let nodes = Bound { of_user: MOST, of_all: MOST + 100 };
        service.set_limits(Limits { nodes, ..Limits::default() });
        Ok(service)
    };
    world.start("port", make).unwrap();
    let find = Op::Lookup { parent: Node::ROOT, follow: true };
    let parcels: Vec<_> = (0..FILES)
        .map(|file| parcel(find, [Some(format!("file{file}").as_bytes()), None]))
        .collect();
    let lookup = |fd: &Fd, file: usize| {
        let mut sent = parcels[file].clone();
        send(fd, agent::Words { len: sent.len() as u32, ..words(find) }, &mut sent)
    };
    let dir = || open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
    world.client(7, 7, || {
        for file in 0..FILES {
            put(&format!("/scheme/port/tmp/file{file}"), b"").unwrap();
        }
        let mut dirs: Vec<_> = (0..4).map(|_| dir()).collect();
        let before = LIVE.load(Relaxed);
        let asked = (0..4 * FILES).map(|n| lookup(&dirs[n / FILES], n % FILES));
        assert_eq!(asked.filter(|found| *found == Ok(0)).count(), MOST);
        let grown = LIVE.load(Relaxed) - before;
        assert!(grown <= NODE * MOST as isize, "{grown}");
        assert_eq!(lookup(&dirs[3], FILES - 1), Err(EMFILE));
        assert_eq!(lookup(&dirs[0], 0), Ok(0), "what it knows it knows");
        world.client(8, 8, || {
            let dir = dir();
            let asked = (0..FILES).map(|file| lookup(&dir, file));
            assert_eq!(asked.filter(|found| *found == Ok(0)).count(), 100, "what all may");
        });
        dirs.remove(0);
        assert_eq!(lookup(&dirs[2], FILES - 1), Ok(0));
        assert!(errno(dirs[0].stat()).is_ok());
    });
}
