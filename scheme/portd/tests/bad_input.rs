//! What makes no sense gets one clear errno, and the daemon goes on.
#![cfg(not(target_os = "redox"))]

mod common;

use agent::Words;
use common::{World, errno, get, list, open, parcel, put, send, words};
use driver::{Node, Op, OpenFlags, REPLY};
use host::sys;
use libredox::{Fd, call, errno::*, flag::*};
use syscall::CallFlags;

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

[[driver]]
name = "zero"
kind = "zero"
"#;

const ROOT: Node = Node::ROOT;

/// Runs a client, then checks that the daemon still does what it should.
fn world(client: impl FnOnce()) {
    let world = World::serving(ALL);
    world.root(client);
    world.root(works);
}

fn works() {
    put("/scheme/port/tmp/good", b"good").unwrap();
    assert_eq!(get("/scheme/port/tmp/good").unwrap(), b"good");
    let disk = open("/scheme/port/disk", O_RDWR, 0).unwrap();
    assert_eq!(send(&disk, words(Op::Flush { node: ROOT }), &mut []), Ok(0));
    assert_eq!(list("/scheme/port").unwrap(), ["disk", "tmp", "zero"]);
}

fn at(path: &str, flags: i32) -> Fd {
    open(&format!("/scheme/port/{path}"), flags, 0o644).unwrap()
}

/// Words that say how long their payload is.
fn sized(op: Op, len: usize) -> Words {
    Words { len: len as u32, ..words(op) }
}

fn lookup() -> Op {
    Op::Lookup { parent: ROOT, follow: true }
}

#[test]
fn an_opcode_that_nobody_serves_is_not_supported() {
    world(|| {
        let disk = at("disk", O_RDWR);
        assert_eq!(errno(disk.dup(b"send")), Err(EOPNOTSUPP));
        let window = call::MmapArgs {
            addr: std::ptr::null_mut(),
            length: 4096,
            prot: 1,
            flags: 1,
            fd: disk.raw(),
            offset: 0,
        };
        // SAFETY: nothing is mapped at a place of the caller's choice.
        assert_eq!(errno(unsafe { call::mmap(window) }).map(drop), Err(EOPNOTSUPP));
        let other = at("zero", O_RDONLY).into_raw().to_ne_bytes();
        let passed = call::call_wo(disk.raw(), &other, CallFlags::FD, &[]);
        assert_eq!(errno(passed), Err(EOPNOTSUPP));
    });
}

#[test]
fn a_standard_call_of_a_kind_that_nobody_serves_is_not_supported() {
    world(|| {
        let file = at("tmp/file", O_RDWR | O_CREAT);
        for kind in [10, 11, 15, 255, 256] {
            let words = [kind, 0, 0];
            let asked = call::call_rw(file.raw(), &mut [0; 16], CallFlags::STD_FS, &words);
            assert_eq!(errno(asked), Err(EOPNOTSUPP));
        }
    });
}

#[test]
fn an_unknown_operation_is_no_operation() {
    world(|| {
        let disk = at("disk", O_RDWR);
        for op in [21, 999, u16::MAX - 1] {
            let words = Words { op, ..Words::default() };
            assert_eq!(send(&disk, words, &mut []), Err(ENOSYS));
            assert_eq!(send(&disk, Words { len: 512, ..words }, &mut [0; 512]), Err(ENOSYS));
        }
    });
}

#[test]
fn words_that_do_not_fit_the_payload_are_malformed() {
    let (node, offset) = (ROOT, 0);
    world(|| {
        let disk = at("disk", O_RDWR);
        let read = Op::Read { node, offset };
        for (words, len) in [
            (sized(read, 1024), 512),
            (sized(read, 0), 512),
            (sized(read, 512), 0),
            (sized(Op::Write { node, offset }, 1 << 31), 512),
            (sized(Op::Flush { node }, 0), 8),
            (sized(Op::Flush { node }, 8), 0),
            (sized(Op::Flush { node }, 8), 8),
            (sized(Op::Discard { offset, len: 512 }, 0), 0),
            (sized(Op::Discard { offset, len: 512 }, REPLY - 1), REPLY - 1),
            (sized(Op::Discard { offset, len: 512 }, REPLY), REPLY + 1),
            (Words::default(), 0),
            (Words { len: 8, ..Words::default() }, 8),
            (Words { len: 8, ..Words::default() }, REPLY),
        ] {
            assert_eq!(send(&disk, words, &mut vec![0; len]), Err(EPROTO), "{words:?} {len}");
        }
    });
}

#[test]
fn arguments_that_make_no_sense_are_malformed() {
    world(|| {
        let tmp = at("tmp", O_RDONLY | O_DIRECTORY);
        let flags = OpenFlags::READ;
        let open = words(Op::Open { node: ROOT, flags });
        for offset in [1 << 5, 1 << 15, 1 << 16, u64::MAX] {
            assert_eq!(send(&tmp, Words { offset, ..open }, &mut []), Err(EPROTO));
        }
        let mut sent = parcel(lookup(), [Some(b"x"), None]);
        let find = sized(lookup(), sent.len());
        assert_eq!(send(&tmp, Words { offset: 2, ..find }, &mut sent), Err(EPROTO));
        let mkdir = Words { op: words(Op::Mkdir { parent: ROOT, mode: 0 }).op, ..find };
        assert_eq!(send(&tmp, Words { offset: 1 << 16, ..mkdir }, &mut sent), Err(EPROTO));
        let set = words(Op::Setattr { node: ROOT, set: driver::SetAttr::default() });
        for (place, value) in [(1, 32), (2, 1 << 16)] {
            let mut sent = vec![0; REPLY];
            sent[place * 8..][..8].copy_from_slice(&u64::to_le_bytes(value));
            let words = Words { len: REPLY as u32, ..set };
            assert_eq!(send(&tmp, words, &mut sent), Err(EPROTO), "{place}");
        }
    });
}

#[test]
fn names_that_lie_about_their_length_are_malformed() {
    world(|| {
        let tmp = at("tmp", O_RDONLY | O_DIRECTORY);
        let ask = |first: u32, second: u32, op: Op, room: usize| {
            let mut sent = parcel(op, [Some(b"name"), None]);
            sent.resize(room, b'n');
            sent[..4].copy_from_slice(&first.to_le_bytes());
            sent[4..8].copy_from_slice(&second.to_le_bytes());
            send(&tmp, sized(op, sent.len()), &mut sent)
        };
        assert_eq!(ask(65, 0, lookup(), REPLY), Err(EPROTO));
        assert_eq!(ask(60, 5, Op::Symlink { parent: ROOT }, REPLY), Err(EPROTO));
        assert_eq!(ask(4095, 4095, Op::Symlink { parent: ROOT }, REPLY), Err(EPROTO));
        assert_eq!(ask(4, 1, lookup(), REPLY), Err(EPROTO));
        assert_eq!(ask(4, 0, lookup(), REPLY), Err(ENOENT));
    });
}

#[test]
fn a_path_that_is_too_long_is_refused() {
    world(|| {
        let tmp = at("tmp", O_RDONLY | O_DIRECTORY);
        let mut sent = vec![b'n'; 64 + 4096];
        sent[..64].fill(0);
        sent[..8].copy_from_slice(&4096u64.to_le_bytes());
        assert_eq!(send(&tmp, sized(lookup(), sent.len()), &mut sent), Err(ENAMETOOLONG));
        let name = "n".repeat(256);
        let mut sent = parcel(lookup(), [Some(name.as_bytes()), None]);
        assert_eq!(send(&tmp, sized(lookup(), sent.len()), &mut sent), Err(ENAMETOOLONG));
        let long = format!("/scheme/port/tmp/{}", "d/".repeat(2048));
        assert_eq!(open(&long, O_RDONLY, 0).err(), Some(ENAMETOOLONG));
        assert_eq!(
            open(&format!("/scheme/port/tmp/{name}"), O_RDONLY, 0).err(),
            Some(ENAMETOOLONG)
        );
        // A path is no longer for being walked in steps.
        let dots = "./".repeat(1000);
        let step = |from: &Fd| errno(from.openat(&dots, O_RDONLY | O_DIRECTORY, 0));
        let (first, second) = (step(&tmp).unwrap(), step(&step(&tmp).unwrap()).unwrap());
        assert_eq!(step(&first).map(drop), Ok(()));
        assert_eq!(step(&second).err(), Some(ENAMETOOLONG));
    });
}

#[test]
fn a_window_and_a_payload_are_one_too_many() {
    world(|| {
        let disk = at("disk", O_RDWR);
        let words = Words { window: 1, ..sized(Op::Read { node: ROOT, offset: 0 }, 512) };
        assert_eq!(send(&disk, words, &mut [0; 512]), Err(EPROTO));
    });
}

#[test]
fn a_payload_that_is_too_large_is_refused() {
    world(|| {
        let disk = at("disk", O_RDWR);
        let mut payload = vec![0; (16 << 20) + 512];
        let read = sized(Op::Read { node: ROOT, offset: 0 }, payload.len());
        assert_eq!(send(&disk, read, &mut payload), Err(EMSGSIZE));
        let tmp = at("tmp", O_RDONLY | O_DIRECTORY);
        let mut parcel = vec![0; 64 + 2 * 4095 + 1];
        assert_eq!(send(&tmp, sized(lookup(), parcel.len()), &mut parcel), Err(EMSGSIZE));
    });
}

#[test]
fn an_operation_on_the_wrong_kind_of_handle_is_refused() {
    world(|| {
        let (file, dir) = (at("tmp/file", O_RDWR | O_CREAT), at("tmp", O_RDONLY | O_DIRECTORY));
        let (names, zero) = (at("", O_RDONLY | O_DIRECTORY), at("zero", O_RDWR));
        assert_eq!(errno(dir.read(&mut [0; 8])), Err(EISDIR));
        assert_eq!(errno(names.read(&mut [0; 8])), Err(EISDIR));
        assert_eq!(errno(names.write(b"x")), Err(EBADF));
        assert_eq!(errno(call::getdents(file.raw(), &mut [0; 512], 0)), Err(ENOTDIR));
        assert_eq!(errno(call::getdents(zero.raw(), &mut [0; 512], 0)), Err(ENOTDIR));
        assert_eq!(errno(zero.chmod(0o600)), Err(EOPNOTSUPP));
        assert_eq!(errno(names.chmod(0o600)), Err(EBADF));
        assert_eq!(errno(call::ftruncate(zero.raw(), 0)), Err(EOPNOTSUPP));
        assert_eq!(errno(zero.openat("x", O_RDONLY, 0)).err(), Some(ENOTDIR));
        assert_eq!(errno(file.openat("x", O_RDONLY, 0)).err(), Some(ENOTDIR));
        let figures = at(".stats", O_RDONLY);
        assert_eq!(errno(figures.write(b"x")), Err(EBADF));
        assert_eq!(open("/scheme/port/.stats", O_RDWR, 0).err(), Some(EACCES));
        assert_eq!(open("/scheme/port/.plan", O_RDONLY | O_DIRECTORY, 0).err(), Some(ENOTDIR));
        let flush = words(Op::Flush { node: ROOT });
        let abort = Words { op: Words::ABORT, id: 1, ..Words::default() };
        for handle in [&names, &figures] {
            assert_eq!(send(handle, flush, &mut []), Err(EBADF));
            assert_eq!(send(handle, abort, &mut []), Err(EBADF));
        }
        let poll = words(Op::Poll { interest: driver::Ready::READ });
        assert_eq!(send(&file, poll, &mut []), Err(EOPNOTSUPP));
    });
}

#[test]
fn a_number_that_lookup_never_gave_is_stale() {
    world(|| {
        let (tmp, disk) = (at("tmp", O_RDONLY | O_DIRECTORY), at("disk", O_RDWR));
        for node in [Node(1), Node(2), Node(u64::from(u32::MAX))] {
            assert_eq!(send(&tmp, words(Op::Flush { node }), &mut []), Err(ESTALE));
            assert_eq!(send(&disk, words(Op::Flush { node }), &mut []), Err(ESTALE));
            let open = Op::Open { node, flags: OpenFlags::READ };
            assert_eq!(send(&tmp, words(open), &mut []), Err(ESTALE));
            assert_eq!(send(&tmp, words(Op::Close { node }), &mut []), Err(ESTALE));
        }
        // The second object of a message, too.
        for op in [
            Op::Rename { parent: ROOT, to: Node(7) },
            Op::Rename { parent: ROOT, to: Node(u64::MAX) },
            Op::Link { node: ROOT, parent: Node(7) },
        ] {
            let two = matches!(op, Op::Rename { .. }).then_some(b"b".as_slice());
            let mut sent = parcel(op, [Some(b"a"), two]);
            assert_eq!(send(&tmp, sized(op, sent.len()), &mut sent), Err(ESTALE));
        }
    });
}

#[test]
fn a_right_that_was_not_opened_is_not_there() {
    world(|| {
        put("/scheme/port/tmp/file", b"12345").unwrap();
        let reader = at("tmp/file", O_RDONLY);
        let writer = at("tmp/file", O_WRONLY);
        let look = at("tmp/file", sys::O_STAT as i32);
        assert_eq!(errno(reader.write(b"x")), Err(EBADF));
        assert_eq!(errno(call::ftruncate(reader.raw(), 0)), Err(EBADF));
        assert_eq!(errno(writer.read(&mut [0; 8])), Err(EBADF));
        assert_eq!(errno(look.read(&mut [0; 8])), Err(EBADF));
        let read = sized(Op::Read { node: ROOT, offset: 0 }, 5);
        let write = sized(Op::Write { node: ROOT, offset: 0 }, 5);
        let truncate = words(Op::Truncate { node: ROOT, len: 0 });
        assert_eq!(send(&reader, read, &mut [0; 5]), Ok(5));
        assert_eq!(send(&reader, write, &mut [0; 5]), Err(EBADF));
        assert_eq!(send(&reader, truncate, &mut []), Err(EBADF));
        assert_eq!(send(&writer, read, &mut [0; 5]), Err(EBADF));
        assert_eq!(send(&look, read, &mut [0; 5]), Err(EBADF));
        let disk = at("disk", O_RDONLY);
        let discard = Op::Discard { offset: 0, len: 512 };
        let mut sent = parcel(discard, [None, None]);
        assert_eq!(send(&disk, sized(discard, sent.len()), &mut sent), Err(EBADF));
        assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"12345");
    });
}

#[test]
fn a_found_object_has_to_be_opened_before_its_data_is_touched() {
    world(|| {
        put("/scheme/port/tmp/file", b"12345").unwrap();
        let tmp = at("tmp", O_RDONLY | O_DIRECTORY);
        let mut sent = parcel(lookup(), [Some(b"file"), None]);
        assert_eq!(send(&tmp, sized(lookup(), sent.len()), &mut sent), Ok(0));
        let node = Node(1);
        let read = sized(Op::Read { node, offset: 0 }, 5);
        let write = sized(Op::Write { node, offset: 0 }, 5);
        let open = words(Op::Open { node, flags: OpenFlags::READ });
        let close = words(Op::Close { node });
        assert_eq!(send(&tmp, read, &mut [0; 5]), Err(EBADF));
        assert_eq!(send(&tmp, close, &mut []), Err(EBADF));
        assert_eq!(send(&tmp, open, &mut []), Ok(0));
        assert_eq!(send(&tmp, read, &mut [0; 5]), Ok(5));
        assert_eq!(send(&tmp, write, &mut [0; 5]), Err(EBADF));
        assert_eq!(send(&tmp, close, &mut []), Ok(0));
        assert_eq!(send(&tmp, read, &mut [0; 5]), Err(EBADF));
    });
}

#[test]
fn sizes_and_places_that_do_not_fit_are_invalid() {
    world(|| {
        let (disk, dir) = (at("disk", O_RDWR), at("tmp", O_RDONLY | O_DIRECTORY));
        assert_eq!(sys::pwrite(disk.raw(), &[0; 512], 100).map_err(|e| e.errno), Err(EINVAL));
        assert_eq!(sys::pwrite(disk.raw(), &[0; 100], 0).map_err(|e| e.errno), Err(EINVAL));
        put("/scheme/port/tmp/file", b"12345").unwrap();
        assert_eq!(errno(call::getdents(dir.raw(), &mut [0; 10], 0)), Err(EINVAL));
        let names = at("", O_RDONLY | O_DIRECTORY);
        assert_eq!(errno(call::getdents(names.raw(), &mut [0; 10], 0)), Err(EINVAL));
        let file = at("tmp/file", O_RDWR);
        for place in [u64::MAX, 1 << 63] {
            let read = sys::pread(file.raw(), &mut [0; 8], place);
            assert_eq!(read.map_err(|e| e.errno), Err(EINVAL));
            let write = sys::pwrite(file.raw(), b"x", place);
            assert_eq!(write.map_err(|e| e.errno), Err(EINVAL));
        }
        assert_eq!(errno(call::ftruncate(file.raw(), usize::MAX)), Err(EFBIG));
        let before = libredox::data::TimeSpec { tv_sec: -1, tv_nsec: 0 };
        assert_eq!(errno(call::futimens(file.raw(), &[before, before])), Err(EINVAL));
        assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"12345");
    });
}

#[test]
fn figures_do_not_change_while_they_are_read_in_pieces() {
    world(|| {
        let figures = at(".stats", O_RDONLY);
        let mut text = vec![0; 100_000];
        let count = figures.read(&mut text).unwrap();
        let report = serde_json::from_slice::<service::StatsReport>(&text[..count]).unwrap();
        assert_eq!(report.rows[0].layer, "scheme");
        // What has been read since needs more digits.
        (0..1000).for_each(|_| drop(at("tmp", O_RDONLY | O_DIRECTORY)));
        assert_eq!(figures.read(&mut text).unwrap(), 0);
    });
}

#[test]
fn a_closed_handle_is_gone() {
    world(|| {
        let disk = at("disk", O_RDWR);
        let number = disk.raw();
        drop(disk);
        assert_eq!(errno(call::read(number, &mut [0; 512])), Err(EBADF));
    });
}

#[test]
fn a_user_who_opens_too_much_is_alone_with_it() {
    let world = World::serving(ALL);
    let greedy = world.process(5, 5);
    let open_zero = || open("/scheme/port/zero", O_RDONLY, 0);
    let (held, errno) = greedy.enter(|| {
        let mut held = Vec::new();
        loop {
            match open_zero() {
                Ok(handle) => held.push(handle),
                Err(errno) => break (held, errno),
            }
        }
    });
    assert_eq!((errno, held.len()), (EMFILE, 16_384));
    world.client(6, 6, || assert!(open_zero().is_ok()));
    world.root(works);
    greedy.enter(|| {
        drop(held);
        assert!(open_zero().is_ok());
    });
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Mostly small, sometimes any.
    fn some(&mut self, small: u64) -> u64 {
        if self.below(8) == 0 { self.next() } else { self.below(small) }
    }
}

#[test]
fn no_message_kills_or_wedges_the_daemon() {
    world(|| {
        put("/scheme/port/tmp/file", b"12345").unwrap();
        let handles = [
            at("", O_RDONLY | O_DIRECTORY),
            at("tmp", O_RDONLY | O_DIRECTORY),
            at("tmp/file", O_RDWR),
            at("disk", O_RDWR),
            at("zero", O_RDWR),
            at(".stats", O_RDONLY),
        ];
        let mut numbers = Numbers(0x5eed_0000_cafe);
        let mut went_well = 0;
        for _ in 0..20_000 {
            let mut payload = vec![0; [0, 8, 128, 130, 200, 512, 4096][numbers.below(7) as usize]];
            payload.iter_mut().for_each(|byte| *byte = numbers.some(4) as u8);
            if payload.len() >= 8 && numbers.below(2) == 0 {
                let lens = numbers.below(70) | numbers.some(3) << 32;
                payload[..8].copy_from_slice(&lens.to_le_bytes());
            }
            let len = if numbers.below(4) == 0 { numbers.next() } else { payload.len() as u64 };
            let words = Words {
                op: numbers.some(24) as u16,
                window: u16::from(numbers.below(32) == 0),
                id: numbers.next() as u32,
                offset: numbers.some(4) << numbers.below(20),
                object: numbers.some(8) as u32,
                len: len as u32,
            };
            let handle = &handles[numbers.below(6) as usize];
            went_well += usize::from(send(handle, words, &mut payload).is_ok());
        }
        assert!(went_well > 100, "{went_well}: this would test refusals only");
    });
}

#[test]
fn no_standard_call_kills_or_wedges_the_daemon() {
    world(|| {
        let handles = [at("", O_RDONLY), at("tmp/file", O_RDWR | O_CREAT), at("disk", O_RDWR)];
        let mut numbers = Numbers(0xdeed_0000_cafe);
        for _ in 0..5_000 {
            let mut payload = vec![numbers.next() as u8; numbers.below(200) as usize];
            let words = [numbers.below(17), numbers.some(64), numbers.some(64)];
            let handle = handles[numbers.below(3) as usize].raw();
            let _ = call::call_rw(handle, &mut payload, CallFlags::STD_FS, &words);
        }
    });
}
