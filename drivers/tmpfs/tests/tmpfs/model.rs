//! A file system as a table of paths: slow, plain, and sharing nothing with the driver.
//!
//! The root is the path "", others are like "/a/b". Permissions and times are not modelled.

use std::collections::{BTreeMap, BTreeSet};

use driver::{Errno, FileKind, MAX_LINKS};

use crate::fs::{Answer, PAGE};

/// An object that paths and handles refer to by its index.
pub(crate) struct Object {
    pub(crate) kind: FileKind,
    pub(crate) bytes: Vec<u8>,
    pages: BTreeSet<usize>,
    opens: usize,
}

pub(crate) struct Model {
    pub(crate) objects: Vec<Object>,
    pub(crate) paths: BTreeMap<String, usize>,
    limit: usize,
}

impl Model {
    pub(crate) fn new(limit: usize) -> Model {
        let mut model = Model { objects: Vec::new(), paths: BTreeMap::new(), limit };
        let root = model.object(FileKind::Directory);
        model.paths.insert(String::new(), root);
        model
    }

    fn object(&mut self, kind: FileKind) -> usize {
        let (bytes, pages) = (Vec::new(), BTreeSet::new());
        self.objects.push(Object { kind, bytes, pages, opens: 0 });
        self.objects.len() - 1
    }

    fn kind(&self, path: &str) -> FileKind {
        self.objects[self.paths[path]].kind
    }

    fn names(&self, object: usize) -> usize {
        self.paths.values().filter(|at| **at == object).count()
    }

    /// Pages of everything that has a name or is open.
    fn used(&self) -> usize {
        let alive = |at: &usize| self.objects[*at].opens > 0 || self.names(*at) > 0;
        (0..self.objects.len()).filter(alive).map(|at| self.objects[at].pages.len()).sum()
    }

    pub(crate) fn free(&self) -> u64 {
        (self.limit - self.used()) as u64
    }

    pub(crate) fn blocks(&self, object: usize) -> u64 {
        (self.objects[object].pages.len() * PAGE / 512) as u64
    }

    pub(crate) fn links(&self, object: usize) -> usize {
        if self.objects[object].kind != FileKind::Directory {
            return self.names(object);
        }
        let path = self.paths.iter().find(|(_, at)| **at == object).unwrap().0;
        let children = self.children(path).into_iter();
        let dirs =
            children.filter(|name| self.kind(&format!("{path}/{name}")) == FileKind::Directory);
        2 + dirs.count()
    }

    fn children(&self, dir: &str) -> Vec<String> {
        let inside = self.paths.keys().filter_map(|path| path.strip_prefix(&format!("{dir}/")));
        inside.filter(|rest| !rest.contains('/')).map(str::to_string).collect()
    }

    /// The path without links and dots that `path` leads to.
    pub(crate) fn resolve(&self, path: &str, follow: bool) -> Answer<String> {
        self.resolve_from(String::new(), path, follow, &mut 0)
    }

    fn resolve_from(
        &self,
        mut at: String,
        path: &str,
        follow: bool,
        links: &mut usize,
    ) -> Answer<String> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        for (index, name) in names.iter().enumerate() {
            if self.kind(&at) != FileKind::Directory {
                return Err(Errno::ENOTDIR);
            }
            let next = match *name {
                "." => at.clone(),
                ".." => at.rsplit_once('/').map_or("", |(above, _)| above).to_string(),
                name => format!("{at}/{name}"),
            };
            let object = *self.paths.get(&next).ok_or(Errno::ENOENT)?;
            let last = index + 1 == names.len();
            if self.objects[object].kind == FileKind::Symlink && (follow || !last) {
                *links += 1;
                if *links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                let target = String::from_utf8(self.objects[object].bytes.clone()).unwrap();
                at = self.resolve_from(at, &target, true, links)?;
            } else {
                at = next;
            }
        }
        Ok(at)
    }

    /// Where `name` is or would be in the directory `dir`, a resolved path.
    fn place(&self, dir: &str, name: &str) -> Answer<String> {
        match self.kind(dir) {
            FileKind::Directory => Ok(format!("{dir}/{name}")),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn vacant(&self, dir: &str, name: &str) -> Answer<String> {
        let path = self.place(dir, name)?;
        if self.paths.contains_key(&path) { Err(Errno::EEXIST) } else { Ok(path) }
    }

    fn existing(&self, dir: &str, name: &str) -> Answer<String> {
        let path = self.place(dir, name)?;
        if self.paths.contains_key(&path) { Ok(path) } else { Err(Errno::ENOENT) }
    }

    pub(crate) fn create(
        &mut self,
        dir: &str,
        name: &str,
        exclusive: bool,
        truncate: bool,
    ) -> Answer<usize> {
        let path = self.place(dir, name)?;
        let object = match self.paths.get(&path) {
            Some(_) if exclusive => return Err(Errno::EEXIST),
            Some(object) => *object,
            None => self.object(FileKind::Regular),
        };
        match self.objects[object].kind {
            FileKind::Directory => return Err(Errno::EISDIR),
            FileKind::Symlink => return Err(Errno::ELOOP),
            _ => {}
        }
        self.paths.insert(path, object);
        self.objects[object].opens += 1;
        if truncate {
            self.truncate(object, 0);
        }
        Ok(object)
    }

    pub(crate) fn close(&mut self, object: usize) {
        self.objects[object].opens -= 1;
    }

    pub(crate) fn mkdir(&mut self, dir: &str, name: &str) -> Answer<()> {
        let path = self.vacant(dir, name)?;
        let object = self.object(FileKind::Directory);
        self.paths.insert(path, object);
        Ok(())
    }

    pub(crate) fn symlink(&mut self, dir: &str, name: &str, target: &str) -> Answer<()> {
        let path = self.vacant(dir, name)?;
        if self.free() == 0 {
            return Err(Errno::ENOSPC);
        }
        let object = self.object(FileKind::Symlink);
        self.objects[object].bytes = target.as_bytes().to_vec();
        self.objects[object].pages.insert(0);
        self.paths.insert(path, object);
        Ok(())
    }

    pub(crate) fn link(&mut self, from: &str, dir: &str, name: &str) -> Answer<()> {
        if self.kind(from) == FileKind::Directory {
            return Err(Errno::EPERM);
        }
        let path = self.vacant(dir, name)?;
        self.paths.insert(path, self.paths[from]);
        Ok(())
    }

    pub(crate) fn unlink(&mut self, dir: &str, name: &str, as_dir: bool) -> Answer<()> {
        let path = self.existing(dir, name)?;
        let is_dir = self.kind(&path) == FileKind::Directory;
        if as_dir && !is_dir {
            return Err(Errno::ENOTDIR);
        }
        if is_dir && !as_dir {
            return Err(Errno::EISDIR);
        }
        if !self.children(&path).is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.paths.remove(&path);
        Ok(())
    }

    pub(crate) fn rename(&mut self, dir: &str, name: &str, to: &str, new: &str) -> Answer<()> {
        let old = self.existing(dir, name)?;
        let new = self.place(to, new)?;
        if self.paths.get(&new) == Some(&self.paths[&old]) {
            return Ok(());
        }
        let is_dir = self.kind(&old) == FileKind::Directory;
        if is_dir && format!("{new}/").starts_with(&format!("{old}/")) {
            return Err(Errno::EINVAL);
        }
        if self.paths.contains_key(&new) {
            match (is_dir, self.kind(&new) == FileKind::Directory) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                _ if !self.children(&new).is_empty() => return Err(Errno::ENOTEMPTY),
                _ => {}
            }
        }
        let below = format!("{old}/");
        let moves = |path: &String| *path == old || path.starts_with(&below);
        let moved: Vec<String> = self.paths.keys().filter(|path| moves(path)).cloned().collect();
        for path in moved {
            let object = self.paths.remove(&path).unwrap();
            self.paths.insert(format!("{new}{}", &path[old.len()..]), object);
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, object: usize, offset: usize, bytes: &[u8]) -> Answer<usize> {
        let mut free = self.free();
        let object = &mut self.objects[object];
        for (count, byte) in bytes.iter().enumerate() {
            let at = offset + count;
            if !object.pages.contains(&(at / PAGE)) {
                match (free, count) {
                    (0, 0) => return Err(Errno::ENOSPC),
                    (0, _) => return Ok(count),
                    _ => free -= 1,
                }
                object.pages.insert(at / PAGE);
            }
            if object.bytes.len() <= at {
                object.bytes.resize(at + 1, 0);
            }
            object.bytes[at] = *byte;
        }
        Ok(bytes.len())
    }

    pub(crate) fn read(&self, object: usize, offset: usize, len: usize) -> Vec<u8> {
        self.objects[object].bytes.iter().skip(offset).take(len).copied().collect()
    }

    pub(crate) fn truncate(&mut self, object: usize, len: usize) {
        let object = &mut self.objects[object];
        object.bytes.resize(len, 0);
        object.pages.retain(|page| page * PAGE < len);
    }

    pub(crate) fn list(&self, dir: &str) -> Answer<Vec<String>> {
        if self.kind(dir) != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let mut names = self.children(dir);
        names.extend([".".to_string(), "..".to_string()]);
        names.sort();
        Ok(names)
    }
}
