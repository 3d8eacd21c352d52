//! What is asked of a driver, and the values of its reply.

use agent::Errno;

use crate::attr::{Attr, SetAttr, Statfs};

/// Longest name of a directory entry, in bytes.
pub const MAX_NAME: usize = 255;
/// Longest path, in bytes.
pub const MAX_PATH: usize = 4095;

/// An object of a driver: the device itself, or a node of a file system. The driver gives the
/// numbers out in its replies, and checks those that come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub u64);

impl Node {
    /// The device, or the root directory.
    pub const ROOT: Node = Node(0);
}

/// Who asks. Taken where the asker opened a handle, not from the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cred {
    /// User id; 0 may do everything.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Cred {
    /// The system itself.
    pub const ROOT: Cred = Cred { uid: 0, gid: 0 };
}

bitflags::bitflags! {
    /// What an opener wants to do.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenFlags: u16 {
        /// Read; for a directory, list it.
        const READ = 1;
        /// Write.
        const WRITE = 2;
        /// Make the file empty first; needs `WRITE`.
        const TRUNCATE = 4;
        /// Fail with `EEXIST` where the file is there already (`Create` only).
        const EXCLUSIVE = 8;
        /// Look at attributes only: no right to the contents is asked for.
        const STAT = 16;
    }

    /// Readiness of a character device.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Ready: u16 {
        /// A read would not wait.
        const READ = 1;
        /// A write would not wait.
        const WRITE = 2;
    }
}

impl OpenFlags {
    /// `EINVAL` where a file is to be made empty without being written.
    pub fn check(self) -> Result<(), Errno> {
        let writes = self & (OpenFlags::WRITE | OpenFlags::STAT) == OpenFlags::WRITE;
        if self.contains(OpenFlags::TRUNCATE) && !writes { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

/// The operation. Names in parentheses are the message's; *sink* and *source* are its data.
///
/// Every driver answers an operation that it does not have with `EOPNOTSUPP`, and one on a node
/// that it does not know with `ESTALE`. Data operations count bytes in their status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// *All classes.* Reads into the sink from `offset` on. Fewer bytes than there is room for
    /// mean the end; 0 at or past the end. `EISDIR` for a directory.
    Read {
        /// The file; [`Node::ROOT`] for a device.
        node: Node,
        /// In bytes. A block device may refuse one that isn't a multiple of its block with
        /// `EINVAL`.
        offset: u64,
    },
    /// *All classes.* Writes the source from `offset` on. Fewer bytes than were given mean that
    /// no more fit. Past the end of a device: `ENOSPC`; no room left: `ENOSPC`; `EROFS`.
    Write {
        /// The file; [`Node::ROOT`] for a device.
        node: Node,
        /// In bytes; [`Op::END`] appends to a file, at its end at that moment.
        offset: u64,
    },
    /// *All classes.* Answers once all that was written before is as safe as the driver can
    /// make it.
    Flush {
        /// The file, or [`Node::ROOT`] for everything.
        node: Node,
    },
    /// *Block.* The range's contents are no longer needed; reads give zeros or what was there.
    Discard {
        /// Start, in bytes.
        offset: u64,
        /// Length, in bytes.
        len: u64,
    },
    /// *Character.* Status: the bits of [`Ready`] that hold, among those asked for.
    Poll {
        /// What is of interest.
        interest: Ready,
    },
    /// *File.* Finds (path) below `parent`; an empty path is `parent` itself. Reply:
    /// [`Reply::Entry`]. Links on the way are followed; the last one too, where `follow` says so.
    /// `ENOENT`, `ENOTDIR`, `EACCES` (no right to search), `ELOOP`, `ENAMETOOLONG`; `EXDEV`
    /// where a link leads out of the file system, and for `..` of a directory that the driver
    /// can't tell the parent of.
    Lookup {
        /// Directory where the path starts.
        parent: Node,
        /// Follow a link at the end of the path.
        follow: bool,
    },
    /// *File.* Keeps the node usable until as many [`Op::Close`] as there were opens, though it
    /// be unlinked. `EACCES`, `EISDIR` (write to a directory), `ENOENT` (gone meanwhile).
    Open {
        /// What to open.
        node: Node,
        /// What for.
        flags: OpenFlags,
    },
    /// *File.* Ends one open.
    Close {
        /// What was opened.
        node: Node,
    },
    /// *File.* Reply: [`Reply::Attr`].
    Getattr {
        /// Whose.
        node: Node,
    },
    /// *File.* Changes what the set names; reply: [`Reply::Attr`]. `EPERM` where the asker is
    /// not the owner.
    Setattr {
        /// Whose.
        node: Node,
        /// The new values.
        set: SetAttr,
    },
    /// *File.* Fills the sink with whole entries after `cookie`, as in [`dirent`](crate::dirent);
    /// status: their bytes, 0 at the end. `EINVAL` where not one fits; `ENOTDIR`.
    Readdir {
        /// The directory.
        node: Node,
        /// 0 to begin, else the `next` of the last entry seen.
        cookie: u64,
    },
    /// *File.* Makes the regular file (name) in `parent`, or finds it there, and opens it as
    /// [`Op::Open`] does. Reply: [`Reply::Entry`]. `EEXIST`, `EACCES`, `ENOSPC`.
    Create {
        /// The directory.
        parent: Node,
        /// Permission bits.
        mode: u16,
        /// As for an open.
        flags: OpenFlags,
    },
    /// *File.* Makes the directory (name). Reply: [`Reply::Entry`]. `EEXIST`, `EACCES`, `ENOSPC`.
    Mkdir {
        /// Where.
        parent: Node,
        /// Permission bits.
        mode: u16,
    },
    /// *File.* Makes (name) a symbolic link to (target). Reply: [`Reply::Entry`].
    Symlink {
        /// Where.
        parent: Node,
    },
    /// *File.* Fills the sink with the link's target, cut where there is no more room. `EINVAL`
    /// for what is no link.
    Readlink {
        /// The link.
        node: Node,
    },
    /// *File.* Gives `node` another name (name) in `parent`. `EPERM` for a directory, `EEXIST`.
    Link {
        /// The file.
        node: Node,
        /// Where.
        parent: Node,
    },
    /// *File.* Takes (name) out of `parent`. `EISDIR`, `ENOTDIR`, `ENOTEMPTY`.
    Unlink {
        /// Where.
        parent: Node,
        /// A directory is meant, and nothing else.
        dir: bool,
    },
    /// *File.* Moves (name) in `parent` to (new name) in `to`, in place of what is there.
    /// `EISDIR`, `ENOTDIR`, `ENOTEMPTY`, `EINVAL` (a directory into itself).
    Rename {
        /// From where.
        parent: Node,
        /// To where.
        to: Node,
    },
    /// *File.* Sets the size; what is new reads as zeros. `EISDIR`, `EINVAL`, `EFBIG`.
    Truncate {
        /// The file.
        node: Node,
        /// In bytes.
        len: u64,
    },
    /// *File.* Reply: [`Reply::Statfs`].
    Statfs,
}

impl Op {
    /// The offset of a [`Op::Write`] that appends.
    pub const END: u64 = u64::MAX;

    /// The nodes that the operation names.
    pub fn nodes_mut(&mut self) -> [Option<&mut Node>; 2] {
        match self {
            Op::Read { node, .. }
            | Op::Write { node, .. }
            | Op::Flush { node }
            | Op::Open { node, .. }
            | Op::Close { node }
            | Op::Getattr { node }
            | Op::Setattr { node, .. }
            | Op::Readdir { node, .. }
            | Op::Readlink { node }
            | Op::Truncate { node, .. } => [Some(node), None],
            Op::Lookup { parent, .. }
            | Op::Create { parent, .. }
            | Op::Mkdir { parent, .. }
            | Op::Symlink { parent }
            | Op::Unlink { parent, .. } => [Some(parent), None],
            Op::Link { node, parent } => [Some(node), Some(parent)],
            Op::Rename { parent, to } => [Some(parent), Some(to)],
            Op::Discard { .. } | Op::Poll { .. } | Op::Statfs => [None, None],
        }
    }
}

/// Values of a reply that are more than a count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reply {
    /// None.
    #[default]
    Nothing,
    /// A node found or made.
    Entry {
        /// Its number, good until it is gone.
        node: Node,
        /// Its attributes.
        attr: Attr,
    },
    /// Attributes.
    Attr(Attr),
    /// The file system's figures.
    Statfs(Statfs),
}

/// The body of a message to a driver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// What is asked.
    pub op: Op,
    /// Who asks.
    pub cred: Cred,
    /// Where the reply's values go.
    pub reply: Reply,
}

impl Body {
    /// Asks `op` in the name of `cred`.
    #[inline]
    pub const fn new(op: Op, cred: Cred) -> Body {
        Body { op, cred, reply: Reply::Nothing }
    }

    /// Attributes in the reply, whichever form it has.
    pub fn attr(&self) -> Option<&Attr> {
        match &self.reply {
            Reply::Entry { attr, .. } | Reply::Attr(attr) => Some(attr),
            _ => None,
        }
    }

    /// The node in the reply.
    pub fn node(&self) -> Option<Node> {
        match self.reply {
            Reply::Entry { node, .. } => Some(node),
            _ => None,
        }
    }
}
