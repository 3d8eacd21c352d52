//! Counting what there is.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use driver::{Below, Data, Errno, FileKind, Node, Op, Origin, dirent};

use crate::{
    files::size,
    ledger::{Amount, Ledger},
};

/// Bytes of entries that are asked for at a time.
const LISTING: usize = 16 << 10;

/// Adds every node below the root to its owner's account, once.
pub(crate) fn scan(below: &Below, ledger: &mut Ledger) -> Result<(), Errno> {
    let mut todo = vec![Node::ROOT];
    let mut linked = BTreeSet::new();
    while let Some(dir) = todo.pop() {
        for name in names(below, dir)? {
            let (node, attr) = below.find(&mut Origin::root(), dir, &name)?;
            if attr.kind == FileKind::Directory {
                todo.push(node);
            } else if attr.links > 1 && !linked.insert(node) {
                continue;
            }
            ledger.add(attr.uid, Amount::node(size(&attr)));
        }
    }
    Ok(())
}

/// The names in a directory, but those of itself and the one above.
fn names(below: &Below, node: Node) -> Result<Vec<Vec<u8>>, Errno> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    let mut sink = vec![0; LISTING];
    loop {
        let op = Op::Readdir { node, cookie };
        let (count, _) = below.ask(&mut Origin::root(), op, &[], Data::sink(&mut sink))?;
        let before = cookie;
        for entry in dirent::entries(&sink[..count.min(LISTING)]) {
            cookie = entry.next;
            if !matches!(entry.name, b"." | b"..") {
                names.push(entry.name.to_vec());
            }
        }
        if count == 0 || cookie == before {
            return Ok(names);
        }
    }
}
