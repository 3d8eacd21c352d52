//! What crosses is the same on the other side.

use super::*;
use alloc::vec;

const CRED: Cred = Cred { uid: 1, gid: 2 };

fn samples() -> Vec<Op> {
    let node = Node(7);
    let set = SetAttr {
        mode: Some(0o644),
        gid: Some(9),
        mtime: Some(Time { sec: 5, nsec: 999_999_999 }),
        ..SetAttr::default()
    };
    let flags = OpenFlags::READ | OpenFlags::EXCLUSIVE;
    vec![
        Op::Read { node, offset: 1 << 40 },
        Op::Write { node, offset: Op::END },
        Op::Flush { node },
        Op::Discard { offset: 4096, len: 1 << 41 },
        Op::Poll { interest: Ready::WRITE },
        Op::Lookup { parent: node, follow: true },
        Op::Open { node, flags },
        Op::Close { node },
        Op::Getattr { node },
        Op::Setattr { node, set },
        Op::Readdir { node, cookie: 3 },
        Op::Create { parent: node, mode: 0o755, flags },
        Op::Mkdir { parent: node, mode: 0o700 },
        Op::Symlink { parent: node },
        Op::Readlink { node },
        Op::Link { node, parent: Node(8) },
        Op::Unlink { parent: node, dir: true },
        Op::Rename { parent: node, to: Node(9) },
        Op::Truncate { node, len: u64::MAX },
        Op::Statfs,
    ]
}

#[test]
fn every_operation_crosses_and_is_the_same() {
    for op in samples() {
        let body = Body::new(op, CRED);
        let (words, carries) = body.words().unwrap();
        let mut parcel = Vec::new();
        let names: &[&[u8]] = match op {
            Op::Symlink { .. } | Op::Rename { .. } => &[b"a name", b"to"],
            _ => &[b"a/path"],
        };
        if carries == Carries::Parcel {
            body.pack([names.first().copied(), names.get(1).copied()], &mut parcel).unwrap();
        }
        let words = Words::decode(words.encode());
        assert_eq!(Parcel::carries(&words), Ok(carries));
        let came = Parcel::unpack(&words, &parcel, CRED).unwrap();
        assert_eq!(came.body, body);
        if carries == Carries::Parcel {
            assert_eq!(came.names, names);
        }
    }
}

#[test]
fn replies_cross_and_are_the_same() {
    let time = Time { sec: u64::MAX, nsec: 1 };
    let attr = Attr {
        inode: 3,
        kind: FileKind::Symlink,
        mode: 0o4777,
        links: u32::MAX,
        uid: 1,
        gid: 2,
        size: 3,
        blocks: 4,
        block_size: 5,
        atime: time,
        mtime: Time::default(),
        ctime: time,
    };
    for reply in [
        Reply::Nothing,
        Reply::Entry { node: Node(12), attr },
        Reply::Attr(attr),
        Reply::Statfs(Statfs { block_size: 512, blocks: 7, free: 6 }),
    ] {
        let mut body = Body::new(Op::Statfs, CRED);
        body.unpack_reply(Status::OK, &reply.encode()).unwrap();
        assert_eq!(body.reply, reply);
    }
}

#[test]
fn malformed_parcels_are_refused() {
    let words = Words { op: code::LOOKUP, ..Words::default() };
    let unpack = |parcel: &[u8]| Parcel::unpack(&words, parcel, CRED).unwrap_err();
    assert_eq!(unpack(&[]), Errno::EPROTO);
    assert_eq!(unpack(&[0; REPLY - 1]), Errno::EPROTO);
    let mut long = [0; REPLY];
    long[..8].copy_from_slice(&4096u64.to_le_bytes());
    assert_eq!(unpack(&long), Errno::ENAMETOOLONG);
    long[..8].copy_from_slice(&100u64.to_le_bytes());
    assert_eq!(unpack(&long), Errno::EPROTO);
    let unknown = Words { op: 999, ..Words::default() };
    assert_eq!(Parcel::unpack(&unknown, &[], CRED), Err(Errno::ENOSYS));
    let flag = Words { op: code::LOOKUP, offset: 2, ..Words::default() };
    assert_eq!(Parcel::unpack(&flag, &[0; REPLY], CRED), Err(Errno::EPROTO));
}

#[test]
fn a_description_comes_back_remote() {
    let sent = Description {
        class: Class::File,
        size: 1 << 30,
        block_size: 512,
        features: Features::READ_ONLY,
    };
    let came = describe_from(&describe_to(&sent)).unwrap();
    assert_eq!((came.class, came.size, came.block_size), (Class::File, 1 << 30, 512));
    assert!(came.features.contains(Features::READ_ONLY | Features::REMOTE | Features::BLOCKS));
    assert_eq!(describe_from(&[0; REPLY]), Err(Errno::EPROTO));
    for block_size in [0, 3, u32::MAX, 1 << 31] {
        let lie = Description { block_size, ..sent };
        assert_eq!(describe_from(&describe_to(&lie)), Err(Errno::EPROTO));
    }
}
