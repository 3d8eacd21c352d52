//! Namespaces: which scheme a name stands for. On Redox a daemon keeps them; here the kernel
//! does, with the same answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use redox_path::RedoxPath;
use syscall::data::Stat;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{
    EACCES, EBADF, EEXIST, EINVAL, EISDIR, ENODEV, ENOENT, ENOTDIR, EXDEV, Error, Result,
};
use syscall::flag::{CallFlags, MODE_DIR, MODE_FILE, O_DIRECTORY};

use super::description::{Description, Opened};
use super::memory::Buffer;
use super::names::{Names, Namespace, root, scheme_name};
use super::process::{Cx, Task};
use super::scheme::{self, Scheme};
use super::socket;
use crate::sync::lock;

/// What one may do with a namespace.
mod may {
    pub(super) const LIST: usize = 1;
    pub(super) const INSERT: usize = 2;
    pub(super) const DELETE: usize = 4;
    pub(super) const CREATE_SCHEME: usize = 8;
    pub(super) const EVERYTHING: usize = 15;
    /// A namespace that was forked makes no schemes.
    pub(super) const AFTER_FORK: usize = EVERYTHING & !CREATE_SCHEME;
}

/// Verbs of `dup` on a namespace.
mod verb {
    pub(super) const FORK: usize = 0;
    pub(super) const SHRINK: usize = 1;
    pub(super) const REGISTER: usize = 2;
}

#[derive(Clone)]
enum Handle {
    Access {
        names: Names,
        rights: usize,
    },
    Register {
        names: Names,
        name: String,
    },
    List {
        names: Names,
    },
    /// The right to create schemes, on its way to who asked.
    CreationCap,
}

/// Handles on namespaces by number.
#[derive(Default)]
pub(crate) struct NamespaceScheme {
    handles: Mutex<HashMap<usize, Handle>>,
    next: AtomicUsize,
}

const CREATION_CAP: &str = "scheme-creation-cap";

impl NamespaceScheme {
    fn insert(&self, handle: Handle) -> usize {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.handles).insert(number, handle);
        number
    }

    fn handle(&self, number: usize, errno: i32) -> Result<Handle> {
        lock(&self.handles).get(&number).cloned().ok_or(Error::new(errno))
    }

    fn access(&self, number: usize) -> Result<(Names, usize)> {
        match self.handle(number, ENOENT)? {
            Handle::Access { names, rights } => Ok((names, rights)),
            _ => Err(Error::new(ENOENT)),
        }
    }

    /// Puts a process into a new namespace that has the kernel's schemes only, with all rights.
    pub(crate) fn found(&self, task: &Task) {
        let names = Namespace::new();
        let number = self.insert(Handle::Access { names, rights: may::EVERYTHING });
        if let Ok(fd) = task.install(root(scheme::NAMESPACE, number)) {
            task.set_namespace(fd);
        }
    }

    fn open_name(&self, names: &Names, name: &str, flags: usize) -> Result<Opened> {
        let root = names.roots().get(name).cloned().ok_or(Error::new(ENODEV))?;
        match flags & O_DIRECTORY {
            0 => Err(Error::new(EISDIR)),
            _ => Ok(Opened::Other(root)),
        }
    }

    fn open_own(&self, names: Names, rights: usize, reference: &str) -> Result<Opened> {
        let (needed, handle) = match reference {
            CREATION_CAP => (may::CREATE_SCHEME, Handle::CreationCap),
            "" => (may::LIST, Handle::List { names }),
            _ => return Err(Error::new(EINVAL)),
        };
        if rights & needed == 0 {
            return Err(Error::new(EACCES));
        }
        Ok(self.opened(handle))
    }

    fn opened(&self, handle: Handle) -> Opened {
        Opened::Local { number: self.insert(handle), positioned: false }
    }

    fn open_path(&self, number: usize, path: &str, flags: usize) -> Result<Opened> {
        let (names, rights) = self.access(number)?;
        let path = RedoxPath::from_absolute(path).ok_or(Error::new(EINVAL))?;
        let (name, reference) = path.as_parts().ok_or(Error::new(EINVAL))?;
        match name.as_ref() {
            "namespace" | "" => self.open_own(names, rights, reference.as_ref()),
            name => self.open_name(&names, name, flags),
        }
    }
}

impl Scheme for NamespaceScheme {
    fn openat(
        &self,
        _cx: &Cx,
        number: usize,
        path: &str,
        flags: usize,
        _fcntl_flags: u32,
    ) -> Result<Opened> {
        match self.handle(number, ENOENT)? {
            Handle::Access { .. } => self.open_path(number, path, flags),
            Handle::List { names } if path.is_empty() || path == "." => {
                Ok(self.opened(Handle::List { names }))
            }
            Handle::CreationCap if path == CREATION_CAP => {
                Ok(Opened::Other(root(scheme::SOCKET, socket::CREATION_CAP)))
            }
            Handle::List { .. } | Handle::CreationCap => Err(Error::new(EINVAL)),
            Handle::Register { .. } => Err(Error::new(EBADF)),
        }
    }

    fn dup(&self, _cx: &Cx, number: usize, verb: Buffer) -> Result<Opened> {
        let (names, rights) = self.access(number)?;
        let bytes = verb.to_vec();
        let (kind, rest) = bytes.split_first_chunk().ok_or(Error::new(EINVAL))?;
        let handle = match usize::from_ne_bytes(*kind) {
            verb::FORK => Handle::Access { names: names.fork(rest)?, rights: may::AFTER_FORK },
            verb::SHRINK => {
                let keep = *rest.first_chunk().ok_or(Error::new(EINVAL))?;
                Handle::Access { names, rights: rights & usize::from_ne_bytes(keep) }
            }
            verb::REGISTER => {
                let name = scheme_name(rest)?;
                if rights & may::INSERT == 0 {
                    return Err(Error::new(EACCES));
                }
                Handle::Register { names, name }
            }
            _ => return Err(Error::new(EINVAL)),
        };
        Ok(self.opened(handle))
    }

    fn unlinkat(&self, _cx: &Cx, number: usize, path: &str, _flags: usize) -> Result<()> {
        let (names, rights) = self.access(number)?;
        let path = RedoxPath::from_absolute(path).ok_or(Error::new(EINVAL))?;
        let (name, reference) = path.as_parts().ok_or(Error::new(EINVAL))?;
        if !reference.as_ref().is_empty() {
            return Err(Error::new(EXDEV));
        }
        if rights & may::DELETE == 0 {
            return Err(Error::new(EACCES));
        }
        let root = names.roots().remove(name.as_ref()).ok_or(Error::new(ENODEV))?;
        // The name is gone whatever the scheme says.
        let _ = root.close();
        Ok(())
    }

    fn fd_write(
        &self,
        _cx: &Cx,
        number: usize,
        mut files: Vec<Arc<Description>>,
        _flags: CallFlags,
        _metadata: &[u64],
    ) -> Result<usize> {
        let Handle::Register { names, name } = self.handle(number, ENOENT)? else {
            return refuse(files, EACCES);
        };
        let (Some(root), true) = (files.pop(), files.is_empty()) else {
            return if files.is_empty() { Ok(0) } else { refuse(files, EINVAL) };
        };
        let mut roots = names.roots();
        if roots.contains_key(&name) {
            drop(roots);
            return refuse(vec![root], EEXIST);
        }
        roots.insert(name, root);
        Ok(1)
    }

    fn fstat(&self, _cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        let st_mode = match self.handle(number, EBADF)? {
            Handle::List { .. } => MODE_DIR | 0o444,
            _ => MODE_FILE | 0o666,
        };
        to.write(&Stat { st_mode, ..Stat::default() });
        Ok(0)
    }

    fn getdents(
        &self,
        _cx: &Cx,
        number: usize,
        to: Buffer,
        header: u16,
        from: u64,
    ) -> Result<usize> {
        let Handle::List { names, .. } = self.handle(number, EBADF)? else {
            return Err(Error::new(ENOTDIR));
        };
        let mut bytes = vec![0; to.len()];
        let mut entries = DirentBuf::new(bytes.as_mut_slice(), header).ok_or(Error::new(EINVAL))?;
        for (n, name) in names.roots().keys().enumerate().skip(from as usize) {
            let next_opaque_id = n as u64 + 1;
            let kind = DirentKind::Unspecified;
            match entries.entry(DirEntry { inode: 0, next_opaque_id, name, kind }) {
                Err(error) if error.errno == EINVAL && n as u64 > from => break,
                done => done?,
            }
        }
        let count = entries.finalize();
        to.write(&bytes[..count]);
        Ok(count)
    }

    fn close(&self, number: usize) -> Result<()> {
        let gone = lock(&self.handles).remove(&number);
        drop(gone);
        Ok(())
    }
}

/// Closes descriptors that nobody took.
fn refuse(files: Vec<Arc<Description>>, errno: i32) -> Result<usize> {
    for file in files {
        // The refusal is the answer, whatever closing says.
        let _ = file.close();
    }
    Err(Error::new(errno))
}
