//! Calls and reads of a plain scheme.

use libredox::{call, errno::*};
use smoke::echo::{Ask, Handle, Seen, byte_at};
use smoke::{World, errno, files};
use syscall::CallFlags;

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_call_without_data_carries_three_words,
    a_fourth_word_is_dropped_without_a_word,
    payloads_of_all_sizes_and_places_come_and_go,
    a_payload_lies_at_the_same_place_in_its_page,
    what_lies_beside_a_payload_stays,
    a_ragged_payload_in_read_only_memory_is_efault,
    an_errno_of_the_scheme_is_the_caller_s,
    an_errno_above_132_is_passed_on_as_any_word,
    a_count_whose_low_half_looks_like_an_errno_is_taken_for_one,
    what_a_scheme_does_not_do_is_its_own_errno,
    a_closed_descriptor_is_ebadf,
    an_answer_that_nobody_waits_for_is_ebadfd,
    reads_go_on_where_they_ended_and_preads_do_not,
    a_call_that_waits_does_not_hold_others_up,
    clients_of_several_processes_are_told_apart,
];

const PAGE: usize = 4096;

/// Bytes on whole pages, and a part of them.
fn part(pages: &mut Vec<u8>, start: usize, len: usize) -> &mut [u8] {
    pages.resize(len + 3 * PAGE, 0);
    let askew = pages.as_ptr().align_offset(PAGE);
    &mut pages[askew + start..askew + start + len]
}

fn a_call_without_data_carries_three_words() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        assert_eq!(handle.ask(Ask::Add, &[20, 22], &mut []), Ok(42));
        assert_eq!(handle.ask(Ask::Word, &[0], &mut []), Ok(1), "the handle");
        assert_eq!(handle.ask(Ask::Word, &[2], &mut []), Ok(0), "no payload");
        let large = u64::from(u32::MAX);
        assert_eq!(handle.ask(Ask::Add, &[large, 1], &mut []), Ok(1 << 32));
    });
}

fn a_fourth_word_is_dropped_without_a_word() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        assert_eq!(handle.ask(Ask::Add, &[1, 2, 4, 8], &mut []), Ok(3));
    });
}

fn payloads_of_all_sizes_and_places_come_and_go() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let mut pages = Vec::new();
        for len in [1, 63, 64, 4095, 4096, 4097, 8192, 12_345, 65_536, 1 << 20] {
            for start in [0, 1, 64, 4095] {
                let part = part(&mut pages, start, len);
                (0..).zip(&mut *part).for_each(|(at, byte)| *byte = byte_at(at));
                assert_eq!(handle.ask(Ask::Add, &[3, 4], part), Ok(7), "{len} at {start}");
                let right =
                    (0..).zip(&*part).all(|(at, byte)| *byte == byte_at(at).wrapping_add(1));
                assert!(right, "{len} at {start}");
            }
        }
    });
}

fn a_payload_lies_at_the_same_place_in_its_page() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let mut pages = Vec::new();
        for start in [0, 1, 4095] {
            let part = part(&mut pages, start, 5000);
            let address = handle.ask(Ask::Word, &[1], part).unwrap();
            assert_eq!(address % PAGE, start);
            assert_eq!(handle.ask(Ask::Word, &[2], part), Ok(5000));
        }
    });
}

fn what_lies_beside_a_payload_stays() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let mut bytes = vec![9; 3 * PAGE];
        handle.ask(Ask::Add, &[0, 0], &mut bytes[100..PAGE + 300]).unwrap();
        assert!(bytes[..100].iter().chain(&bytes[PAGE + 300..]).all(|byte| *byte == 9));
        assert!(bytes[100..PAGE + 300].iter().all(|byte| *byte == 10));
    });
}

fn a_ragged_payload_in_read_only_memory_is_efault() {
    static BYTES: [u8; 100] = [7; 100];
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let words = [Ask::Word as u64, 2];
        let called = call::call_wo(handle.0.raw(), &BYTES, CallFlags::empty(), &words);
        assert_eq!(errno(called), Err(EFAULT));
        assert_eq!(errno(call::write(handle.0.raw(), &BYTES)), Ok(100));
    });
}

fn an_errno_of_the_scheme_is_the_caller_s() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let raw = |word: i64| handle.ask(Ask::Raw, &[word as u64], &mut []);
        assert_eq!(raw(-i64::from(ENOENT)), Err(ENOENT));
        assert_eq!(raw(-1), Err(EPERM));
        assert_eq!(raw(-132), Err(132));
        assert_eq!(raw(0), Ok(0));
        assert_eq!(raw(1 << 62), Ok(1 << 62));
        // A scheme cannot make a signal up.
        assert_eq!(raw(-i64::from(EINTR)), Err(EIO));
    });
}

fn an_errno_above_132_is_passed_on_as_any_word() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let raw = |word: i64| handle.ask(Ask::Raw, &[word as u64], &mut []);
        // The kernel takes it for a count, and `libredox` for an errno again.
        assert_eq!(raw(-133), Err(133));
        assert_eq!(raw(-4095), Err(4095));
        assert_eq!(raw(-4096), Ok(4096_usize.wrapping_neg()));
    });
}

fn a_count_whose_low_half_looks_like_an_errno_is_taken_for_one() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        assert_eq!(handle.ask(Ask::Raw, &[i64::MAX as u64], &mut []), Err(EPERM));
        assert_eq!(handle.ask(Ask::Raw, &[u64::from(u32::MAX) - 1], &mut []), Err(ENOENT));
    });
}

fn what_a_scheme_does_not_do_is_its_own_errno() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let words = [99, 0, 0];
        let called = call::call_rw(handle.0.raw(), &mut [], CallFlags::empty(), &words);
        assert_eq!(errno(called), Err(EINVAL));
        assert_eq!(errno(call::fstat(handle.0.raw()).map(drop)), Err(EOPNOTSUPP));
        assert_eq!(errno(call::ftruncate(handle.0.raw(), 1)), Err(EOPNOTSUPP));
    });
}

fn a_closed_descriptor_is_ebadf() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let raw = call::dup(handle.0.raw(), b"").unwrap();
        call::close(raw).unwrap();
        let called = call::call_rw(raw, &mut [], CallFlags::empty(), &[Ask::Add as u64, 0, 0]);
        assert_eq!(errno(called), Err(EBADF));
        assert_eq!(errno(call::close(raw)), Err(EBADF));
    });
}

fn an_answer_that_nobody_waits_for_is_ebadfd() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        assert_eq!(handle.ask(Ask::Stray, &[60_000], &mut []), Ok(0));
        assert_eq!(handle.ask(Ask::Refused, &[], &mut []), Ok(EBADFD as usize));
    });
}

fn reads_go_on_where_they_ended_and_preads_do_not() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        let expect = |from: u64, bytes: &[u8]| {
            assert!((from..).zip(bytes).all(|(at, byte)| *byte == byte_at(at)), "{from}");
        };
        let mut bytes = vec![0; 5000];
        assert_eq!(errno(handle.0.read(&mut bytes)), Ok(5000));
        expect(0, &bytes);
        assert_eq!(files::pread(&handle.0, &mut bytes[..7], 1 << 33), Ok(7));
        expect(1 << 33, &bytes[..7]);
        assert_eq!(errno(handle.0.write(&bytes[..100])), Ok(100));
        assert_eq!(errno(handle.0.read(&mut bytes[..1])), Ok(1));
        expect(5100, &bytes[..1]);
        assert_eq!(files::seek(&handle.0, 10, 0), Ok(10));
        assert_eq!(errno(handle.0.read(&mut bytes[..64])), Ok(64));
        expect(10, &bytes[..64]);
    });
}

fn a_call_that_waits_does_not_hold_others_up() {
    let world = World::new();
    let daemon = world.echo();
    let path = daemon.path.clone();
    let waiting = world.spawn(move || Handle::open(&path)?.wait_for(Seen::Closes, 1));
    world.here(|| {
        let handle = Handle::open(&daemon.path).unwrap();
        for n in 0..100 {
            assert_eq!(handle.ask(Ask::Add, &[n, 1], &mut []), Ok(n as usize + 1));
        }
        drop(handle);
    });
    assert_eq!(waiting.wait(), smoke::End::Gave(Ok(1)));
}

fn clients_of_several_processes_are_told_apart() {
    let world = World::new();
    let daemon = world.echo();
    let clients: Vec<_> = (0..4_u64)
        .map(|n| {
            let path = daemon.path.clone();
            world.spawn(move || {
                let handle = Handle::open(&path)?;
                let mut bytes = vec![n as u8; 5000];
                for round in 1..=50 {
                    assert_eq!(
                        handle.ask(Ask::Add, &[n, round], &mut bytes)?,
                        (n + round) as usize
                    );
                    assert!(bytes.iter().all(|byte| *byte == (n + round) as u8));
                }
                Ok(n as usize)
            })
        })
        .collect();
    for (n, client) in clients.into_iter().enumerate() {
        assert_eq!(client.wait(), smoke::End::Gave(Ok(n)));
    }
}
