//! A tree of files as it should be, what becomes of it, and the tree that a file system has.

use std::collections::BTreeMap;

use driver::{Attr, Cred, Data, Errno, FileKind, Node, Op};
use kit::Files;

const ROOT: Cred = Cred::ROOT;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Dir,
    File(Vec<u8>),
    Link(String),
}

/// What there is, by path.
pub(crate) type Tree = BTreeMap<String, Item>;

/// One request that changes a tree, or makes safe what was changed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Mkdir(String),
    Create(String),
    Symlink(String, String),
    Write(String, usize, Vec<u8>),
    Rename(String, String),
    Unlink(String),
    Sync,
}

impl Step {
    /// What becomes of a tree.
    pub(crate) fn foresee(&self, tree: &mut Tree) {
        match self.clone() {
            Step::Mkdir(path) => drop(tree.insert(path, Item::Dir)),
            Step::Create(path) => drop(tree.insert(path, Item::File(Vec::new()))),
            Step::Symlink(path, target) => drop(tree.insert(path, Item::Link(target))),
            Step::Write(path, at, bytes) => {
                let Some(Item::File(file)) = tree.get_mut(&path) else { panic!("no file {path}") };
                file.resize(file.len().max(at + bytes.len()), 0);
                file[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Step::Rename(path, new) => {
                let item = tree.remove(&path).expect("it is there");
                tree.insert(new, item);
            }
            Step::Unlink(path) => drop(tree.remove(&path)),
            Step::Sync => {}
        }
    }

    /// Does it.
    pub(crate) fn run(&self, files: &Files) -> Result<(), Errno> {
        match self {
            Step::Mkdir(path) => {
                let (parent, name) = parent(files, path)?;
                files.mkdir(ROOT, parent, name).map(drop)
            }
            Step::Create(path) => {
                let (parent, name) = parent(files, path)?;
                let node = files.create(ROOT, parent, name)?;
                close(files, node)
            }
            Step::Symlink(path, target) => {
                let (parent, name) = parent(files, path)?;
                let names = [name.as_bytes(), target.as_bytes()];
                files.entry(ROOT, Op::Symlink { parent }, &names).map(drop)
            }
            Step::Write(path, at, bytes) => write(files, path, *at, bytes),
            Step::Rename(path, new) => {
                let ((parent, name), (to, new)) = (parent(files, path)?, parent(files, new)?);
                let names = [name.as_bytes(), new.as_bytes()];
                files.status(ROOT, Op::Rename { parent, to }, &names).map(drop)
            }
            Step::Unlink(path) => {
                let (parent, name) = parent(files, path)?;
                let op = Op::Unlink { parent, dir: false };
                files.status(ROOT, op, &[name.as_bytes()]).map(drop)
            }
            Step::Sync => files.status(ROOT, Op::Flush { node: Node::ROOT }, &[]).map(drop),
        }
    }
}

fn write(files: &Files, path: &str, at: usize, bytes: &[u8]) -> Result<(), Errno> {
    let (parent, name) = parent(files, path)?;
    let node = files.create(ROOT, parent, name)?;
    let count = files.write(ROOT, node, at as u64, bytes)?;
    assert_eq!(count, bytes.len());
    close(files, node)
}

fn close(files: &Files, node: Node) -> Result<(), Errno> {
    files.status(ROOT, Op::Close { node }, &[]).map(drop)
}

/// The directory that a path ends in, and the name there.
fn parent<'a>(files: &Files, path: &'a str) -> Result<(Node, &'a str), Errno> {
    match path.rsplit_once('/') {
        None => Ok((Node::ROOT, path)),
        Some((dir, name)) => files.find(dir).map(|(node, _)| (node, name)),
    }
}

/// The whole tree.
pub(crate) fn read(files: &Files) -> Result<Tree, Errno> {
    let mut tree = Tree::new();
    read_dir(files, Node::ROOT, "", &mut tree)?;
    Ok(tree)
}

fn read_dir(files: &Files, dir: Node, above: &str, tree: &mut Tree) -> Result<(), Errno> {
    let names = files.opened(ROOT, dir, |files| files.list(ROOT, dir, 4096))?;
    for name in names.iter().filter(|name| *name != "." && *name != "..") {
        let op = Op::Lookup { parent: dir, follow: false };
        let (node, attr) = files.entry(ROOT, op, &[name.as_bytes()])?;
        let path = format!("{above}{name}");
        let item = item(files, node, &attr)?;
        if item == Item::Dir {
            read_dir(files, node, &format!("{path}/"), tree)?;
        }
        tree.insert(path, item);
    }
    Ok(())
}

fn item(files: &Files, node: Node, attr: &Attr) -> Result<Item, Errno> {
    match attr.kind {
        FileKind::Directory => Ok(Item::Dir),
        FileKind::Symlink => {
            let mut room = [0; 4096];
            let read = files.ask(ROOT, Op::Readlink { node }, &[], Data::sink(&mut room));
            let count = read.0.result()?;
            Ok(Item::Link(String::from_utf8_lossy(&room[..count]).into_owned()))
        }
        _ => {
            let len = attr.size as usize;
            let bytes = files.opened(ROOT, node, |files| files.read(node, 0, len + 1))?;
            Ok(Item::File(bytes))
        }
    }
}

/// A small tree with everything that is strange in it, then changes to it, with syncs between.
pub(crate) fn script(rounds: usize) -> Vec<Step> {
    let mut steps = strange();
    for round in 0..rounds {
        let path = |number: usize| format!("many/{number}");
        let bytes = |len: usize| (0..len).map(|at| (at * 7 + round) as u8).collect::<Vec<u8>>();
        let new = path(round);
        steps.extend([
            Step::Create(new.clone()),
            Step::Write(new.clone(), 0, bytes(round * 977 % 9000 + 1)),
            Step::Write("large".into(), round * 3001 % 90_000, bytes(round * 1913 % 12_000 + 1)),
        ]);
        match round % 4 {
            1 => steps.push(Step::Rename(new, format!("many/moved {round}"))),
            3 => steps.push(Step::Unlink(path(round - 1))),
            _ => steps.push(Step::Sync),
        }
    }
    steps.push(Step::Sync);
    steps
}

fn strange() -> Vec<Step> {
    let mut steps = vec![Step::Mkdir("many".into())];
    let mut deep = String::from("deep");
    for level in 0..6 {
        steps.push(Step::Mkdir(deep.clone()));
        deep += &format!("/level {level}");
    }
    let long = "x".repeat(200);
    let large = (0..100_000).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
    let files = [(&deep[..], &b"here"[..]), ("empty", b""), (" ünïcödé 日本語", b"text")];
    for (path, bytes) in files.into_iter().chain([(&long[..], &b"long"[..]), ("large", &large)]) {
        steps.push(Step::Create(path.into()));
        if !bytes.is_empty() {
            steps.push(Step::Write(path.into(), 0, bytes.into()));
        }
    }
    steps.push(Step::Symlink("link".into(), "large".into()));
    steps.push(Step::Symlink("dangling".into(), "nowhere".into()));
    steps.push(Step::Sync);
    steps
}
