//! A tree of files in maps: the model of every file system.

use std::collections::BTreeMap;

use driver::{Errno, FileKind};

use crate::{
    files::{SLOTS, seen},
    trace::{Outcome, Step, Subject, bytes, said},
};

const MAX_LINKS: usize = 32;
const ROOT: usize = 0;

enum Content {
    Dir { entries: BTreeMap<String, usize>, parent: usize },
    File(Vec<u8>),
    Link(String),
}

struct Inode {
    content: Content,
    mode: u16,
    ids: [u32; 2],
    links: u32,
}

/// The tree. What was removed stays, out of reach and empty.
pub(crate) struct Model {
    inodes: Vec<Inode>,
    slots: [Option<usize>; SLOTS],
}

impl Model {
    /// An empty root directory with this mode.
    pub(crate) fn new(mode: u16) -> Model {
        let mut model = Model { inodes: Vec::new(), slots: [None; SLOTS] };
        model.inode(Content::Dir { entries: BTreeMap::new(), parent: ROOT }, mode);
        model
    }

    fn inode(&mut self, content: Content, mode: u16) -> usize {
        self.inodes.push(Inode { content, mode, ids: [0, 0], links: 1 });
        self.inodes.len() - 1
    }

    fn dir(&self, at: usize) -> Result<&BTreeMap<String, usize>, Errno> {
        match &self.inodes[at].content {
            Content::Dir { entries, .. } => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn entries(&mut self, at: usize) -> &mut BTreeMap<String, usize> {
        match &mut self.inodes[at].content {
            Content::Dir { entries, .. } => entries,
            _ => unreachable!("it was looked at as a directory"),
        }
    }

    fn is_dir(&self, at: usize) -> bool {
        matches!(self.inodes[at].content, Content::Dir { .. })
    }

    fn file(&mut self, at: usize) -> Result<&mut Vec<u8>, Errno> {
        match &mut self.inodes[at].content {
            Content::File(bytes) => Ok(bytes),
            Content::Dir { .. } => Err(Errno::EISDIR),
            Content::Link(_) => Err(Errno::EINVAL),
        }
    }

    fn find(&self, path: &str, follow: bool) -> Result<usize, Errno> {
        let names = |path: &str| -> Vec<String> {
            path.split('/').rev().filter(|name| !name.is_empty()).map(String::from).collect()
        };
        let (mut todo, mut at, mut links) = (names(path), ROOT, 0);
        while let Some(name) = todo.pop() {
            let entries = self.dir(at)?;
            if let (Content::Dir { parent, .. }, "..") = (&self.inodes[at].content, &*name) {
                at = *parent;
                continue;
            }
            let next = *entries.get(&name).ok_or(Errno::ENOENT)?;
            match &self.inodes[next].content {
                Content::Link(target) if follow || !todo.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    todo.extend(names(target));
                }
                _ => at = next,
            }
        }
        Ok(at)
    }

    fn parent<'p>(&self, path: &'p str) -> Result<(usize, &'p str), Errno> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.find(dir, true)?, name))
    }

    /// Where a new entry goes.
    fn vacant<'p>(&self, path: &'p str) -> Result<(usize, &'p str), Errno> {
        let (parent, name) = self.parent(path)?;
        if self.dir(parent)?.contains_key(name) { Err(Errno::EEXIST) } else { Ok((parent, name)) }
    }

    fn attr(&self, at: usize) -> Outcome {
        let Inode { content, mode, ids, links } = &self.inodes[at];
        let (kind, size) = match content {
            Content::Dir { .. } => (FileKind::Directory, 0),
            Content::File(bytes) => (FileKind::Regular, bytes.len()),
            Content::Link(target) => (FileKind::Symlink, target.len()),
        };
        seen(kind, *mode, *ids, size as u64, *links)
    }

    fn add(&mut self, path: &str, content: Content, mode: u16) -> Outcome {
        let (parent, name) = self.vacant(path)?;
        let made = self.inode(content, mode);
        if let Content::Dir { parent: up, .. } = &mut self.inodes[made].content {
            *up = parent;
        }
        self.entries(parent).insert(name.into(), made);
        self.attr(made)
    }

    fn create(&mut self, path: &str, mode: u16, exclusive: bool) -> Outcome {
        let (parent, name) = self.parent(path)?;
        match self.dir(parent)?.get(name) {
            None => self.add(path, Content::File(Vec::new()), mode),
            Some(_) if exclusive => Err(Errno::EEXIST),
            Some(at) => match self.inodes[*at].content {
                Content::Dir { .. } => Err(Errno::EISDIR),
                Content::Link(_) => Err(Errno::ELOOP),
                Content::File(_) => self.attr(*at),
            },
        }
    }

    fn read(&mut self, at: usize, from: u64, len: usize) -> Outcome {
        let bytes = self.file(at)?;
        let start = bytes.len().min(from as usize);
        Ok(bytes[start..bytes.len().min(start + len)].to_vec())
    }

    fn write(&mut self, at: usize, from: Option<u64>, new: &[u8]) -> Outcome {
        let bytes = self.file(at)?;
        let start = from.map_or(bytes.len(), |from| from as usize);
        if !new.is_empty() {
            bytes.resize(bytes.len().max(start + new.len()), 0);
            bytes[start..start + new.len()].copy_from_slice(new);
        }
        said(new.len())
    }

    fn link(&mut self, path: &str, to: &str) -> Outcome {
        let at = self.find(path, true)?;
        self.parent(to)?;
        if self.is_dir(at) {
            return Err(Errno::EPERM);
        }
        let (parent, name) = self.vacant(to)?;
        self.inodes[at].links += 1;
        self.entries(parent).insert(name.into(), at);
        said(0)
    }

    fn unlink(&mut self, path: &str, dir: bool) -> Outcome {
        let (parent, name) = self.parent(path)?;
        let at = *self.dir(parent)?.get(name).ok_or(Errno::ENOENT)?;
        match (dir, self.dir(at)) {
            (false, Ok(_)) => return Err(Errno::EISDIR),
            (true, Err(errno)) => return Err(errno),
            (true, Ok(entries)) if !entries.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.entries(parent).remove(name);
        self.lose_name(at);
        said(0)
    }

    fn lose_name(&mut self, at: usize) {
        self.inodes[at].links -= 1;
        self.forget(at);
    }

    /// Empties what has no name left and is not open.
    fn forget(&mut self, at: usize) {
        if self.inodes[at].links == 0 && !self.slots.contains(&Some(at)) {
            self.inodes[at].content = Content::File(Vec::new());
        }
    }

    fn close(&mut self, slot: usize) -> Outcome {
        let at = self.slots[slot].take().ok_or(Errno::EBADF)?;
        self.forget(at);
        said(0)
    }

    fn rename(&mut self, path: &str, to: &str) -> Outcome {
        let (parent, name) = self.parent(path)?;
        let (to, new) = self.parent(to)?;
        let moved = *self.dir(parent)?.get(name).ok_or(Errno::ENOENT)?;
        let there = self.dir(to)?.get(new).copied();
        if there == Some(moved) {
            return said(0);
        }
        if self.is_dir(moved) && self.is_within(to, moved) {
            return Err(Errno::EINVAL);
        }
        if let Some(there) = there {
            match (self.is_dir(moved), self.dir(there)) {
                (true, Err(_)) => return Err(Errno::ENOTDIR),
                (false, Ok(_)) => return Err(Errno::EISDIR),
                (true, Ok(entries)) if !entries.is_empty() => return Err(Errno::ENOTEMPTY),
                _ => self.lose_name(there),
            }
        }
        self.entries(parent).remove(name);
        self.entries(to).insert(new.into(), moved);
        if let Content::Dir { parent, .. } = &mut self.inodes[moved].content {
            *parent = to;
        }
        said(0)
    }

    fn is_within(&self, mut at: usize, top: usize) -> bool {
        while let (Content::Dir { parent, .. }, true) =
            (&self.inodes[at].content, at != top && at != ROOT)
        {
            at = *parent;
        }
        at == top
    }

    fn setattr(&mut self, path: &str, mode: Option<u16>, ids: [Option<u32>; 2]) -> Outcome {
        let at = self.find(path, true)?;
        let inode = &mut self.inodes[at];
        inode.mode = mode.unwrap_or(inode.mode);
        inode.ids = [ids[0].unwrap_or(inode.ids[0]), ids[1].unwrap_or(inode.ids[1])];
        self.attr(at)
    }

    fn slot(&self, slot: usize) -> Result<usize, Errno> {
        self.slots[slot].ok_or(Errno::EBADF)
    }
}

impl Subject for Model {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Mkdir { path, mode } => {
                self.add(path, Content::Dir { entries: BTreeMap::new(), parent: ROOT }, *mode)
            }
            Step::Symlink { path, target } => self.add(path, Content::Link(target.clone()), 0o777),
            Step::Create { path, mode, exclusive } => self.create(path, *mode, *exclusive),
            Step::ReadFile { path, at, len } => {
                let file = self.find(path, true)?;
                self.read(file, *at, *len)
            }
            Step::WriteFile { path, at, len, seed } => {
                let file = self.find(path, true)?;
                self.write(file, *at, &bytes(*seed, *len))
            }
            Step::Truncate { path, len } => {
                let file = self.find(path, true)?;
                self.file(file)?.resize(*len as usize, 0);
                said(0)
            }
            Step::Readlink { path } => match &self.inodes[self.find(path, false)?].content {
                Content::Link(target) => Ok(target.clone().into_bytes()),
                _ => Err(Errno::EINVAL),
            },
            Step::Link { path, to } => self.link(path, to),
            Step::Unlink { path, dir } => self.unlink(path, *dir),
            Step::Rename { path, to } => self.rename(path, to),
            Step::List { path, .. } => {
                said(self.dir(self.find(path, true)?)?.keys().collect::<Vec<_>>())
            }
            Step::Stat { path, follow } => self.attr(self.find(path, *follow)?),
            Step::Setattr { path, mode, uid, gid } => self.setattr(path, *mode, [*uid, *gid]),
            Step::Open { slot, path } => {
                let _ = self.close(*slot);
                let at = self.find(path, true)?;
                self.file(at)?;
                self.slots[*slot] = Some(at);
                said(0)
            }
            Step::Close { slot } => self.close(*slot),
            Step::ReadSlot { slot, at, len } => self.read(self.slot(*slot)?, *at, *len),
            Step::WriteSlot { slot, at, len, seed } => {
                self.write(self.slot(*slot)?, Some(*at), &bytes(*seed, *len))
            }
            Step::Flush => said(0),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}
