//! Asking file systems, and random steps that two of them take with equal results.

use std::{fmt::Write as _, sync::Arc};

use driver::{
    Attr, Body, Call, Cred, Data, Driver, Errno, Node, Op, OpenFlags, Reply, SetAttr, Spin, Status,
    Time, dirent,
};
use driver_tmpfs::{Config, Tmpfs};
use proptest::prelude::*;

use crate::clock::{now, set_now};

/// A file system in memory whose root everybody may write, on this thread's clock.
pub fn tmpfs(size: u64) -> Arc<dyn Driver> {
    Arc::new(Tmpfs::new(&Config { size, mode: 0o777, ..Config::default() }, now))
}

/// A file system, to be asked.
pub struct Files(pub Arc<dyn Driver>);

impl Files {
    /// Asks; what it came to, and the reply's values.
    pub fn ask(&self, cred: Cred, op: Op, names: &[&[u8]], data: Data<'_>) -> (Status, Reply) {
        let mut call = Call::new(Body::new(op, cred), data);
        for name in names {
            call = call.name(name);
        }
        let status = call.run(&*self.0, &Spin);
        assert_eq!(call.body().op, op, "the sender's own again");
        (status, call.body().reply)
    }

    /// The node and attributes that a path leads to, for `cred`.
    pub fn find_as(&self, cred: Cred, path: &str) -> Result<(Node, Attr), Errno> {
        let op = Op::Lookup { parent: Node::ROOT, follow: true };
        self.entry(cred, op, &[path.as_bytes()])
    }

    /// The same for root.
    pub fn find(&self, path: &str) -> Result<(Node, Attr), Errno> {
        self.find_as(Cred::ROOT, path)
    }

    /// What a reply names.
    pub fn entry(&self, cred: Cred, op: Op, names: &[&[u8]]) -> Result<(Node, Attr), Errno> {
        match self.ask(cred, op, names, Data::NONE) {
            (status, Reply::Entry { node, attr }) => status.result().map(|_| (node, attr)),
            (status, _) => Err(status.result().err().unwrap_or(Errno::EPROTO)),
        }
    }

    /// Asks for no more than a status.
    pub fn status(&self, cred: Cred, op: Op, names: &[&[u8]]) -> Result<usize, Errno> {
        self.ask(cred, op, names, Data::NONE).0.result()
    }

    /// Makes or finds a file, open to be read and written.
    pub fn create(&self, cred: Cred, parent: Node, name: &str) -> Result<Node, Errno> {
        let flags = OpenFlags::READ | OpenFlags::WRITE;
        let op = Op::Create { parent, mode: 0o644, flags };
        self.entry(cred, op, &[name.as_bytes()]).map(|(node, _)| node)
    }

    /// Makes a directory.
    pub fn mkdir(&self, cred: Cred, parent: Node, name: &str) -> Result<Node, Errno> {
        let op = Op::Mkdir { parent, mode: 0o777 };
        self.entry(cred, op, &[name.as_bytes()]).map(|(node, _)| node)
    }

    /// Writes.
    pub fn write(&self, cred: Cred, node: Node, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.ask(cred, Op::Write { node, offset }, &[], Data::source(bytes)).0.result()
    }

    /// Reads `len` bytes at most.
    pub fn read(&self, node: Node, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let mut room = vec![0; len];
        let op = Op::Read { node, offset };
        let count = self.ask(Cred::ROOT, op, &[], Data::sink(&mut room)).0.result()?;
        room.truncate(count);
        Ok(room)
    }

    /// The attributes.
    pub fn attr(&self, node: Node) -> Result<Attr, Errno> {
        match self.ask(Cred::ROOT, Op::Getattr { node }, &[], Data::NONE) {
            (_, Reply::Attr(attr)) => Ok(attr),
            (status, _) => Err(status.result().err().unwrap_or(Errno::EPROTO)),
        }
    }

    /// Opens a node to be read, for as long as something is done with it.
    pub fn opened<T>(
        &self,
        cred: Cred,
        node: Node,
        run: impl FnOnce(&Files) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.status(cred, Op::Open { node, flags: OpenFlags::READ }, &[])?;
        let result = run(self);
        self.status(cred, Op::Close { node }, &[])?;
        result
    }

    /// The names in a directory, sorted, listed with room for `room` bytes at a time.
    pub fn list(&self, cred: Cred, node: Node, room: usize) -> Result<Vec<String>, Errno> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let mut sink = vec![0; room];
            let op = Op::Readdir { node, cookie };
            let count = self.ask(cred, op, &[], Data::sink(&mut sink)).0.result()?;
            if count == 0 {
                names.sort();
                return Ok(names);
            }
            for entry in dirent::entries(&sink[..count]) {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
                cookie = entry.next;
            }
        }
    }
}

/// Something to do with a file system. Paths are from its root; `open` says which of the opened
/// files is meant.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the operations")]
pub enum FileStep {
    Lookup { path: String, follow: bool },
    Create { path: String, mode: u16, truncate: bool, exclusive: bool },
    Open { path: String, write: bool, truncate: bool },
    Close { open: usize },
    Read { open: usize, offset: u64, len: usize },
    Write { open: usize, offset: Option<u64>, len: usize, byte: u8 },
    Truncate { path: String, len: u64 },
    Getattr { path: String },
    Setattr { path: String, mode: Option<u16>, uid: Option<u32>, gid: Option<u32> },
    Mkdir { path: String, mode: u16 },
    Symlink { path: String, target: String },
    Readlink { path: String },
    Link { path: String, to: String },
    Unlink { path: String, dir: bool },
    Rename { path: String, to: String },
    Readdir { path: String },
}

fn path() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "a", "b", "b", "c", "d"]);
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

fn mode() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![0o777, 0o777, 0o755, 0o700, 0o644, 0o600, 0o000, 0o1777, 0o2775])
}

/// Steps, each in the name of one of three users: root and two more.
pub fn file_steps(count: usize) -> impl Strategy<Value = Vec<(u32, FileStep)>> {
    use FileStep::*;
    let open = || 0..6usize;
    let id = || prop::option::of(0..3u32);
    let step = prop_oneof![
        4 => (path(), any::<bool>()).prop_map(|(path, follow)| Lookup { path, follow }),
        4 => (path(), mode(), any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |(path, mode, truncate, exclusive)| Create { path, mode, truncate, exclusive }),
        2 => (path(), any::<bool>(), any::<bool>())
            .prop_map(|(path, write, truncate)| Open { path, write, truncate }),
        2 => open().prop_map(|open| Close { open }),
        2 => (open(), 0..9000u64, 0..9000usize)
            .prop_map(|(open, offset, len)| Read { open, offset, len }),
        4 => (open(), prop::option::of(0..9000u64), 0..9000usize, any::<u8>())
            .prop_map(|(open, offset, len, byte)| Write { open, offset, len, byte }),
        1 => (path(), 0..12000u64).prop_map(|(path, len)| Truncate { path, len }),
        2 => path().prop_map(|path| Getattr { path }),
        2 => (path(), prop::option::of(mode()), id(), id())
            .prop_map(|(path, mode, uid, gid)| Setattr { path, mode, uid, gid }),
        4 => (path(), mode()).prop_map(|(path, mode)| Mkdir { path, mode }),
        1 => (path(), path()).prop_map(|(path, target)| Symlink { path, target }),
        1 => path().prop_map(|path| Readlink { path }),
        2 => (path(), path()).prop_map(|(path, to)| Link { path, to }),
        3 => (path(), any::<bool>()).prop_map(|(path, dir)| Unlink { path, dir }),
        3 => (path(), path()).prop_map(|(path, to)| Rename { path, to }),
        1 => path().prop_map(|path| Readdir { path }),
    ];
    prop::collection::vec((0..3u32, step), 1..count)
}

/// One file system of two that take the same steps.
pub struct Twin {
    /// The file system.
    pub files: Files,
    /// What is open, and who has opened it: it may be used for what the open allowed.
    open: Vec<(Node, bool)>,
    time: u64,
    /// What of attributes is to be equal.
    seen: fn(Attr) -> Attr,
}

impl Twin {
    /// Inode numbers and access times are seen where `exact`; a layer that walks by itself has a
    /// file of its own, perhaps, and reads the links on its way.
    pub fn new(driver: Arc<dyn Driver>, exact: bool) -> Twin {
        let roughly = |attr| Attr { inode: 0, atime: Time::default(), ..attr };
        Twin::seen_as(driver, if exact { |attr| attr } else { roughly })
    }

    /// Of attributes that is seen which `seen` leaves.
    pub fn seen_as(driver: Arc<dyn Driver>, seen: fn(Attr) -> Attr) -> Twin {
        Twin { files: Files(driver), open: Vec::new(), time: 10, seen }
    }

    fn seen(&self, attr: Attr) -> String {
        format!("{:?}", (self.seen)(attr))
    }

    fn parent<'p>(&self, cred: Cred, path: &'p str) -> Result<(Node, &'p [u8]), Errno> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.files.find_as(cred, dir)?.0, name.as_bytes()))
    }

    /// Takes a step, and says what is seen of it.
    pub fn step(&mut self, uid: u32, step: &FileStep) -> String {
        self.time += 1;
        set_now(self.time);
        let cred = Cred { uid, gid: uid };
        match self.take(cred, step) {
            Ok(seen) => seen,
            Err(errno) => format!("{errno:?}"),
        }
    }

    fn entry(&mut self, cred: Cred, op: Op, names: &[&[u8]]) -> Result<String, Errno> {
        let (_, attr) = self.files.entry(cred, op, names)?;
        Ok(self.seen(attr))
    }

    fn take(&mut self, cred: Cred, step: &FileStep) -> Result<String, Errno> {
        match step {
            FileStep::Lookup { path, follow } => {
                let op = Op::Lookup { parent: Node::ROOT, follow: *follow };
                self.entry(cred, op, &[path.as_bytes()])
            }
            FileStep::Create { path, mode, truncate, exclusive } => {
                let (parent, name) = self.parent(cred, path)?;
                let mut flags = OpenFlags::READ | OpenFlags::WRITE;
                flags.set(OpenFlags::TRUNCATE, *truncate);
                flags.set(OpenFlags::EXCLUSIVE, *exclusive);
                let op = Op::Create { parent, mode: *mode, flags };
                let (node, attr) = self.files.entry(cred, op, &[name])?;
                self.open.push((node, true));
                Ok(self.seen(attr))
            }
            FileStep::Open { path, write, truncate } => {
                let (node, _) = self.files.find_as(cred, path)?;
                let mut flags = OpenFlags::READ;
                flags.set(OpenFlags::WRITE, *write);
                flags.set(OpenFlags::TRUNCATE, *truncate);
                self.files.status(cred, Op::Open { node, flags }, &[])?;
                self.open.push((node, *write));
                Ok("opened".into())
            }
            FileStep::Close { open } if *open < self.open.len() => {
                let (node, _) = self.open.remove(*open);
                self.files.status(cred, Op::Close { node }, &[]).map(|_| "closed".into())
            }
            FileStep::Read { open, offset, len } => {
                let Some((node, _)) = self.open.get(*open) else { return Ok(String::new()) };
                self.files.read(*node, *offset, *len).map(|bytes| format!("{bytes:?}"))
            }
            FileStep::Write { open, offset, len, byte } => {
                let Some((node, true)) = self.open.get(*open) else { return Ok(String::new()) };
                let offset = offset.unwrap_or(Op::END);
                let written = self.files.write(cred, *node, offset, &vec![*byte; *len])?;
                Ok(format!("{written} {}", self.seen(self.files.attr(*node)?)))
            }
            FileStep::Close { .. } => Ok(String::new()),
            FileStep::Readdir { path } => {
                let (node, _) = self.files.find_as(cred, path)?;
                self.files.opened(cred, node, |files| Ok(files.list(cred, node, 100)?.join(" ")))
            }
            _ => self.take_more(cred, step),
        }
    }

    /// What needs no file to be open.
    fn take_more(&mut self, cred: Cred, step: &FileStep) -> Result<String, Errno> {
        match step {
            FileStep::Truncate { path, len } => {
                let (node, _) = self.files.find_as(cred, path)?;
                self.files.status(cred, Op::Truncate { node, len: *len }, &[])?;
                Ok(self.seen(self.files.attr(node)?))
            }
            FileStep::Getattr { path } => {
                let (node, _) = self.files.find_as(cred, path)?;
                Ok(self.seen(self.files.attr(node)?))
            }
            FileStep::Setattr { path, mode, uid, gid } => {
                let (node, _) = self.files.find_as(cred, path)?;
                let set = SetAttr { mode: *mode, uid: *uid, gid: *gid, ..SetAttr::default() };
                match self.files.ask(cred, Op::Setattr { node, set }, &[], Data::NONE) {
                    (_, Reply::Attr(attr)) => Ok(self.seen(attr)),
                    (status, _) => Ok(format!("{status:?}")),
                }
            }
            FileStep::Mkdir { path, mode } => {
                let (parent, name) = self.parent(cred, path)?;
                self.entry(cred, Op::Mkdir { parent, mode: *mode }, &[name])
            }
            FileStep::Symlink { path, target } => {
                let (parent, name) = self.parent(cred, path)?;
                self.entry(cred, Op::Symlink { parent }, &[name, target.as_bytes()])
            }
            FileStep::Readlink { path } => {
                let op = Op::Lookup { parent: Node::ROOT, follow: false };
                let (node, _) = self.files.entry(cred, op, &[path.as_bytes()])?;
                let mut room = [0; 64];
                let op = Op::Readlink { node };
                let count = self.files.ask(cred, op, &[], Data::sink(&mut room)).0.result()?;
                Ok(String::from_utf8_lossy(&room[..count]).into_owned())
            }
            FileStep::Link { path, to } => {
                let (node, _) = self.files.find_as(cred, path)?;
                let (parent, name) = self.parent(cred, to)?;
                self.files.status(cred, Op::Link { node, parent }, &[name])?;
                Ok(self.seen(self.files.attr(node)?))
            }
            FileStep::Unlink { path, dir } => {
                let (parent, name) = self.parent(cred, path)?;
                self.files.status(cred, Op::Unlink { parent, dir: *dir }, &[name])?;
                Ok("gone".into())
            }
            FileStep::Rename { path, to } => {
                let (parent, name) = self.parent(cred, path)?;
                let (to, new) = self.parent(cred, to)?;
                self.files.status(cred, Op::Rename { parent, to }, &[name, new])?;
                Ok("moved".into())
            }
            _ => Ok(String::new()),
        }
    }

    /// The whole tree, for root: paths, attributes and contents.
    pub fn tree(&self) -> String {
        let (mut out, mut todo) = (String::new(), vec![String::new()]);
        while let Some(path) = todo.pop() {
            let op = Op::Lookup { parent: Node::ROOT, follow: false };
            let Ok((node, attr)) = self.files.entry(Cred::ROOT, op, &[path.as_bytes()]) else {
                let _ = writeln!(out, "{path}: lost");
                continue;
            };
            let _ = writeln!(out, "{path}: {}", self.seen(Attr { atime: now(), ..attr }));
            match attr.kind {
                driver::FileKind::Directory => {
                    let list = |files: &Files| files.list(Cred::ROOT, node, 4096);
                    for name in self.files.opened(Cred::ROOT, node, list).unwrap_or_default() {
                        if name != "." && name != ".." {
                            todo.push(format!("{path}/{name}"));
                        }
                    }
                }
                driver::FileKind::Regular => {
                    let read = |files: &Files| files.read(node, 0, attr.size as usize);
                    let bytes = self.files.opened(Cred::ROOT, node, read);
                    let _ = writeln!(out, "{bytes:?}");
                }
                _ => {}
            }
        }
        out
    }
}
