//! What every scheme offers, those of the kernel and those of daemons, and their list.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use syscall::data::Map;
use syscall::error::{EBADF, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, ESPIPE, Error, Result};
use syscall::flag::{CallFlags, EventFlags, MunmapFlags, StdFsCallKind};

use super::KERNEL;
use super::description::{Description, Opened};
use super::memory::Buffer;
use super::mmap::Window;
use super::process::{Cx, Pid};
use crate::sync::{read, write};

pub(crate) const EVENT: usize = 2;
pub(crate) const MEMORY: usize = 3;
pub(crate) const PIPE: usize = 4;
pub(crate) const TIME: usize = 7;
/// The namespaces; on Redox a daemon.
pub(crate) const NAMESPACE: usize = 15;
/// The scheme sockets.
pub(crate) const SOCKET: usize = 16;
/// The first id of a daemon's scheme.
pub(crate) const FIRST_USER: usize = 17;

/// The scheme with this id. ENODEV if it is gone.
pub(crate) fn get(id: usize) -> Result<Arc<dyn Scheme>> {
    read(&KERNEL.schemes).get(&id).cloned().ok_or(Error::new(ENODEV))
}

/// Adds a scheme, made from its new id.
pub(crate) fn add<S: Scheme + 'static>(make: impl FnOnce(usize) -> Arc<S>) -> Arc<S> {
    let id = KERNEL.next_scheme.fetch_add(1, Ordering::Relaxed);
    let scheme = make(id);
    write(&KERNEL.schemes).insert(id, scheme.clone());
    scheme
}

/// Removes a scheme: its handles give ENODEV from now on.
pub(crate) fn remove(id: usize) {
    let gone = write(&KERNEL.schemes).remove(&id);
    drop(gone);
}

/// Where in the object to read or write: nowhere in particular.
pub(crate) const NO_OFFSET: u64 = u64::MAX;

/// One standard file call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StdFs {
    pub(crate) kind: StdFsCallKind,
    pub(crate) arg1: u64,
    pub(crate) arg2: u64,
}

/// The objects of a scheme, by number. The default of each operation is the refusal that the real
/// kernel gives where a scheme doesn't have it.
#[expect(unused_variables, reason = "the defaults refuse whatever they are asked")]
pub(crate) trait Scheme: Send + Sync {
    fn openat(
        &self,
        cx: &Cx,
        number: usize,
        path: &str,
        flags: usize,
        fcntl_flags: u32,
    ) -> Result<Opened> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn dup(&self, cx: &Cx, number: usize, verb: Buffer) -> Result<Opened> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn read(&self, cx: &Cx, number: usize, to: Buffer, offset: u64, flags: u32) -> Result<usize> {
        no_position(offset)?;
        Err(Error::new(EBADF))
    }

    fn write(
        &self,
        cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        flags: u32,
    ) -> Result<usize> {
        no_position(offset)?;
        Err(Error::new(EBADF))
    }

    fn fpath(&self, cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn fstat(&self, cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        Err(Error::new(EBADF))
    }

    fn getdents(
        &self,
        cx: &Cx,
        number: usize,
        to: Buffer,
        header: u16,
        from: u64,
    ) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn fsync(&self, cx: &Cx, number: usize) -> Result<()> {
        Ok(())
    }

    fn fsize(&self, cx: &Cx, number: usize) -> Result<u64> {
        Err(Error::new(ESPIPE))
    }

    fn fchown(&self, cx: &Cx, number: usize, uid: u32, gid: u32) -> Result<()> {
        Err(Error::new(EBADF))
    }

    fn fcntl(&self, cx: &Cx, number: usize, cmd: usize, arg: usize) -> Result<usize> {
        Ok(0)
    }

    fn fevent(&self, cx: &Cx, number: usize, flags: EventFlags) -> Result<EventFlags> {
        Ok(EventFlags::empty())
    }

    fn flink(&self, cx: &Cx, number: usize, path: &str) -> Result<()> {
        Err(Error::new(EBADF))
    }

    fn frename(&self, cx: &Cx, number: usize, path: &str) -> Result<()> {
        Err(Error::new(EBADF))
    }

    fn unlinkat(&self, cx: &Cx, number: usize, path: &str, flags: usize) -> Result<()> {
        Err(Error::new(ENOENT))
    }

    fn fmap(&self, cx: &Cx, number: usize, map: &Map) -> Result<Window> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn funmap(
        &self,
        cx: &Cx,
        number: usize,
        offset: usize,
        size: usize,
        flags: MunmapFlags,
    ) -> Result<()> {
        Err(Error::new(EOPNOTSUPP))
    }

    /// Like [`Self::funmap`] for a process that is ending and doesn't wait.
    fn funmap_and_go(&self, pid: Pid, ids: [u32; 2], number: usize, args: [u64; 3]) {}

    fn call(&self, cx: &Cx, number: usize, payload: Buffer, metadata: &[u64]) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    /// A standard file call, as schemes of the kernel take it apart.
    fn std_fs(
        &self,
        cx: &Cx,
        file: &Arc<Description>,
        payload: Buffer,
        call: StdFs,
    ) -> Result<usize> {
        use StdFsCallKind::*;
        match call.kind {
            Getdents => self.getdents(cx, file.number, payload, call.arg2 as u16, call.arg1),
            Fstat => self.fstat(cx, file.number, payload),
            Fstatvfs | Ftruncate | Futimens | Fchmod => Err(Error::new(EBADF)),
            Fsync => self.fsync(cx, file.number).map(|()| 0),
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn fd_write(
        &self,
        cx: &Cx,
        number: usize,
        files: Vec<Arc<Description>>,
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn fd_read(
        &self,
        cx: &Cx,
        number: usize,
        payload: Buffer,
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    fn close(&self, number: usize) -> Result<()> {
        Ok(())
    }

    fn detach(&self, pid: Pid, number: usize) -> Result<()> {
        Ok(())
    }
}

/// ESPIPE if a place in the object is asked for.
pub(crate) fn no_position(offset: u64) -> Result<()> {
    if offset == NO_OFFSET { Ok(()) } else { Err(Error::new(ESPIPE)) }
}

/// Puts received descriptions behind the numbers that the payload lists. EINVAL unless there is
/// exactly one number a description; the descriptions are lost then.
pub(crate) fn install_all(cx: &Cx, files: Vec<Arc<Description>>, payload: Buffer) -> Result<usize> {
    if payload.len() != files.len() * size_of::<usize>() {
        return Err(Error::new(EINVAL));
    }
    let count = files.len();
    cx.task.table(|table| {
        payload.words().into_iter().zip(files).try_for_each(|(fd, file)| table.fill(fd, file))
    })?;
    Ok(count)
}
