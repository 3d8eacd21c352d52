//! How many windows, how large, for how long; and each misuse of `mmap`.

use agent::{Errno, Lent, MAX_WINDOW, MAX_WINDOWS};
use libredox::{call::MmapArgs, errno::*, flag::*};

use crate::{
    common::{World, open},
    shared::{ALL, Agent, MIB, PAGE, agent, bytes_of, disk, map, window},
};

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
