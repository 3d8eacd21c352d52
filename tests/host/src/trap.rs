//! System calls, as the C library makes them: a small record, and one piece of the caller's
//! memory, which is a path, a payload, or a place for what is asked.

use serde::{Deserialize, Serialize};
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{EventFlags, StdFsCallKind};

use crate::kernel::files;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;
use crate::rt::{fds, namespace, open, process, std_fs};

/// The words of metadata that the kernel looks at.
pub(crate) const WORDS: usize = 3;

/// A system call. Numbers and flags are Redox's.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Trap {
    /// Opens the path in memory.
    Open { flags: usize },
    /// Opens the path in memory below a descriptor.
    Openat { fd: usize, flags: usize, fcntl_flags: u32 },
    /// Removes the name in memory.
    Unlink { flags: usize },
    /// Removes the name in memory below a descriptor.
    Unlinkat { fd: usize, flags: usize },
    /// Another descriptor, with the verb in memory if there is one.
    Dup { fd: usize },
    /// The same in place of one that is there.
    Dup2 { fd: usize, to: usize },
    /// Lets go of a descriptor.
    Close { fd: usize },
    /// Fills memory from the description's offset on.
    Read { fd: usize },
    /// Writes memory at the description's offset.
    Write { fd: usize },
    /// Fills memory from a place on.
    Pread { fd: usize, offset: u64 },
    /// Writes memory at a place.
    Pwrite { fd: usize, offset: u64 },
    /// Moves the description's offset.
    Lseek { fd: usize, by: i64, whence: usize },
    /// The path of what is open goes to memory.
    Fpath { fd: usize },
    /// Flags, and duplicates.
    Fcntl { fd: usize, cmd: usize, arg: usize },
    /// Changes owner and group.
    Fchown { fd: usize, uid: u32, gid: u32 },
    /// Moves the object to the path in memory.
    Frename { fd: usize },
    /// Gives the object the path in memory, too.
    Flink { fd: usize },
    /// Asks the scheme what is ready.
    Fevent { fd: usize, flags: usize },
    /// The old call: a record goes to memory.
    RawFstat { fd: usize },
    /// The old call.
    RawFsync { fd: usize },
    /// A record goes to memory.
    Fstat { fd: usize },
    /// A record goes to memory.
    Fstatvfs { fd: usize },
    /// Two times are in memory.
    Futimens { fd: usize },
    /// Entries of a directory go to memory.
    Getdents { fd: usize, from: u64 },
    /// Changes the mode.
    Fchmod { fd: usize, mode: u16 },
    /// Syncs.
    Fsync { fd: usize },
    /// Changes the length.
    Ftruncate { fd: usize, len: usize },
    /// `SYS_CALL` with the payload in memory; there may be more metadata than is looked at.
    Call { fd: usize, flags: usize, count: usize, words: [u64; WORDS] },
    /// The same, giving descriptors away.
    SendFds { fd: usize, flags: usize, count: usize, words: [u64; WORDS] },
    /// The same, receiving descriptors.
    ReceiveFds { fd: usize, flags: usize, count: usize, words: [u64; WORDS] },
    /// The namespace's descriptor.
    Namespace,
    /// Moves to another namespace; the old one's descriptor, or all ones.
    SetNamespace { fd: usize },
    /// The same, and closes the old one.
    EnterNamespace { fd: usize },
    /// Leaves all names but `memory` and `pipe` behind.
    NullNamespace,
    /// Makes a namespace of the names in memory, each behind its length.
    ForkNamespace,
    /// Registers a scheme under the name in memory.
    Register { namespace: usize, root: usize },
    /// The credentials of a process go to memory.
    Credentials { cap: usize, pid: usize },
    /// Sends a signal.
    Kill { pid: usize, signal: i32 },
}

/// A path. EINVAL if it is not UTF-8.
fn path(memory: &Buffer) -> Result<String> {
    String::from_utf8(memory.to_vec()).map_err(|_| Error::new(EINVAL))
}

/// Puts a record into memory.
fn put(memory: &Buffer, record: &[u8]) -> Result<usize> {
    memory.write(record);
    Ok(0)
}

impl Trap {
    /// Carries the call out.
    pub(crate) fn run(&self, cx: &Cx, memory: Buffer) -> Result<usize> {
        use Trap::*;
        match *self {
            Open { .. } | Openat { .. } | Unlink { .. } | Unlinkat { .. } => self.name(cx, &memory),
            Dup { fd } => files::dup(cx, fd, memory),
            Dup2 { fd, to } => files::dup2(cx, fd, to, memory),
            Close { fd } => files::close(cx, fd),
            Read { fd } => files::read(cx, fd, memory),
            Write { fd } => files::write(cx, fd, memory),
            Pread { fd, offset } => files::pread(cx, fd, memory, offset),
            Pwrite { fd, offset } => files::pwrite(cx, fd, memory, offset),
            Lseek { fd, by, whence } => files::lseek(cx, fd, by, whence),
            Fpath { fd } => files::fpath(cx, fd, memory),
            Fcntl { fd, cmd, arg } => files::fcntl(cx, fd, cmd, arg),
            Fchown { fd, uid, gid } => files::fchown(cx, fd, uid, gid),
            Frename { fd } => files::frename(cx, fd, &memory.to_vec()),
            Flink { fd } => files::flink(cx, fd, &memory.to_vec()),
            Fevent { fd, flags } => files::fevent(cx, fd, EventFlags::from_bits_retain(flags)),
            RawFstat { fd } => files::fstat(cx, fd, memory),
            RawFsync { fd } => files::fsync(cx, fd),
            Call { .. } | SendFds { .. } | ReceiveFds { .. } => self.call(cx, memory),
            Namespace
            | SetNamespace { .. }
            | EnterNamespace { .. }
            | NullNamespace
            | ForkNamespace
            | Register { .. } => self.namespace(cx, &memory),
            Credentials { cap, pid } => process::credentials(cx, cap, pid, &memory),
            Kill { pid, signal } => process::kill(cx, pid, signal),
            _ => self.file(cx, memory),
        }
    }

    fn name(&self, cx: &Cx, memory: &Buffer) -> Result<usize> {
        match *self {
            Trap::Open { flags } => open::open(cx, &path(memory)?, flags),
            Trap::Openat { fd, flags, fcntl_flags } => {
                files::openat(cx, fd, &memory.to_vec(), flags, fcntl_flags)
            }
            Trap::Unlink { flags } => open::unlink(cx, &path(memory)?, flags),
            Trap::Unlinkat { fd, flags } => files::unlinkat(cx, fd, &memory.to_vec(), flags),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// The standard file calls.
    fn file(&self, cx: &Cx, memory: Buffer) -> Result<usize> {
        use StdFsCallKind as Kind;
        let done = match *self {
            Trap::Fstat { fd } => return put(&memory, &std_fs::fstat(cx, fd)?),
            Trap::Fstatvfs { fd } => return put(&memory, &std_fs::fstatvfs(cx, fd)?),
            Trap::Getdents { fd, from } => return std_fs::getdents(cx, fd, memory, from),
            Trap::Futimens { fd } => std_fs::futimens(cx, fd, memory),
            Trap::Fchmod { fd, mode } => std_fs::bare(cx, fd, Kind::Fchmod, mode.into()),
            Trap::Fsync { fd } => std_fs::bare(cx, fd, Kind::Fsync, 0),
            Trap::Ftruncate { fd, len } => std_fs::bare(cx, fd, Kind::Ftruncate, len as u64),
            _ => Err(Error::new(EINVAL)),
        };
        done.map(|_| 0)
    }

    fn call(&self, cx: &Cx, memory: Buffer) -> Result<usize> {
        let (Trap::Call { fd, flags, count, words }
        | Trap::SendFds { fd, flags, count, words }
        | Trap::ReceiveFds { fd, flags, count, words }) = *self
        else {
            return Err(Error::new(EINVAL));
        };
        // Count and flags travel in one word.
        let (flags, words) = (flags | count, &words[..count.min(WORDS)]);
        match self {
            Trap::SendFds { .. } => fds::send(cx, fd, memory, flags, words),
            Trap::ReceiveFds { .. } => fds::receive(cx, fd, memory, flags, words),
            _ => crate::kernel::call::call(cx, fd, memory, flags, words),
        }
    }

    fn namespace(&self, cx: &Cx, memory: &Buffer) -> Result<usize> {
        match *self {
            Trap::Namespace => namespace::current(cx),
            Trap::SetNamespace { fd } => Ok(namespace::enter(cx, fd)?.unwrap_or(usize::MAX)),
            Trap::EnterNamespace { fd } => {
                namespace::enter(cx, fd)?.map_or(Ok(0), |old| files::close(cx, old))
            }
            Trap::NullNamespace => namespace::enter_null(cx).map(|()| 0),
            Trap::ForkNamespace => namespace::fork(cx, &memory.to_vec()),
            Trap::Register { namespace, root } => {
                namespace::register(cx, namespace, &path(memory)?, root).map(|()| 0)
            }
            _ => Err(Error::new(EINVAL)),
        }
    }
}
