//! Random operations on the driver and on the model, with equal results.

use driver::{Errno, FileKind, Node, Op, OpenFlags};
use proptest::prelude::*;

use crate::{
    fs::{Answer, BOTH, Fs, PAGE},
    model::Model,
};

/// Pages that there are; few, so that they run out.
const PAGES: usize = 12;

/// A directory by its path, and a name in it.
type Place = (String, String);

#[derive(Clone, Debug)]
enum Step {
    Create { at: Place, exclusive: bool, truncate: bool },
    Open { path: String },
    Close { handle: usize },
    Write { handle: usize, offset: usize, byte: u8, len: usize },
    Append { handle: usize, byte: u8, len: usize },
    Read { handle: usize, offset: usize, len: usize },
    Truncate { handle: usize, len: usize },
    Mkdir { at: Place },
    Symlink { at: Place, target: String },
    Link { from: String, at: Place },
    Unlink { at: Place, dir: bool },
    Rename { from: Place, to: Place },
    List { path: String },
    Lookup { path: String, follow: bool },
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_string)
}

fn path() -> impl Strategy<Value = String> {
    let part = || prop::sample::select(vec!["a", "a", "a", "b", "b", "c", "..", "."]);
    prop_oneof![
        3 => Just(String::new()),
        4 => part().prop_map(str::to_string),
        3 => prop::collection::vec(part(), 2..5).prop_map(|parts| parts.join("/")),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    (path(), name())
}

/// An offset or a size: anywhere, or near the edge of a page.
fn offset() -> impl Strategy<Value = usize> {
    prop_oneof![0..20 * PAGE, (0usize..20, 0usize..3).prop_map(|(page, near)| page * PAGE + near)]
}

fn step() -> impl Strategy<Value = Step> {
    let len = || prop_oneof![0usize..200, 0..3 * PAGE];
    let handle = || 0usize..8;
    prop_oneof![
        4 => (place(), any::<bool>(), any::<bool>())
            .prop_map(|(at, exclusive, truncate)| Step::Create { at, exclusive, truncate }),
        1 => path().prop_map(|path| Step::Open { path }),
        2 => handle().prop_map(|handle| Step::Close { handle }),
        4 => (handle(), offset(), any::<u8>(), len())
            .prop_map(|(handle, offset, byte, len)| Step::Write { handle, offset, byte, len }),
        2 => (handle(), any::<u8>(), len())
            .prop_map(|(handle, byte, len)| Step::Append { handle, byte, len }),
        3 => (handle(), offset(), len())
            .prop_map(|(handle, offset, len)| Step::Read { handle, offset, len }),
        2 => (handle(), offset()).prop_map(|(handle, len)| Step::Truncate { handle, len }),
        3 => place().prop_map(|at| Step::Mkdir { at }),
        2 => (place(), path()).prop_map(|(at, target)| Step::Symlink { at, target }),
        2 => (path(), place()).prop_map(|(from, at)| Step::Link { from, at }),
        3 => (place(), any::<bool>()).prop_map(|(at, dir)| Step::Unlink { at, dir }),
        4 => (place(), place()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => path().prop_map(|path| Step::List { path }),
        2 => (path(), any::<bool>()).prop_map(|(path, follow)| Step::Lookup { path, follow }),
    ]
}

/// The driver and the model, and what is open in both.
struct Pair {
    fs: Fs,
    model: Model,
    open: Vec<(Node, usize)>,
}

impl Pair {
    fn new() -> Pair {
        Pair { fs: Fs::with_pages(PAGES), model: Model::new(PAGES), open: Vec::new() }
    }

    /// What a path leads to in both, which agree on it.
    fn find(&self, path: &str, follow: bool) -> Answer<(Node, String)> {
        let found = if follow { self.fs.lookup(path) } else { self.fs.lookup_link(path) };
        let expected = self.model.resolve(path, follow);
        assert_eq!(found.err(), expected.as_ref().err().copied(), "lookup of {path:?}");
        let (node, path) = (found?, expected?);
        self.compare_attr(node, self.model.paths[&path]);
        Ok((node, path))
    }

    fn compare_attr(&self, node: Node, object: usize) {
        let (attr, expected) = (self.fs.attr(node).unwrap(), &self.model.objects[object]);
        assert_eq!(attr.kind, expected.kind);
        assert_eq!(attr.size, expected.bytes.len() as u64);
        assert_eq!(attr.links as usize, self.model.links(object));
        assert_eq!(attr.blocks, self.model.blocks(object));
    }

    fn handle(&self, index: usize) -> Option<(Node, usize)> {
        let count = self.open.len();
        (count > 0).then(|| self.open[index % count])
    }

    /// Runs a step on both. An error here is one that both agreed on while they found a path.
    fn run(&mut self, step: &Step) -> Answer<()> {
        match step {
            Step::Create { .. } | Step::Open { .. } | Step::Close { .. } => self.run_open(step),
            Step::Mkdir { at: (dir, name) } => {
                let (node, dir) = self.find(dir, true)?;
                let made = self.fs.mkdir(node, name).map(drop);
                assert_eq!(made, self.model.mkdir(&dir, name));
                Ok(())
            }
            Step::Symlink { at: (dir, name), target } if !target.is_empty() => {
                let (node, dir) = self.find(dir, true)?;
                let made = self.fs.symlink(node, name, target).map(drop);
                assert_eq!(made, self.model.symlink(&dir, name, target));
                Ok(())
            }
            Step::Link { .. } | Step::Unlink { .. } | Step::Rename { .. } => self.run_names(step),
            Step::List { path } => {
                let (node, path) = self.find(path, true)?;
                assert_eq!(self.fs.list(node), self.model.list(&path));
                Ok(())
            }
            Step::Lookup { path, follow } => self.find(path, *follow).map(drop),
            _ => {
                self.run_data(step);
                Ok(())
            }
        }
    }

    fn run_open(&mut self, step: &Step) -> Answer<()> {
        match step {
            Step::Create { at: (dir, name), exclusive, truncate } => {
                let (node, dir) = self.find(dir, true)?;
                let mut flags = BOTH;
                flags.set(OpenFlags::EXCLUSIVE, *exclusive);
                flags.set(OpenFlags::TRUNCATE, *truncate);
                let made = self.fs.create(node, name, flags);
                let expected = self.model.create(&dir, name, *exclusive, *truncate);
                assert_eq!(made.err(), expected.err());
                self.open.push((made?, expected?));
            }
            Step::Open { path } => {
                let (node, path) = self.find(path, true)?;
                let object = self.model.paths[&path];
                let is_dir = self.model.objects[object].kind == FileKind::Directory;
                let opened = self.fs.open(node, BOTH);
                assert_eq!(opened, if is_dir { Err(Errno::EISDIR) } else { Ok(()) });
                opened?;
                let (above, name) = path.rsplit_once('/').unwrap();
                self.open.push((node, self.model.create(above, name, false, false)?));
            }
            Step::Close { handle } if !self.open.is_empty() => {
                let (node, object) = self.open.swap_remove(handle % self.open.len());
                assert_eq!(self.fs.close(node), Ok(()));
                self.model.close(object);
            }
            _ => {}
        }
        Ok(())
    }

    fn run_names(&mut self, step: &Step) -> Answer<()> {
        match step {
            Step::Link { from, at: (dir, name) } => {
                let (file, from) = self.find(from, false)?;
                let (node, dir) = self.find(dir, true)?;
                assert_eq!(self.fs.link(file, node, name), self.model.link(&from, &dir, name));
            }
            Step::Unlink { at: (dir, name), dir: as_dir } => {
                let (parent, dir) = self.find(dir, true)?;
                let gone = match as_dir {
                    true => self.fs.rmdir(parent, name),
                    false => self.fs.unlink(parent, name),
                };
                assert_eq!(gone, self.model.unlink(&dir, name, *as_dir));
            }
            Step::Rename { from: (dir, name), to: (to, new) } => {
                let (parent, dir) = self.find(dir, true)?;
                let (node, to) = self.find(to, true)?;
                let moved = self.fs.rename(parent, name, node, new);
                assert_eq!(moved, self.model.rename(&dir, name, &to, new));
            }
            _ => {}
        }
        Ok(())
    }

    fn run_data(&mut self, step: &Step) {
        match *step {
            Step::Write { handle, offset, byte, len } => {
                let Some((node, object)) = self.handle(handle) else { return };
                let written = self.fs.write(node, offset as u64, &vec![byte; len]);
                assert_eq!(written, self.model.write(object, offset, &vec![byte; len]));
            }
            Step::Append { handle, byte, len } => {
                let Some((node, object)) = self.handle(handle) else { return };
                let end = self.model.objects[object].bytes.len();
                let written = self.fs.write(node, Op::END, &vec![byte; len]);
                assert_eq!(written, self.model.write(object, end, &vec![byte; len]));
            }
            Step::Read { handle, offset, len } => {
                let Some((node, object)) = self.handle(handle) else { return };
                let expected = self.model.read(object, offset, len);
                assert!(self.fs.read(node, offset as u64, len) == Ok(expected), "read differs");
            }
            Step::Truncate { handle, len } => {
                let Some((node, object)) = self.handle(handle) else { return };
                assert_eq!(self.fs.truncate(node, len as u64), Ok(()));
                self.model.truncate(object, len);
            }
            _ => {}
        }
    }

    /// Everything that has a name, or is open, is the same in both.
    fn compare_all(&self) {
        let named = self.model.paths.iter();
        let named = named.map(|(path, object)| (self.fs.lookup_link(path).unwrap(), *object));
        for (node, object) in named.chain(self.open.iter().copied()) {
            self.compare_attr(node, object);
            let bytes = &self.model.objects[object].bytes;
            match self.model.objects[object].kind {
                FileKind::Symlink => assert_eq!(self.fs.readlink(node, 99).as_ref(), Ok(bytes)),
                FileKind::Regular => assert!(self.fs.read(node, 0, 1 << 18).as_ref() == Ok(bytes)),
                _ => {}
            }
        }
        for (path, object) in &self.model.paths {
            if self.model.objects[*object].kind == FileKind::Directory {
                let node = self.fs.lookup_link(path).unwrap();
                assert_eq!(self.fs.list(node), self.model.list(path));
            }
        }
    }

    /// Closes and unlinks everything, deepest first; all room is free again.
    fn remove_all(&mut self) {
        for (node, _) in self.open.drain(..) {
            self.fs.close(node).unwrap();
        }
        for (path, object) in self.model.paths.iter().rev().filter(|(path, _)| !path.is_empty()) {
            let (above, name) = path.rsplit_once('/').unwrap();
            let parent = self.fs.lookup_link(above).unwrap();
            match self.model.objects[*object].kind {
                FileKind::Directory => self.fs.rmdir(parent, name).unwrap(),
                _ => self.fs.unlink(parent, name).unwrap(),
            }
        }
        assert_eq!(self.fs.statfs().free, PAGES as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_end_as_in_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let mut pair = Pair::new();
        for step in &steps {
            let _ = pair.run(step);
            prop_assert_eq!(pair.fs.statfs().free, pair.model.free());
        }
        pair.compare_all();
        pair.remove_all();
    }
}
