//! How requests to drivers cross a boundary: operation codes, and the parcel that carries
//! arguments, names and the reply's values.
//!
//! A parcel is [`PARCEL`] bytes of arguments (eight little-endian words: lengths of the two
//! names, what the operation needs, last the object), the names, and room: the reply's [`REPLY`]
//! bytes are put over it. The words of the message name the object too, but for a parcel in a
//! window. Whatever comes from the other side is copied, checked, then used.

use alloc::vec::Vec;

use agent::{Access, Carries, Cross, Errno, Status, Words};

use crate::{
    attr::{Attr, FileKind, SetAttr, Statfs, Time},
    describe::{Class, Description, Features},
    op::{Body, Cred, MAX_PATH, Node, Op, OpenFlags, Ready, Reply},
};

/// Bytes of a parcel before its names.
pub const PARCEL: usize = 64;
/// Bytes of a reply's values.
pub const REPLY: usize = 128;
/// The largest block that another side is believed to have, in bytes.
const MAX_BLOCK: u32 = 1 << 20;

/// Operation codes.
mod code {
    pub(super) const DESCRIBE: u16 = 0;
    pub(super) const READ: u16 = 1;
    pub(super) const WRITE: u16 = 2;
    pub(super) const FLUSH: u16 = 3;
    pub(super) const DISCARD: u16 = 4;
    pub(super) const POLL: u16 = 5;
    pub(super) const LOOKUP: u16 = 6;
    pub(super) const OPEN: u16 = 7;
    pub(super) const CLOSE: u16 = 8;
    pub(super) const GETATTR: u16 = 9;
    pub(super) const SETATTR: u16 = 10;
    pub(super) const READDIR: u16 = 11;
    pub(super) const CREATE: u16 = 12;
    pub(super) const MKDIR: u16 = 13;
    pub(super) const SYMLINK: u16 = 14;
    pub(super) const READLINK: u16 = 15;
    pub(super) const LINK: u16 = 16;
    pub(super) const UNLINK: u16 = 17;
    pub(super) const RENAME: u16 = 18;
    pub(super) const TRUNCATE: u16 = 19;
    pub(super) const STATFS: u16 = 20;
}

const FILLED: Carries = Carries::Data(Access::FILL);
const FETCHED: Carries = Carries::Data(Access::FETCH);

type Args = [u64; 8];
/// The argument that is the object.
const OBJECT: usize = 7;

/// `ESTALE` for what is no number of the other side's.
fn object(node: Node) -> Result<u32, Errno> {
    u32::try_from(node.0).map_err(|_| Errno::ESTALE)
}

impl Cross for Body {
    fn words(&self) -> Result<(Words, Carries), Errno> {
        use Carries::{Nothing, Parcel};
        let (op, node, offset, carries) = match self.op {
            Op::Read { node, offset } => (code::READ, node, offset, FILLED),
            Op::Write { node, offset } => (code::WRITE, node, offset, FETCHED),
            Op::Flush { node } => (code::FLUSH, node, 0, Nothing),
            Op::Discard { offset, .. } => (code::DISCARD, Node::ROOT, offset, Parcel),
            Op::Poll { interest } => (code::POLL, Node::ROOT, u64::from(interest.bits()), Nothing),
            Op::Lookup { parent, follow } => (code::LOOKUP, parent, u64::from(follow), Parcel),
            Op::Open { node, flags } => (code::OPEN, node, u64::from(flags.bits()), Nothing),
            Op::Close { node } => (code::CLOSE, node, 0, Nothing),
            Op::Getattr { node } => (code::GETATTR, node, 0, Parcel),
            Op::Setattr { node, .. } => (code::SETATTR, node, 0, Parcel),
            Op::Readdir { node, cookie } => (code::READDIR, node, cookie, FILLED),
            Op::Create { parent, .. } => (code::CREATE, parent, 0, Parcel),
            Op::Mkdir { parent, mode } => (code::MKDIR, parent, u64::from(mode), Parcel),
            Op::Symlink { parent } => (code::SYMLINK, parent, 0, Parcel),
            Op::Readlink { node } => (code::READLINK, node, 0, FILLED),
            Op::Link { node, parent } => (code::LINK, node, parent.0, Parcel),
            Op::Unlink { parent, dir } => (code::UNLINK, parent, u64::from(dir), Parcel),
            Op::Rename { parent, to } => (code::RENAME, parent, to.0, Parcel),
            Op::Truncate { node, len } => (code::TRUNCATE, node, len, Nothing),
            Op::Statfs => (code::STATFS, Node::ROOT, 0, Parcel),
        };
        let words = Words { op, object: object(node)?, offset, ..Words::default() };
        Ok((words, carries))
    }

    fn pack(&self, names: [Option<&[u8]>; 2], parcel: &mut Vec<u8>) -> Result<(), Errno> {
        let mut args: Args = [0; 8];
        let len = |name: Option<&[u8]>| name.map_or(0, <[u8]>::len);
        if names.iter().any(|name| len(*name) > MAX_PATH) {
            return Err(Errno::ENAMETOOLONG);
        }
        args[0] = len(names[0]) as u64 | (len(names[1]) as u64) << 32;
        args[OBJECT] = u64::from(self.words()?.0.object);
        match self.op {
            Op::Discard { len, .. } => args[1] = len,
            Op::Create { mode, flags, .. } => {
                args[1] = u64::from(mode) | u64::from(flags.bits()) << 16;
            }
            Op::Setattr { set, .. } => pack_set(&set, &mut args),
            _ => {}
        }
        parcel.clear();
        args.iter().for_each(|word| parcel.extend_from_slice(&word.to_le_bytes()));
        names.iter().flatten().for_each(|name| parcel.extend_from_slice(name));
        parcel.resize(parcel.len().max(REPLY), 0);
        Ok(())
    }

    fn unpack_reply(&mut self, status: Status, parcel: &[u8]) -> Result<(), Errno> {
        if status.is_ok() {
            self.reply = reply_from(parcel.get(..REPLY).ok_or(Errno::EPROTO)?)?;
        }
        Ok(())
    }
}

/// A request taken out of what crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// What is asked; nodes are still the other side's numbers.
    pub body: Body,
    /// The names that came along.
    pub names: Vec<Vec<u8>>,
}

/// What a code's payload is, before anything else is known of the message. `None` for an unknown
/// code. Describe (code 0) carries a parcel.
#[inline]
pub(crate) fn carries(op: u16) -> Option<Carries> {
    Some(match op {
        code::READ | code::READDIR | code::READLINK => FILLED,
        code::WRITE => FETCHED,
        code::FLUSH | code::POLL | code::OPEN | code::CLOSE | code::TRUNCATE => Carries::Nothing,
        code::DESCRIBE..=code::STATFS => Carries::Parcel,
        _ => return None,
    })
}

impl Parcel {
    /// True where the words ask for the description, which is no message to the driver.
    pub fn asks_description(words: &Words) -> bool {
        words.op == code::DESCRIBE
    }

    /// What the payload of a message with these words is. `ENOSYS` for an unknown operation.
    #[inline]
    pub fn carries(words: &Words) -> Result<Carries, Errno> {
        carries(words.op).ok_or(Errno::ENOSYS)
    }

    /// What words ask of `node`, the handle's own object, where that carries nothing and needs no
    /// right: a flush, a poll. `None` for all else.
    #[inline]
    pub fn bare(words: &Words, node: Node) -> Option<Op> {
        let own = (words.window, words.object, words.len) == (0, 0, 0);
        match words.op {
            code::FLUSH if own => Some(Op::Flush { node }),
            code::POLL if own => {
                Some(Op::Poll { interest: Ready::from_bits(small(words.offset)?)? })
            }
            _ => None,
        }
    }

    /// What words alone ask of `node`. `None` for an operation that is unknown or carries a
    /// parcel, and for arguments that make no sense.
    #[inline]
    pub fn plain(words: &Words, node: Node) -> Option<Op> {
        let offset = words.offset;
        Some(match words.op {
            code::READ => Op::Read { node, offset },
            code::WRITE => Op::Write { node, offset },
            code::FLUSH => Op::Flush { node },
            code::POLL => Op::Poll { interest: Ready::from_bits(small(offset)?)? },
            code::OPEN => Op::Open { node, flags: flags(offset)? },
            code::CLOSE => Op::Close { node },
            code::READDIR => Op::Readdir { node, cookie: offset },
            code::READLINK => Op::Readlink { node },
            code::TRUNCATE => Op::Truncate { node, len: offset },
            _ => return None,
        })
    }

    /// Takes a request apart. `parcel` is a private copy of the payload, empty where the
    /// operation carries none. `ENOSYS` for an unknown operation, `EPROTO` for arguments that
    /// make no sense, `ENAMETOOLONG`.
    pub fn unpack(words: &Words, parcel: &[u8], cred: Cred) -> Result<Parcel, Errno> {
        let (mut args, mut names): (Args, Vec<Vec<u8>>) = ([0; 8], Vec::new());
        if Parcel::carries(words)? == Carries::Parcel {
            names = unpack_args(parcel, &mut args)?;
        }
        let mut words = *words;
        if words.window != 0 {
            words.object = u32::try_from(args[OBJECT]).map_err(|_| Errno::EPROTO)?;
        }
        let op = unpack_op(&words, &args).ok_or(Errno::EPROTO)?;
        check_names(&op, &mut names)?;
        Ok(Parcel { body: Body::new(op, cred), names })
    }
}

fn unpack_args(parcel: &[u8], args: &mut Args) -> Result<Vec<Vec<u8>>, Errno> {
    if parcel.len() < REPLY {
        return Err(Errno::EPROTO);
    }
    for (arg, bytes) in args.iter_mut().zip(parcel[..PARCEL].as_chunks::<8>().0) {
        *arg = u64::from_le_bytes(*bytes);
    }
    let lens = [args[0] as u32 as usize, (args[0] >> 32) as usize];
    if lens.iter().any(|len| *len > MAX_PATH) {
        return Err(Errno::ENAMETOOLONG);
    }
    let first = parcel.get(PARCEL..PARCEL + lens[0]).ok_or(Errno::EPROTO)?;
    let start = PARCEL + lens[0];
    let second = parcel.get(start..start + lens[1]).ok_or(Errno::EPROTO)?;
    Ok(alloc::vec![first.to_vec(), second.to_vec()])
}

/// `None` for arguments that make no sense; what the operation carries has been seen to.
fn unpack_op(words: &Words, args: &Args) -> Option<Op> {
    let node = Node(u64::from(words.object));
    let offset = words.offset;
    let flag = |value: u64| (value < 2).then_some(value == 1);
    Some(match words.op {
        code::DISCARD => Op::Discard { offset, len: args[1] },
        code::LOOKUP => Op::Lookup { parent: node, follow: flag(offset)? },
        code::GETATTR => Op::Getattr { node },
        code::SETATTR => Op::Setattr { node, set: unpack_set(args)? },
        code::CREATE => {
            Op::Create { parent: node, mode: args[1] as u16, flags: flags(args[1] >> 16)? }
        }
        code::MKDIR => Op::Mkdir { parent: node, mode: small(offset)? },
        code::SYMLINK => Op::Symlink { parent: node },
        code::LINK => Op::Link { node, parent: Node(offset) },
        code::UNLINK => Op::Unlink { parent: node, dir: flag(offset)? },
        code::RENAME => Op::Rename { parent: node, to: Node(offset) },
        code::STATFS => Op::Statfs,
        _ => return Parcel::plain(words, node),
    })
}

fn small(value: u64) -> Option<u16> {
    u16::try_from(value).ok()
}

fn flags(value: u64) -> Option<OpenFlags> {
    small(value).and_then(OpenFlags::from_bits)
}

/// An operation that takes one name leaves the second empty.
fn check_names(op: &Op, names: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
    if matches!(op, Op::Symlink { .. } | Op::Rename { .. }) {
        return Ok(());
    }
    if names.pop().is_some_and(|second| !second.is_empty()) { Err(Errno::EPROTO) } else { Ok(()) }
}

fn pack_set(set: &SetAttr, args: &mut Args) {
    let given = [
        set.mode.is_some(),
        set.uid.is_some(),
        set.gid.is_some(),
        set.atime.is_some(),
        set.mtime.is_some(),
    ];
    for (bit, given) in given.into_iter().enumerate() {
        args[1] |= u64::from(given) << bit;
    }
    let (atime, mtime) = (set.atime.unwrap_or_default(), set.mtime.unwrap_or_default());
    args[2] = u64::from(set.mode.unwrap_or(0));
    args[3] = u64::from(set.uid.unwrap_or(0)) | u64::from(set.gid.unwrap_or(0)) << 32;
    (args[4], args[5]) = (atime.sec, mtime.sec);
    args[6] = u64::from(atime.nsec) | u64::from(mtime.nsec) << 32;
}

fn unpack_set(args: &Args) -> Option<SetAttr> {
    let given = |bit: u32| args[1] >> bit & 1 == 1;
    let (atime, mtime) = (args[6] as u32, (args[6] >> 32) as u32);
    // Which modes and times there are is the driver's to say, as it is beside it.
    let mode = small(args[2]).filter(|_| args[1] < 32)?;
    Some(SetAttr {
        mode: given(0).then_some(mode),
        uid: given(1).then_some(args[3] as u32),
        gid: given(2).then_some((args[3] >> 32) as u32),
        atime: given(3).then_some(Time { sec: args[4], nsec: atime }),
        mtime: given(4).then_some(Time { sec: args[5], nsec: mtime }),
    })
}

impl Reply {
    /// The reply's values as they cross.
    pub fn encode(&self) -> [u8; REPLY] {
        let mut words = [0u64; REPLY / 8];
        match self {
            Reply::Nothing => {}
            Reply::Entry { node, attr } => {
                (words[0], words[1]) = (1, node.0);
                pack_attr(attr, &mut words[2..]);
            }
            Reply::Attr(attr) => {
                words[0] = 2;
                pack_attr(attr, &mut words[2..]);
            }
            Reply::Statfs(figures) => {
                (words[0], words[1]) = (3, u64::from(figures.block_size));
                (words[2], words[3]) = (figures.blocks, figures.free);
            }
        }
        bytes_of(&words)
    }
}

fn bytes_of(words: &[u64; REPLY / 8]) -> [u8; REPLY] {
    let mut bytes = [0; REPLY];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
}

fn words_of(bytes: &[u8]) -> Result<[u64; REPLY / 8], Errno> {
    let mut words = [0; REPLY / 8];
    let chunks = bytes.get(..REPLY).ok_or(Errno::EPROTO)?.as_chunks::<8>().0;
    for (word, place) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*place);
    }
    Ok(words)
}

fn reply_from(bytes: &[u8]) -> Result<Reply, Errno> {
    let words = words_of(bytes)?;
    Ok(match words[0] {
        0 => Reply::Nothing,
        1 => Reply::Entry { node: Node(words[1]), attr: unpack_attr(&words[2..])? },
        2 => Reply::Attr(unpack_attr(&words[2..])?),
        3 => Reply::Statfs(Statfs {
            block_size: u32::try_from(words[1]).map_err(|_| Errno::EPROTO)?,
            blocks: words[2],
            free: words[3],
        }),
        _ => return Err(Errno::EPROTO),
    })
}

fn pack_attr(attr: &Attr, words: &mut [u64]) {
    words[0] = attr.inode;
    words[1] = u64::from(attr.kind.mode_bits() | attr.mode) | u64::from(attr.links) << 32;
    words[2] = u64::from(attr.uid) | u64::from(attr.gid) << 32;
    (words[3], words[4]) = (attr.size, attr.blocks);
    words[5] = u64::from(attr.block_size);
    for (place, time) in
        words[6..12].as_chunks_mut::<2>().0.iter_mut().zip([attr.atime, attr.mtime, attr.ctime])
    {
        *place = [time.sec, u64::from(time.nsec)];
    }
}

fn unpack_attr(words: &[u64]) -> Result<Attr, Errno> {
    let mode = words[1] as u16;
    let time = |at: usize| -> Result<Time, Errno> {
        let nsec = u32::try_from(words[at + 1]).ok().filter(|nsec| *nsec < 1_000_000_000);
        Ok(Time { sec: words[at], nsec: nsec.ok_or(Errno::EPROTO)? })
    };
    Ok(Attr {
        inode: words[0],
        kind: FileKind::from_mode(mode).ok_or(Errno::EPROTO)?,
        mode: mode & 0o7777,
        links: (words[1] >> 32) as u32,
        uid: words[2] as u32,
        gid: (words[2] >> 32) as u32,
        size: words[3],
        blocks: words[4],
        block_size: u32::try_from(words[5]).map_err(|_| Errno::EPROTO)?,
        atime: time(6)?,
        mtime: time(8)?,
        ctime: time(10)?,
    })
}

/// A description as it crosses.
pub fn describe_to(description: &Description) -> [u8; REPLY] {
    let mut words = [0; REPLY / 8];
    words[0] = match description.class {
        Class::Block => 1,
        Class::Character => 2,
        Class::File => 3,
    };
    words[1] = description.size;
    words[2] = u64::from(description.block_size);
    words[3] = u64::from(description.features.bits());
    bytes_of(&words)
}

/// A description as it came: remote now, and it blocks, since to ask it is to wait for another
/// process. `EPROTO` where it makes no sense; features without a name here are let go of.
pub fn describe_from(bytes: &[u8]) -> Result<Description, Errno> {
    let words = words_of(bytes)?;
    let class = match words[0] {
        1 => Class::Block,
        2 => Class::Character,
        3 => Class::File,
        _ => return Err(Errno::EPROTO),
    };
    let sane = |size: &u32| size.is_power_of_two() && *size <= MAX_BLOCK;
    let block_size = u32::try_from(words[2]).ok().filter(sane);
    let features = Features::from_bits_truncate(words[3] as u16);
    Ok(Description {
        class,
        size: words[1],
        block_size: block_size.ok_or(Errno::EPROTO)?,
        features: features | Features::BLOCKS | Features::REMOTE | Features::CONCURRENT,
    })
}

#[cfg(test)]
mod tests;
