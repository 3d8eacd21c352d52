//! What is written is read again, whatever its size, and across a remount.

use std::ptr::NonNull;

use agent::{Access, Lent};
use driver::{Body, Call, Cred, Data, Errno, Node, Op, OpenFlags, Spin, Status};

use crate::fs::{Fs, MIB, RDWR, Random};

#[test]
fn contents_of_every_kind_survive_a_remount() {
    let fs = Fs::new(16 * MIB);
    let mut random = Random(1);
    let kinds: Vec<Vec<u8>> = vec![
        vec![],
        b"inline".to_vec(),
        random.bytes(3966),
        random.bytes(3967),
        random.bytes(3968),
        random.bytes(4096),
        vec![0; 70_000],
        b"compressible ".repeat(20_000),
        random.bytes(131_072),
        random.bytes(1_500_000),
    ];
    for (index, bytes) in kinds.iter().enumerate() {
        fs.file(Node::ROOT, &format!("file {index}"), bytes);
    }
    let fs = fs.again();
    for (index, bytes) in kinds.iter().enumerate() {
        let node = fs.find(&format!("file {index}")).unwrap();
        assert_eq!(fs.attr(node).unwrap().size, bytes.len() as u64);
        assert!(fs.bytes(node, 0, bytes.len() + 10).unwrap() == *bytes, "file {index}");
    }
}

#[test]
fn reads_stop_at_the_end() {
    let fs = Fs::new(4 * MIB);
    for len in [10, 5000] {
        let node = fs.file(Node::ROOT, "file", &vec![3; len]);
        assert_eq!(fs.bytes(node, 4, len).unwrap(), vec![3; len - 4]);
        for offset in [len as u64, len as u64 + 1, 1 << 40, u64::MAX] {
            assert_eq!(fs.bytes(node, offset, 10), Ok(vec![]));
        }
    }
}

#[test]
fn a_gap_reads_as_zeros() {
    let fs = Fs::new(16 * MIB);
    for (first, offset) in [(10, 100), (10, 9000), (9000, 9100), (9000, 3 * MIB), (0, 200_000)] {
        let node = fs.file(Node::ROOT, "file", &vec![5; first]);
        assert_eq!(fs.write(node, offset, b"end"), Ok(3));
        let bytes = fs.bytes(node, 0, offset as usize + 10).unwrap();
        assert_eq!(bytes.len() as u64, offset + 3);
        assert!(bytes[first..offset as usize].iter().all(|byte| *byte == 0));
        assert_eq!(
            (&bytes[offset as usize..], bytes[..first].iter().all(|b| *b == 5)),
            (&b"end"[..], true)
        );
    }
}

#[test]
fn what_was_cut_off_never_comes_back() {
    let fs = Fs::new(16 * MIB);
    for len in [100, 3000, 5000, 131_072, 200_000, 262_144] {
        for cut in [0, 1, 50, 4096, 131_072, 131_073] {
            if cut >= len {
                continue;
            }
            for grow in [0, 1, 2] {
                let node = fs.file(Node::ROOT, "file", &vec![9; len]);
                fs.truncate(node, cut as u64).unwrap();
                assert_eq!(fs.bytes(node, 0, len), Ok(vec![9; cut]));
                match grow {
                    0 => fs.truncate(node, len as u64 + 1).unwrap(),
                    1 => assert_eq!(fs.write(node, len as u64, &[0]), Ok(1)),
                    _ => {
                        fs.truncate(node, cut as u64 + 1).unwrap();
                        fs.truncate(node, len as u64 + 1).unwrap();
                    }
                }
                let bytes = fs.bytes(node, 0, len + 10).unwrap();
                assert_eq!(bytes.len(), len + 1);
                assert!(bytes[..cut].iter().all(|byte| *byte == 9), "{len} {cut} {grow}");
                assert!(bytes[cut..].iter().all(|byte| *byte == 0), "{len} {cut} {grow}");
            }
        }
    }
}

#[test]
fn random_writes_and_truncations_agree_with_a_model() {
    for seed in 1..=6 {
        let mut fs = Fs::new(16 * MIB);
        let (mut random, mut model) = (Random(seed * 77), Vec::new());
        let mut node = fs.file(Node::ROOT, "file", &[]);
        for round in 0..150 {
            let at = random.below(if seed % 2 == 0 { 6_000 } else { 500_000 }) as usize;
            if random.below(3) == 0 {
                fs.truncate(node, at as u64).unwrap();
                model.resize(at, 0);
            } else {
                let len = random.below(200_000) as usize >> random.below(12);
                let bytes = if random.below(2) == 0 { random.bytes(len) } else { vec![7; len] };
                assert_eq!(fs.write(node, at as u64, &bytes), Ok(len));
                if len > 0 {
                    model.resize(model.len().max(at + len), 0);
                    model[at..at + len].copy_from_slice(&bytes);
                }
            }
            if round % 40 == 39 {
                fs = fs.again();
                node = fs.find("file").unwrap();
            }
            assert_eq!(fs.attr(node).unwrap().size, model.len() as u64);
            assert!(fs.bytes(node, 0, 800_000).unwrap() == model, "seed {seed} round {round}");
        }
    }
}

#[test]
fn a_file_of_200_mib_comes_back_whole() {
    let fs = Fs::new(320 * MIB);
    let node = fs.create(Node::ROOT, "large", RDWR).unwrap();
    let mut block = Random(3).bytes(4 << 20);
    for index in 0..50u64 {
        block[..8].copy_from_slice(&index.to_le_bytes());
        assert_eq!(fs.write(node, index * 4 * MIB, &block), Ok(block.len()));
    }
    fs.close(node).unwrap();
    let fs = fs.again();
    let node = fs.find("large").unwrap();
    assert_eq!(fs.attr(node).unwrap().size, 200 * MIB);
    for index in 0..50u64 {
        block[..8].copy_from_slice(&index.to_le_bytes());
        assert!(fs.bytes(node, index * 4 * MIB, 4 << 20).unwrap() == block, "part {index}");
    }
}

#[test]
fn an_append_goes_to_the_end_of_that_moment() {
    let fs = Fs::new(4 * MIB);
    let node = fs.file(Node::ROOT, "log", b"one");
    assert_eq!(fs.write(node, Op::END, b" two"), Ok(4));
    fs.truncate(node, 2).unwrap();
    assert_eq!(fs.write(node, Op::END, b" three"), Ok(6));
    assert_eq!(fs.bytes(node, 0, 99).unwrap(), b"on three");
}

#[test]
fn sizes_past_the_limit_are_refused_and_huge_holes_are_quick() {
    let fs = Fs::new(4 * MIB);
    let node = fs.file(Node::ROOT, "hole", b"start");
    for len in [1 << 39, 1 << 60, u64::MAX] {
        assert_eq!(fs.truncate(node, len), Err(Errno::EFBIG));
        assert_eq!(fs.write(node, len.min(u64::MAX - 1), b"x"), Err(Errno::EFBIG));
    }
    let limit = (128 + 64 * 256 + 32 * 65_536) * 131_072;
    fs.truncate(node, limit).unwrap();
    assert_eq!(fs.write(node, limit - 1, b"xyz"), Ok(1), "only one more fits");
    assert_eq!(fs.bytes(node, limit - 3, 9).unwrap(), [0, 0, b'x']);
    fs.truncate(node, 3).unwrap();
    assert_eq!(fs.bytes(node, 0, 9).unwrap(), b"sta");
    fs.truncate(node, limit).unwrap();
    assert_eq!(fs.bytes(node, limit - 3, 9).unwrap(), [0, 0, 0]);
    fs.unlink(Node::ROOT, "hole").unwrap();
}

#[test]
fn data_goes_in_place_where_it_is_private_and_once_through_a_buffer_where_it_is_shared() {
    let fs = Fs::new(8 * MIB);
    let node = fs.file(Node::ROOT, "file", &vec![1; 300_000]);
    let mut page = vec![0u8; 300_000];
    let run = |op: Op, data: Data<'_>| {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        assert_eq!(call.run(&*fs.driver, &Spin), Status::ok(300_000));
        let counts = call.counts();
        assert_eq!((counts.maps, counts.translations, counts.crossings), (0, 0, 0));
        counts.copies
    };
    let (read, write) = (Op::Read { node, offset: 0 }, Op::Write { node, offset: 0 });
    assert_eq!(run(read, Data::sink(&mut page)), 0);
    assert!(page.iter().all(|byte| *byte == 1));
    page.fill(2);
    assert_eq!(run(write, Data::source(&page)), 0);
    page.fill(0);
    let base = NonNull::new(page.as_mut_ptr()).unwrap();
    // SAFETY: `page` outlives the reference and is reached through it alone meanwhile.
    let lent = unsafe { Lent::new(base, 300_000, Access::FETCH | Access::FILL) };
    assert_eq!(run(read, Data::lent(&lent)), 1);
    let mut byte = [0];
    lent.copy_out(299_999, &mut byte).unwrap();
    assert_eq!(byte, [2]);
    lent.copy_in(150_000, &[3]).unwrap();
    assert_eq!(run(write, Data::lent(&lent)), 1);
    assert_eq!(fs.bytes(node, 149_999, 3).unwrap(), [2, 3, 2]);
}

#[test]
fn only_files_have_contents() {
    let fs = Fs::new(4 * MIB);
    let link = fs.symlink(Node::ROOT, "link", "nowhere").unwrap();
    let file = fs.file(Node::ROOT, "file", b"x");
    assert_eq!(fs.bytes(Node::ROOT, 0, 4), Err(Errno::EISDIR));
    assert_eq!(fs.write(Node::ROOT, 0, b"x"), Err(Errno::EISDIR));
    assert_eq!(fs.truncate(Node::ROOT, 0), Err(Errno::EISDIR));
    assert_eq!(fs.bytes(link, 0, 4), Err(Errno::EINVAL));
    assert_eq!(fs.truncate(link, 0), Err(Errno::EINVAL));
    assert_eq!(fs.readlink(file), Err(Errno::EINVAL));
    let fault = fs.ask(Op::Read { node: file, offset: 0 }, &[], Data::source(b"yy"));
    assert_eq!(fault, Err(Errno::EFAULT));
    let mut room = [0; 4];
    let fault = fs.ask(Op::Write { node: file, offset: 0 }, &[], Data::sink(&mut room));
    assert_eq!(fault, Err(Errno::EFAULT));
    assert_eq!(fs.open(file, OpenFlags::READ | OpenFlags::TRUNCATE), Err(Errno::EINVAL));
}
