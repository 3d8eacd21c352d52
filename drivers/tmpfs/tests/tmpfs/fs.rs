//! A file system with a plain method for each operation.

use std::sync::atomic::{AtomicU64, Ordering};

use driver::{
    Attr, Body, Call, Counts, Cred, Data, Errno, Node, Op, OpenFlags, Reply, SetAttr, Spin, Statfs,
    Time, dirent,
};
use driver_tmpfs::{Config, Tmpfs};

pub(crate) type Answer<T> = Result<T, Errno>;

/// The root directory.
pub(crate) const ROOT: Node = Node::ROOT;
/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;
/// For reading and writing.
pub(crate) const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// A clock that never shows the same time twice.
pub(crate) fn tick() -> Time {
    static TICKS: AtomicU64 = AtomicU64::new(1);
    Time { sec: TICKS.fetch_add(1, Ordering::Relaxed), nsec: 0 }
}

/// A file system, asked in the name of `cred`.
pub(crate) struct Fs {
    pub(crate) driver: Tmpfs,
    pub(crate) cred: Cred,
}

impl Fs {
    pub(crate) fn new() -> Fs {
        Fs::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Fs {
        Fs { driver: Tmpfs::new(&config, tick), cred: Cred::ROOT }
    }

    pub(crate) fn with_pages(pages: usize) -> Fs {
        Fs::with(Config { size: (pages * PAGE) as u64, ..Config::default() })
    }

    /// The rest is asked by `uid`, of a group of the same number.
    pub(crate) fn become_user(&mut self, uid: u32) {
        self.cred = Cred { uid, gid: uid };
    }

    /// Asks anything; the count, the reply and the costs.
    pub(crate) fn ask(
        &self,
        op: Op,
        data: Data<'_>,
        names: &[&[u8]],
    ) -> (Answer<usize>, Reply, Counts) {
        let call = Call::new(Body::new(op, self.cred), data);
        let mut call = names.iter().fold(call, |call, name| call.name(name));
        let status = call.run(&self.driver, &Spin);
        (status.result(), call.body().reply, call.counts())
    }

    fn plain(&self, op: Op, names: &[&str]) -> Answer<Reply> {
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        let (result, reply, _) = self.ask(op, Data::NONE, &names);
        result.map(|_| reply)
    }

    fn entry(&self, op: Op, names: &[&str]) -> Answer<Node> {
        match self.plain(op, names)? {
            Reply::Entry { node, attr } => {
                assert_eq!(self.attr(node), Ok(attr));
                Ok(node)
            }
            reply => panic!("{reply:?} to {op:?}"),
        }
    }

    fn nothing(&self, op: Op, names: &[&str]) -> Answer<()> {
        self.plain(op, names).map(|reply| assert_eq!(reply, Reply::Nothing))
    }

    pub(crate) fn read(&self, node: Node, offset: u64, len: usize) -> Answer<Vec<u8>> {
        let mut room = vec![0xee; len];
        let (count, ..) = self.ask(Op::Read { node, offset }, Data::sink(&mut room), &[]);
        room.truncate(count?);
        Ok(room)
    }

    pub(crate) fn write(&self, node: Node, offset: u64, bytes: &[u8]) -> Answer<usize> {
        self.ask(Op::Write { node, offset }, Data::source(bytes), &[]).0
    }

    pub(crate) fn readlink(&self, node: Node, len: usize) -> Answer<Vec<u8>> {
        let mut room = vec![0xee; len];
        let (count, ..) = self.ask(Op::Readlink { node }, Data::sink(&mut room), &[]);
        room.truncate(count?);
        Ok(room)
    }

    /// One readdir: the names, and the cookie that goes on.
    pub(crate) fn readdir(
        &self,
        node: Node,
        cookie: u64,
        len: usize,
    ) -> Answer<(Vec<String>, u64)> {
        let mut room = vec![0; len];
        let (count, ..) = self.ask(Op::Readdir { node, cookie }, Data::sink(&mut room), &[]);
        room.truncate(count?);
        let next = dirent::entries(&room).last().map_or(cookie, |entry| entry.next);
        let names = dirent::names(&room).into_iter();
        Ok((names.map(|name| String::from_utf8(name).unwrap()).collect(), next))
    }

    /// All names of a directory, sorted, taken through small rooms.
    pub(crate) fn list(&self, node: Node) -> Answer<Vec<String>> {
        let (mut all, mut at) = (Vec::new(), 0);
        loop {
            let (names, next) = self.readdir(node, at, 64)?;
            if names.is_empty() {
                all.sort();
                return Ok(all);
            }
            all.extend(names);
            at = next;
        }
    }

    pub(crate) fn lookup(&self, path: &str) -> Answer<Node> {
        self.entry(Op::Lookup { parent: ROOT, follow: true }, &[path])
    }

    pub(crate) fn lookup_link(&self, path: &str) -> Answer<Node> {
        self.entry(Op::Lookup { parent: ROOT, follow: false }, &[path])
    }

    pub(crate) fn create(&self, parent: Node, name: &str, flags: OpenFlags) -> Answer<Node> {
        self.entry(Op::Create { parent, mode: 0o644, flags }, &[name])
    }

    /// Makes a file and closes it again.
    pub(crate) fn touch(&self, parent: Node, name: &str) -> Node {
        let node = self.create(parent, name, BOTH | OpenFlags::EXCLUSIVE).unwrap();
        self.close(node).unwrap();
        node
    }

    pub(crate) fn mkdir(&self, parent: Node, name: &str) -> Answer<Node> {
        self.entry(Op::Mkdir { parent, mode: 0o755 }, &[name])
    }

    pub(crate) fn symlink(&self, parent: Node, name: &str, target: &str) -> Answer<Node> {
        self.entry(Op::Symlink { parent }, &[name, target])
    }

    pub(crate) fn link(&self, node: Node, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Link { node, parent }, &[name])
    }

    pub(crate) fn unlink(&self, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Unlink { parent, dir: false }, &[name])
    }

    pub(crate) fn rmdir(&self, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Unlink { parent, dir: true }, &[name])
    }

    pub(crate) fn rename(&self, parent: Node, name: &str, to: Node, new: &str) -> Answer<()> {
        self.nothing(Op::Rename { parent, to }, &[name, new])
    }

    pub(crate) fn truncate(&self, node: Node, len: u64) -> Answer<()> {
        self.nothing(Op::Truncate { node, len }, &[])
    }

    pub(crate) fn open(&self, node: Node, flags: OpenFlags) -> Answer<()> {
        self.nothing(Op::Open { node, flags }, &[])
    }

    pub(crate) fn close(&self, node: Node) -> Answer<()> {
        self.nothing(Op::Close { node }, &[])
    }

    pub(crate) fn flush(&self, node: Node) -> Answer<()> {
        self.nothing(Op::Flush { node }, &[])
    }

    pub(crate) fn attr(&self, node: Node) -> Answer<Attr> {
        match self.plain(Op::Getattr { node }, &[])? {
            Reply::Attr(attr) => Ok(attr),
            reply => panic!("{reply:?} to a getattr"),
        }
    }

    pub(crate) fn setattr(&self, node: Node, set: SetAttr) -> Answer<Attr> {
        match self.plain(Op::Setattr { node, set }, &[])? {
            Reply::Attr(attr) => Ok(attr),
            reply => panic!("{reply:?} to a setattr"),
        }
    }

    pub(crate) fn chmod(&self, node: Node, mode: u16) {
        self.setattr(node, SetAttr { mode: Some(mode), ..SetAttr::default() }).unwrap();
    }

    pub(crate) fn statfs(&self) -> Statfs {
        match self.plain(Op::Statfs, &[]) {
            Ok(Reply::Statfs(statfs)) => statfs,
            reply => panic!("{reply:?} to a statfs"),
        }
    }
}
