//! Clients that name what they were never given, change what is looked at, and take away what is
//! in use.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use agent::{Data, MAX_WINDOWS, Status, Words};
use driver::{Exchange, Op, REPLY};
use kit::Keeper;
use libredox::{call, errno::*, flag::*};
use service::Service;

use crate::{
    common::{World, get, open, parcel, put, send, words},
    shared::{ALL, PAGE, ROOT, agent, call, disk, map, window},
};

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
    world.root(|| assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"12345"));
    client.exit();
}

#[test]
fn a_window_that_is_unmapped_while_a_driver_keeps_a_message_harms_nobody() {
    let mut world = World::serving(ALL);
    let keeper = Arc::new(Keeper { size: 1 << 20, ..Keeper::default() });
    let driver = Arc::clone(&keeper);
    let make = move || Service::single("keeper", driver).map_err(|failure| failure.to_string());
    world.start("keeper", make).unwrap();
    let client = world.process(0, 0);
    for ends_with_it in [false, true] {
        let (fd, base) = client.enter(|| {
            let fd = open("/scheme/keeper", O_RDWR, 0).unwrap();
            let base = map(window(&fd, 1, 0, PAGE)).unwrap();
            (Arc::new(fd), base)
        });
        let sender = Arc::clone(&fd);
        let sending = client.spawn(move || {
            let read = Words { window: 1, len: 512, ..words(Op::Read { node: ROOT, offset: 0 }) };
            send(&sender, read, &mut [])
        });
        while keeper.count() == 0 {
            std::thread::yield_now();
        }
        // SAFETY: nobody uses it any more, but the driver.
        client.enter(|| unsafe { call::munmap(base as *mut (), PAGE) }).unwrap();
        let mut kept = keeper.next();
        if ends_with_it {
            client.kill();
        }
        let filled = kept.fill(0, &[7; 512]);
        kept.done(filled.map(|()| 512usize));
        let end = sending.join().unwrap();
        assert!(ends_with_it || end == Ok(512), "{end:?}");
        client.enter(|| drop(fd));
    }
    world.root(|| assert_eq!(get("/scheme/port/disk").unwrap().len(), 1 << 20, "others go on"));
}
