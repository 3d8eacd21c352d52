//! File systems as what takes steps.

use std::sync::Arc;

use driver::{Attr, Cred, Data, Driver, Errno, FileKind, Node, Op, OpenFlags, Reply, SetAttr};
use kit::Files;

use crate::trace::{Outcome, Step, Subject, bytes, said};

/// Slots for open files.
pub(crate) const SLOTS: usize = 4;
const ROOT: Cred = Cred::ROOT;
const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// What is seen of attributes: what is the same in every file system.
pub(crate) fn seen(kind: FileKind, mode: u16, ids: [u32; 2], size: u64, links: u32) -> Outcome {
    match kind {
        FileKind::Directory => said((kind, mode, ids)),
        FileKind::Symlink => said((kind, ids, size, links)),
        _ => said((kind, mode, ids, size, links)),
    }
}

fn attr(attr: Attr) -> Outcome {
    seen(attr.kind, attr.mode, [attr.uid, attr.gid], attr.size, attr.links)
}

/// A file system, and what is open in it.
pub(crate) struct Mounted {
    files: Files,
    slots: [Option<Node>; SLOTS],
}

impl Mounted {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Mounted {
        Mounted { files: Files(driver), slots: [None; SLOTS] }
    }

    fn parent<'p>(&self, path: &'p str) -> Result<(Node, &'p [u8]), Errno> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.files.find(dir)?.0, name.as_bytes()))
    }

    fn opened(
        &self,
        path: &str,
        flags: OpenFlags,
        run: impl FnOnce(&Files, Node) -> Outcome,
    ) -> Outcome {
        let (node, _) = self.files.find(path)?;
        self.files.status(ROOT, Op::Open { node, flags }, &[])?;
        let result = run(&self.files, node);
        self.files.status(ROOT, Op::Close { node }, &[])?;
        result
    }

    fn slot(&self, slot: usize) -> Result<Node, Errno> {
        self.slots[slot].ok_or(Errno::EBADF)
    }

    fn close(&mut self, slot: usize) -> Outcome {
        let node = self.slots[slot].take().ok_or(Errno::EBADF)?;
        self.files.status(ROOT, Op::Close { node }, &[]).and_then(said)
    }

    fn make(&self, path: &str, op: impl Fn(Node) -> Op, more: &[&[u8]]) -> Outcome {
        let (parent, name) = self.parent(path)?;
        let names = [&[name], more].concat();
        attr(self.files.entry(ROOT, op(parent), &names)?.1)
    }

    fn create(&self, path: &str, mode: u16, exclusive: bool) -> Outcome {
        let (parent, name) = self.parent(path)?;
        let mut flags = BOTH;
        flags.set(OpenFlags::EXCLUSIVE, exclusive);
        let (node, made) = self.files.entry(ROOT, Op::Create { parent, mode, flags }, &[name])?;
        self.files.status(ROOT, Op::Close { node }, &[])?;
        attr(made)
    }

    fn names(&self, step: &Step) -> Outcome {
        let status = match step {
            Step::Link { path, to } => {
                let (node, _) = self.files.find(path)?;
                let (parent, name) = self.parent(to)?;
                self.files.status(ROOT, Op::Link { node, parent }, &[name])
            }
            Step::Unlink { path, dir } => {
                let (parent, name) = self.parent(path)?;
                self.files.status(ROOT, Op::Unlink { parent, dir: *dir }, &[name])
            }
            Step::Rename { path, to } => {
                let (parent, name) = self.parent(path)?;
                let (to, new) = self.parent(to)?;
                self.files.status(ROOT, Op::Rename { parent, to }, &[name, new])
            }
            _ => Err(Errno::EOPNOTSUPP),
        };
        status.and_then(said)
    }

    fn setattr(&self, path: &str, set: SetAttr) -> Outcome {
        let (node, _) = self.files.find(path)?;
        match self.files.ask(ROOT, Op::Setattr { node, set }, &[], Data::NONE) {
            (status, Reply::Attr(changed)) => status.result().and_then(|_| attr(changed)),
            (status, _) => Err(status.result().err().unwrap_or(Errno::EPROTO)),
        }
    }

    fn readlink(&self, path: &str) -> Outcome {
        let op = Op::Lookup { parent: Node::ROOT, follow: false };
        let (node, _) = self.files.entry(ROOT, op, &[path.as_bytes()])?;
        let mut room = [0; 64];
        let asked = self.files.ask(ROOT, Op::Readlink { node }, &[], Data::sink(&mut room));
        asked.0.result().map(|count| room[..count].to_vec())
    }
}

impl Subject for Mounted {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Mkdir { path, mode } => {
                self.make(path, |parent| Op::Mkdir { parent, mode: *mode }, &[])
            }
            Step::Symlink { path, target } => {
                self.make(path, |parent| Op::Symlink { parent }, &[target.as_bytes()])
            }
            Step::Create { path, mode, exclusive } => self.create(path, *mode, *exclusive),
            Step::ReadFile { path, at, len } => {
                self.opened(path, OpenFlags::READ, |files, node| files.read(node, *at, *len))
            }
            Step::WriteFile { path, at, len, seed } => self.opened(path, BOTH, |files, node| {
                files.write(ROOT, node, at.unwrap_or(Op::END), &bytes(*seed, *len)).and_then(said)
            }),
            // Across a boundary nothing is cut that is not open to be written.
            Step::Truncate { path, len } => self.opened(path, OpenFlags::WRITE, |files, node| {
                files.status(ROOT, Op::Truncate { node, len: *len }, &[]).and_then(said)
            }),
            Step::Readlink { path } => self.readlink(path),
            Step::List { path, room } => self.opened(path, OpenFlags::READ, |files, node| {
                let names = files.list(ROOT, node, *room)?;
                said(names.iter().filter(|name| *name != "." && *name != "..").collect::<Vec<_>>())
            }),
            Step::Stat { path, follow } => {
                let op = Op::Lookup { parent: Node::ROOT, follow: *follow };
                attr(self.files.entry(ROOT, op, &[path.as_bytes()])?.1)
            }
            Step::Setattr { path, mode, uid, gid } => {
                let set = SetAttr { mode: *mode, uid: *uid, gid: *gid, ..SetAttr::default() };
                self.setattr(path, set)
            }
            Step::Open { slot, path } => {
                if self.slots[*slot].is_some() {
                    self.close(*slot)?;
                }
                let (node, _) = self.files.find(path)?;
                self.files.status(ROOT, Op::Open { node, flags: BOTH }, &[])?;
                self.slots[*slot] = Some(node);
                said(0)
            }
            Step::Close { slot } => self.close(*slot),
            Step::ReadSlot { slot, at, len } => self.files.read(self.slot(*slot)?, *at, *len),
            Step::WriteSlot { slot, at, len, seed } => {
                let node = self.slot(*slot)?;
                self.files.write(ROOT, node, *at, &bytes(*seed, *len)).and_then(said)
            }
            Step::Flush => {
                self.files.status(ROOT, Op::Flush { node: Node::ROOT }, &[]).and_then(said)
            }
            _ => self.names(step),
        }
    }
}
