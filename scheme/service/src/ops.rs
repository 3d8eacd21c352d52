//! Standard file operations on a handle, in both their forms: opcodes of their own, and
//! `StdFsCall`.

use std::sync::Arc;

use agent::{Access, Bytes, Data, Errno, Origin};
use driver::{Attr, Class, Cred, FileKind, MAX_PATH, Node, Op, OpenFlags, SetAttr, Statfs};
use syscall::{
    flag::{EventFlags, F_GETFL, F_SETFL, O_APPEND, StdFsCallKind},
    schemev2::Opcode,
};

use crate::{
    handle::{Handle, Mutex, Place, lock},
    late::{Asked, Then, Work},
    layout::{stat, statvfs, times},
    mount::{Asker, Mount},
    serve::Core,
    socket::Ask,
    stats::Figures,
};

/// Bytes of a directory entry's header, which callers say they expect.
const DIRENT_HEADER: u64 = 19;
/// The longest directory entry, in bytes.
pub(crate) const LONGEST: usize = DIRENT_HEADER as usize + driver::MAX_NAME + 1;
/// A listing that begins with less room than this has to fit into it: libc begins with little, and
/// comes back with twice as much where it is told that it is too little (`EINVAL`). A crossing
/// costs more than hundreds of entries.
const ROOM: usize = 8192;

/// A standard operation, whichever form it came in.
pub(crate) enum Std {
    Chmod(u16),
    Chown(u32, u32),
    Dents { cookie: u64, header: u64 },
    Stat,
    Statvfs,
    Sync,
    Truncate(u64),
    Utimens,
}

impl Std {
    /// From the words of a `StdFsCall`.
    pub(crate) fn from_words([kind, a, b]: [u64; 3]) -> Result<Std, Errno> {
        let kind = u8::try_from(kind).ok().and_then(StdFsCallKind::try_from_raw);
        Ok(match kind.ok_or(Errno::EOPNOTSUPP)? {
            StdFsCallKind::Fchmod => Std::Chmod(a as u16),
            StdFsCallKind::Fchown => Std::Chown(a as u32, b as u32),
            StdFsCallKind::Getdents => Std::Dents { cookie: a, header: b },
            StdFsCallKind::Fstat => Std::Stat,
            StdFsCallKind::Fstatvfs => Std::Statvfs,
            StdFsCallKind::Fsync => Std::Sync,
            StdFsCallKind::Ftruncate => Std::Truncate(a),
            StdFsCallKind::Futimens => Std::Utimens,
            // Files have no locks of their own, which `EINVAL` is for.
            StdFsCallKind::Lock | StdFsCallKind::Unlock | StdFsCallKind::GetLock => {
                return Err(Errno::EINVAL);
            }
            _ => return Err(Errno::EOPNOTSUPP),
        })
    }

    /// True where a listing is asked for.
    #[inline]
    pub(crate) fn lists(ask: &Ask) -> bool {
        let kind = StdFsCallKind::Getdents as u64;
        ask.is(Opcode::StdFsCall) && ask.arg(3) == kind || ask.is(Opcode::Getdents)
    }

    /// Where a listing begins. `EINVAL` for entries of another form.
    fn cookie(ask: &Ask) -> Result<u64, Errno> {
        let std = match ask.opcode() {
            Some(Opcode::Getdents) => Std::from_opcode(Opcode::Getdents, ask),
            _ => Some(Std::from_words(ask.words())?),
        };
        match std {
            Some(Std::Dents { cookie, header: DIRENT_HEADER }) => Ok(cookie),
            _ => Err(Errno::EINVAL),
        }
    }

    /// From an opcode of its own.
    pub(crate) fn from_opcode(opcode: Opcode, ask: &Ask) -> Option<Std> {
        Some(match opcode {
            Opcode::Fchmod => Std::Chmod(ask.arg(1) as u16),
            Opcode::Fchown => Std::Chown(ask.arg(1) as u32, ask.arg(2) as u32),
            Opcode::Getdents => Std::Dents { header: ask.arg(3), cookie: ask.arg(4) },
            Opcode::Fstat => Std::Stat,
            Opcode::Fstatvfs => Std::Statvfs,
            Opcode::Fsync => Std::Sync,
            Opcode::Ftruncate => Std::Truncate(ask.arg(1)),
            Opcode::Futimens => Std::Utimens,
            _ => return None,
        })
    }
}

/// Says whether a handle can do what a `fcntl` asks. The kernel keeps its flags; `EINVAL` for all
/// else, locks among it.
pub(crate) fn fcntl(command: u64) -> Result<usize, Errno> {
    match command as usize {
        F_GETFL | F_SETFL => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

impl Core {
    /// Performs a standard operation that is neither open, close, unlink, read nor write.
    #[inline(never)]
    pub(crate) fn standard(
        &self,
        opcode: Opcode,
        handle: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        match opcode {
            Opcode::Fsize => Ok(attr_of(handle, origin)?.size as usize),
            Opcode::Fpath => self.path(handle, ask),
            Opcode::Fcntl => fcntl(ask.arg(1)),
            Opcode::Fevent => {
                let ready = EventFlags::EVENT_READ | EventFlags::EVENT_WRITE;
                Ok(ask.arg(1) as usize & ready.bits())
            }
            Opcode::Frename => self.rename(handle, ask, origin),
            Opcode::Flink => self.link(handle, ask, origin),
            Opcode::StdFsCall => self.std_fs(Std::from_words(ask.words())?, handle, ask, origin),
            opcode => {
                let std = Std::from_opcode(opcode, ask).ok_or(Errno::EOPNOTSUPP)?;
                self.std_fs(std, handle, ask, origin)
            }
        }
    }

    fn std_fs(
        &self,
        std: Std,
        handle: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        match std {
            Std::Chmod(mode) => {
                set(handle, SetAttr { mode: Some(mode & 0o7777), ..SetAttr::default() }, origin)
            }
            Std::Chown(uid, gid) => {
                let id = |id| (id != u32::MAX).then_some(id);
                set(handle, SetAttr { uid: id(uid), gid: id(gid), ..SetAttr::default() }, origin)
            }
            // A message of its own, which `list` makes.
            Std::Dents { .. } => Err(Errno::EOPNOTSUPP),
            Std::Stat => {
                put(ask, &stat(&attr_of(handle, origin)?))?;
                Ok(0)
            }
            Std::Statvfs => {
                put(ask, &statvfs(&figures(handle, origin)?))?;
                Ok(0)
            }
            Std::Sync => match handle.object() {
                Ok((mount, node, _)) => {
                    asker(mount, handle, origin).count(Op::Flush { node }, Data::NONE)
                }
                Err(_) => Ok(0),
            },
            Std::Truncate(len) => {
                handle.may(OpenFlags::WRITE)?;
                let (mount, node, _) = handle.object()?;
                // The right was checked when the handle was opened, and lasts as long as it.
                let mut asker = Asker { mount, cred: Cred::ROOT, origin };
                asker.count(Op::Truncate { node, len }, Data::NONE)
            }
            Std::Utimens => set(handle, times(ask)?, origin),
        }
    }

    /// What a read of a handle asks.
    #[inline]
    pub(crate) fn read<'a>(&self, work: &mut Work<'a>) -> Result<Asked<'a>, Errno> {
        let Work { handle, ask, .. } = *work;
        let offset = offset(handle, ask)?;
        let (mount, op) = match &handle.place {
            Place::Names => return Err(Errno::EISDIR),
            Place::NewLink { .. } | Place::Port(_) => return Err(Errno::EBADF),
            Place::Text { bytes, figures } => {
                let count = self.read_text(bytes, *figures, offset, ask)?;
                return Ok(Asked::Answered(count));
            }
            Place::Object { mount, node, kind: FileKind::Symlink } if offset == 0 => {
                (mount, Op::Readlink { node: *node })
            }
            Place::Object { kind: FileKind::Symlink, .. } => return Ok(Asked::Answered(0)),
            Place::Object { mount, node, .. } => {
                handle.may(OpenFlags::READ)?;
                if !aligned(mount, offset, ask.len()) {
                    return Ok(read_ragged(work, mount, offset));
                }
                (mount, Op::Read { node: *node, offset })
            }
        };
        let message = work.message_on(op, Access::FILL);
        Ok(Asked::Message(mount, message, Then::Count))
    }

    #[cold]
    fn read_text(
        &self,
        text: &Mutex<Vec<u8>>,
        figures: Option<Figures>,
        offset: u64,
        ask: &Ask,
    ) -> Result<usize, Errno> {
        let text = &mut *lock(text);
        if let (Some(figures), 0) = (figures, offset) {
            *text = self.stats.report(figures);
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        let payload = ask.payload(Access::FILL);
        let len = payload.len().min(text.len() - start);
        payload.copy_in(0, &text[start..start + len])?;
        Ok(len)
    }

    /// What a write to a handle asks.
    #[inline]
    pub(crate) fn write<'a>(&self, work: &mut Work<'a>) -> Result<Asked<'a>, Errno> {
        let Work { handle, ask, .. } = *work;
        let (mount, node) = match &handle.place {
            Place::Object { mount, node, .. } => (mount, *node),
            Place::NewLink { mount, parent, name } => {
                let target = ask.copy(MAX_PATH, Errno::ENAMETOOLONG)?;
                let mut nobody = Origin::root();
                let origin = work.origin.as_deref_mut().unwrap_or(&mut nobody);
                let mut asker = asker(mount, handle, origin);
                asker.entry(Op::Symlink { parent: *parent }, &[name, &target])?;
                return Ok(Asked::Answered(target.len()));
            }
            Place::Names | Place::Text { .. } | Place::Port(_) => return Err(Errno::EBADF),
        };
        handle.may(OpenFlags::WRITE)?;
        let append = mount.is_file_system() && ask.arg(4) as usize & O_APPEND != 0;
        let offset = if append { Op::END } else { offset(handle, ask)? };
        let message = work.message_on(Op::Write { node, offset }, Access::FETCH);
        Ok(Asked::Message(mount, message, Then::Count))
    }

    pub(crate) fn path(&self, handle: &Handle, ask: &Ask) -> Result<usize, Errno> {
        let mut path = format!("/scheme/{}/", self.scheme).into_bytes();
        path.extend_from_slice(&handle.path);
        let len = path.len().min(ask.len());
        ask.payload(Access::FILL).copy_in(0, &path[..len])?;
        Ok(len)
    }

    /// What a listing of a handle asks.
    pub(crate) fn list<'a>(&self, work: &mut Work<'a>) -> Result<Asked<'a>, Errno> {
        let Work { handle, ask, .. } = *work;
        let cookie = Std::cookie(ask)?;
        handle.may(OpenFlags::READ)?;
        match &handle.place {
            Place::Object { mount, node, .. } if mount.is_file_system() => {
                let message = work.message_on(Op::Readdir { node: *node, cookie }, Access::FILL);
                let begins = cookie == 0 && ask.len() < ROOM;
                let then = if begins { Then::Listed } else { Then::Count };
                Ok(Asked::Message(mount, message, then))
            }
            Place::Names => {
                let payload = ask.payload(Access::FILL);
                let bytes = self.names(cookie, payload.len(), handle.cred)?;
                payload.copy_in(0, &bytes)?;
                Ok(Asked::Answered(bytes.len()))
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The directory of names, as entries.
    fn names(&self, cookie: u64, room: usize, cred: Cred) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        let mounts = self.mounts().len() as u64;
        let start = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (index, mount) in self.mounts().iter().enumerate().skip(start) {
            let kind = match mount.description.class {
                Class::File => FileKind::Directory,
                _ => mount.device_attr().kind,
            };
            let next = index as u64 + 1;
            let name = mount.name.as_bytes();
            let entry = driver::dirent::Dirent { inode: next, next, kind, name }.to_bytes()?;
            if bytes.len() + entry.len() > room {
                return if bytes.is_empty() { Err(Errno::EINVAL) } else { Ok(bytes) };
            }
            bytes.extend_from_slice(&entry);
        }
        let rest = cookie.saturating_sub(mounts);
        let whole = self.ports_below(&[], rest, mounts, room, cred, &mut bytes)?;
        if bytes.is_empty() && !whole { Err(Errno::EINVAL) } else { Ok(bytes) }
    }
}

/// Reads a part of a device that does not begin or end with a block, through a private buffer.
#[cold]
fn read_ragged<'a>(work: &mut Work<'a>, mount: &'a Arc<Mount>, offset: u64) -> Asked<'a> {
    let block = u64::from(mount.description.block_size);
    let (start, skip) = (offset - offset % block, (offset % block) as u32);
    let len = work.ask.len().min(agent::MAX_DATA) as u32;
    if let Some(origin) = &mut work.origin {
        origin.count(agent::Counts { copies: 1, ..Default::default() });
    }
    let mut message = work.message(Op::Read { node: Node::ROOT, offset: start });
    let room = vec![0; (skip + len).next_multiple_of(block as u32) as usize];
    message.set_data(Bytes::Sink(room));
    Asked::Message(mount, message, Then::Cut { skip, len })
}

fn asker<'a>(mount: &'a Mount, handle: &Handle, origin: &'a mut Origin) -> Asker<'a> {
    Asker { mount, cred: handle.cred, origin }
}

/// Where a read or write begins. A stream has no place; `EINVAL` for a place that no file has.
fn offset(handle: &Handle, ask: &Ask) -> Result<u64, Errno> {
    match ask.arg(3) {
        _ if !handle.is_positioned() => Ok(0),
        offset if offset > i64::MAX as u64 => Err(Errno::EINVAL),
        offset => Ok(offset),
    }
}

fn aligned(mount: &Mount, offset: u64, len: usize) -> bool {
    let block = u64::from(mount.description.block_size.max(1));
    let whole = |bytes: u64| bytes.is_multiple_of(block);
    mount.description.class != Class::Block || (whole(offset) && whole(len as u64))
}

fn set(handle: &Handle, set: SetAttr, origin: &mut Origin) -> Result<usize, Errno> {
    let (mount, node, _) = handle.object()?;
    if !mount.is_file_system() {
        return Err(Errno::EOPNOTSUPP);
    }
    asker(mount, handle, origin).attr(Op::Setattr { node, set }).map(|_| 0)
}

fn attr_of(handle: &Handle, origin: &mut Origin) -> Result<Attr, Errno> {
    let own = |kind, mode, size| Attr { kind, mode, links: 1, size, ..Attr::default() };
    match &handle.place {
        Place::Names => Ok(own(FileKind::Directory, 0o555, 0)),
        Place::Text { bytes, .. } => Ok(own(FileKind::Regular, 0o444, lock(bytes).len() as u64)),
        Place::NewLink { .. } | Place::Port(_) => Ok(own(FileKind::Symlink, 0o777, 0)),
        Place::Object { mount, node, .. } if mount.is_file_system() => {
            asker(mount, handle, origin).attr(Op::Getattr { node: *node })
        }
        Place::Object { mount, .. } => Ok(mount.device_attr()),
    }
}

fn figures(handle: &Handle, origin: &mut Origin) -> Result<Statfs, Errno> {
    let (mount, _, _) = handle.object().map_err(|_| Errno::EOPNOTSUPP)?;
    if !mount.is_file_system() {
        let block_size = mount.description.block_size;
        let blocks = mount.description.size / u64::from(block_size.max(1));
        return Ok(Statfs { block_size, blocks, free: 0 });
    }
    let (_, body) = asker(mount, handle, origin).ask(Op::Statfs, Data::NONE, &[])?;
    match body.reply {
        driver::Reply::Statfs(figures) => Ok(figures),
        _ => Err(Errno::EPROTO),
    }
}

/// Puts a structure into the request's buffer. `EINVAL` where that is too small.
pub(crate) fn put(ask: &Ask, bytes: &[u8]) -> Result<(), Errno> {
    ask.payload(Access::FILL).copy_in(0, bytes)
}
