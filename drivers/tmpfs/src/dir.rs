//! The entries of one directory.

use alloc::{boxed::Box, collections::BTreeMap};

use driver::{
    Errno, FileKind, Node, Request,
    dirent::{Dirent, Writer},
};

use crate::{inode::number, order::Order};

/// Cookies of `.` and `..`; entries have later ones.
const DOT: u64 = 1;
const DOT_DOT: u64 = 2;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    pub(crate) kind: FileKind,
    cookie: u64,
}

/// A directory. Every entry gets a cookie later than all before it, and a listing goes by
/// cookies: whatever comes and goes meanwhile, what stays is listed once.
#[derive(Debug)]
pub(crate) struct Dir {
    pub(crate) parent: Node,
    names: BTreeMap<Box<[u8]>, Entry>,
    order: Order,
    last: u64,
}

impl Dir {
    pub(crate) fn new(parent: Node) -> Dir {
        Dir { parent, names: BTreeMap::new(), order: Order::default(), last: DOT_DOT }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// `ENOENT`.
    pub(crate) fn get(&self, name: &[u8]) -> Result<Entry, Errno> {
        self.names.get(name).copied().ok_or(Errno::ENOENT)
    }

    /// Adds a name that isn't there yet. `ENAMETOOLONG`.
    pub(crate) fn insert(&mut self, name: &[u8], node: Node, kind: FileKind) -> Result<(), Errno> {
        let cookie = self.last + 1;
        self.order.push(&Dirent { inode: number(node), next: cookie, kind, name })?;
        self.names.insert(Box::from(name), Entry { node, kind, cookie });
        self.last = cookie;
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        if let Some(entry) = self.names.remove(name) {
            self.order.remove(entry.cookie);
        }
    }

    /// Fills the request with the entries after `cookie`, those of the directory `own` itself;
    /// the bytes that they take.
    pub(crate) fn list(
        &self,
        request: &mut Request<'_>,
        own: Node,
        cookie: u64,
    ) -> Result<usize, Errno> {
        let dots = [(DOT, &b"."[..], own), (DOT_DOT, b"..", self.parent)];
        let dots =
            dots.into_iter().filter(|(next, ..)| *next > cookie).map(|(next, name, node)| Dirent {
                inode: number(node),
                next,
                kind: FileKind::Directory,
                name,
            });
        let mut writer = Writer::new();
        for dot in dots {
            writer.push(request, &dot)?;
        }
        for run in self.order.after(cookie) {
            if !writer.push_run(request, run)? {
                break;
            }
        }
        writer.finish(request)
    }
}
