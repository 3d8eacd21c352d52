//! Attributes of nodes, and who may do what with one.

use agent::Errno;

use crate::op::{Cred, OpenFlags};

/// What a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    #[default]
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A socket.
    Socket,
}

impl FileKind {
    /// The type bits of a mode.
    pub const fn mode_bits(self) -> u16 {
        match self {
            FileKind::Character => 0x2000,
            FileKind::Directory => 0x4000,
            FileKind::Block => 0x6000,
            FileKind::Regular => 0x8000,
            FileKind::Symlink => 0xa000,
            FileKind::Socket => 0xc000,
        }
    }

    /// The kind that a mode's type bits say, if it is one of these.
    pub const fn from_mode(mode: u16) -> Option<FileKind> {
        Some(match mode & 0xf000 {
            0x2000 => FileKind::Character,
            0x4000 => FileKind::Directory,
            0x6000 => FileKind::Block,
            0x8000 => FileKind::Regular,
            0xa000 => FileKind::Symlink,
            0xc000 => FileKind::Socket,
            _ => return None,
        })
    }
}

/// A time: seconds and nanoseconds since 1970 began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Whole seconds.
    pub sec: u64,
    /// Below 1,000,000,000.
    pub nsec: u32,
}

/// Attributes of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attr {
    /// Inode number, for people and programs to tell nodes apart.
    pub inode: u64,
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, set-id and sticky bits included; no type bits.
    pub mode: u16,
    /// Names that it has.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// 512-byte units that it takes up.
    pub blocks: u64,
    /// Bytes that it is best read and written by.
    pub block_size: u32,
    /// Last access.
    pub atime: Time,
    /// Last change of the contents.
    pub mtime: Time,
    /// Last change of the attributes.
    pub ctime: Time,
}

bitflags::bitflags! {
    /// Rights to a node, as in one digit of an octal mode.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Rights: u16 {
        /// Run it, or search the directory.
        const EXECUTE = 1;
        /// Write it, or change the directory's entries.
        const WRITE = 2;
        /// Read it, or list the directory.
        const READ = 4;
    }
}

impl Attr {
    /// `EACCES` where the mode does not give `cred` the rights. uid 0 has them all, but that
    /// a regular file is run needs an execute bit somewhere.
    pub fn allow(&self, cred: Cred, rights: Rights) -> Result<(), Errno> {
        let digit = if cred.uid == self.uid {
            self.mode >> 6
        } else if cred.gid == self.gid {
            self.mode >> 3
        } else {
            self.mode
        };
        let runs = rights.contains(Rights::EXECUTE) && self.kind == FileKind::Regular;
        let root = cred.uid == 0 && (!runs || self.mode & 0o111 != 0);
        if root || Rights::from_bits_truncate(digit & 7).contains(rights) {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    /// Permission to open what these attributes are of: `EACCES`; `EISDIR` and `ELOOP` for a
    /// directory or a link to be written. To look at attributes needs none.
    pub fn allow_open(&self, flags: OpenFlags, cred: Cred) -> Result<(), Errno> {
        if flags.contains(OpenFlags::STAT) {
            return Ok(());
        }
        let mut rights = Rights::empty();
        rights.set(Rights::READ, flags.contains(OpenFlags::READ));
        rights.set(Rights::WRITE, flags.contains(OpenFlags::WRITE));
        match self.kind {
            FileKind::Directory if rights.contains(Rights::WRITE) => Err(Errno::EISDIR),
            FileKind::Symlink if rights.contains(Rights::WRITE) => Err(Errno::ELOOP),
            _ => self.allow(cred, rights),
        }
    }

    /// `EPERM` where `cred` is neither the owner nor uid 0.
    pub fn owned_by(&self, cred: Cred) -> Result<(), Errno> {
        if cred.uid == 0 || cred.uid == self.uid { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Permission to take an entry out of the directory that these attributes are of, where the
    /// sticky bit protects what `entry` names.
    pub fn allow_removal(&self, cred: Cred, entry: &Attr) -> Result<(), Errno> {
        self.allow(cred, Rights::WRITE | Rights::EXECUTE)?;
        if self.mode & 0o1000 == 0 || cred.uid == self.uid {
            return Ok(());
        }
        entry.owned_by(cred)
    }
}

/// What to change of a node's attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Permission bits.
    pub mode: Option<u16>,
    /// Owner; uid 0 only.
    pub uid: Option<u32>,
    /// Group; uid 0, or the owner to a group of its own.
    pub gid: Option<u32>,
    /// Last access.
    pub atime: Option<Time>,
    /// Last change of the contents.
    pub mtime: Option<Time>,
}

impl SetAttr {
    /// Changes `attr` in the name of `cred`, and sets its ctime. `EPERM`, with nothing changed,
    /// where that is not `cred`'s to do; `EINVAL` for a time that is none.
    pub fn apply(&self, attr: &mut Attr, cred: Cred, now: Time) -> Result<(), Errno> {
        attr.owned_by(cred)?;
        let new_owner = self.uid.is_some_and(|uid| uid != attr.uid);
        let new_group = self.gid.is_some_and(|gid| gid != attr.gid && gid != cred.gid);
        if cred.uid != 0 && (new_owner || new_group) {
            return Err(Errno::EPERM);
        }
        if [self.atime, self.mtime].iter().flatten().any(|time| time.nsec >= 1_000_000_000) {
            return Err(Errno::EINVAL);
        }
        if let Some(mode) = self.mode {
            attr.mode = mode & 0o7777;
        }
        if self.uid.is_some() || self.gid.is_some() {
            attr.uid = self.uid.unwrap_or(attr.uid);
            attr.gid = self.gid.unwrap_or(attr.gid);
            if cred.uid != 0 && attr.kind == FileKind::Regular {
                attr.mode &= !0o6000;
            }
        }
        attr.atime = self.atime.unwrap_or(attr.atime);
        attr.mtime = self.mtime.unwrap_or(attr.mtime);
        attr.ctime = now;
        Ok(())
    }
}

/// Figures of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statfs {
    /// Bytes of a block.
    pub block_size: u32,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks free.
    pub free: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Cred = Cred { uid: 5, gid: 6 };
    const GROUP: Cred = Cred { uid: 7, gid: 6 };
    const OTHER: Cred = Cred { uid: 8, gid: 9 };

    fn file(mode: u16) -> Attr {
        Attr { mode, uid: 5, gid: 6, ..Attr::default() }
    }

    #[test]
    fn each_class_of_asker_has_its_own_digit() {
        let attr = file(0o640);
        assert_eq!(attr.allow(OWNER, Rights::READ | Rights::WRITE), Ok(()));
        assert_eq!(attr.allow(GROUP, Rights::READ), Ok(()));
        assert_eq!(attr.allow(GROUP, Rights::WRITE), Err(Errno::EACCES));
        assert_eq!(attr.allow(OTHER, Rights::READ), Err(Errno::EACCES));
        assert_eq!(attr.allow(Cred::ROOT, Rights::WRITE), Ok(()));
        assert_eq!(attr.allow(Cred::ROOT, Rights::EXECUTE), Err(Errno::EACCES));
        assert_eq!(file(0o077).allow(OWNER, Rights::READ), Err(Errno::EACCES));
    }

    #[test]
    fn only_root_gives_a_file_away() {
        let (mut attr, now) = (file(0o6755), Time { sec: 9, nsec: 0 });
        let give = SetAttr { uid: Some(1), ..SetAttr::default() };
        assert_eq!(give.apply(&mut attr, OWNER, now), Err(Errno::EPERM));
        assert_eq!(give.apply(&mut attr, OTHER, now), Err(Errno::EPERM));
        assert_eq!(attr, file(0o6755));
        give.apply(&mut attr, Cred::ROOT, now).unwrap();
        assert_eq!((attr.uid, attr.ctime), (1, now));
    }

    #[test]
    fn the_sticky_bit_protects_entries_of_others() {
        let dir = Attr { kind: FileKind::Directory, ..file(0o1777) };
        let theirs = Attr { uid: 8, ..file(0o666) };
        assert_eq!(dir.allow_removal(GROUP, &theirs), Err(Errno::EPERM));
        assert_eq!(dir.allow_removal(OTHER, &theirs), Ok(()));
        assert_eq!(dir.allow_removal(OWNER, &theirs), Ok(()));
    }
}
