//! Nodes that are open, or that something under way is about.

use alloc::collections::BTreeMap;

use driver::{Attr, FileKind, Node};

use crate::ledger::{Amount, Ledger};

/// What is known of a node.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) uid: u32,
    pub(crate) size: u64,
    links: u32,
    opens: u64,
    /// Requests under way.
    pins: u64,
    /// An error left its size in doubt.
    pub(crate) doubt: bool,
}

impl File {
    pub(crate) fn amount(&self) -> Amount {
        Amount::node(self.size)
    }
}

/// Bytes that a node counts with.
pub(crate) fn size(attr: &Attr) -> u64 {
    if attr.kind == FileKind::Directory { 0 } else { attr.size }
}

/// Names that a node has. A directory counts its own entries too, and has one.
fn names(attr: &Attr) -> u32 {
    if attr.kind == FileKind::Directory { attr.links.min(1) } else { attr.links }
}

#[derive(Default)]
pub(crate) struct Files(BTreeMap<Node, File>);

impl Files {
    pub(crate) fn get(&self, node: Node) -> Option<File> {
        self.0.get(&node).copied()
    }

    pub(crate) fn get_mut(&mut self, node: Node) -> Option<&mut File> {
        self.0.get_mut(&node)
    }

    /// A request about the node is under way. `attr` is what was learned of a node that is not
    /// known.
    pub(crate) fn pin(&mut self, node: Node, attr: Option<&Attr>) -> bool {
        let fresh = attr.map(|attr| File {
            uid: attr.uid,
            size: size(attr),
            links: names(attr),
            opens: 0,
            pins: 0,
            doubt: false,
        });
        let Some(file) = (match fresh {
            Some(fresh) => Some(self.0.entry(node).or_insert(fresh)),
            None => self.0.get_mut(&node),
        }) else {
            return false;
        };
        file.pins += 1;
        true
    }

    /// A request about the node has come back. What nobody uses is known no longer, and given
    /// back where it has no name.
    pub(crate) fn unpin(&mut self, node: Node, ledger: &mut Ledger) {
        if let Some(file) = self.0.get_mut(&node) {
            file.pins = file.pins.saturating_sub(1);
        }
        self.reap(node, ledger);
    }

    fn reap(&mut self, node: Node, ledger: &mut Ledger) {
        let Some(file) = self.get(node).filter(|file| file.pins == 0 && file.opens == 0) else {
            return;
        };
        if file.links == 0 {
            ledger.refund(file.uid, file.amount());
        }
        // What is in doubt is remembered until it is asked for.
        if file.links == 0 || !file.doubt {
            self.0.remove(&node);
        }
    }

    pub(crate) fn opened(&mut self, node: Node) {
        if let Some(file) = self.0.get_mut(&node) {
            file.opens += 1;
        }
    }

    pub(crate) fn closed(&mut self, node: Node) {
        if let Some(file) = self.0.get_mut(&node) {
            file.opens = file.opens.saturating_sub(1);
        }
    }

    /// True where the node's size was in doubt; it is so no longer.
    pub(crate) fn settle(&mut self, node: Node) -> bool {
        self.0.get_mut(&node).is_some_and(|file| core::mem::take(&mut file.doubt))
    }

    /// A name more or less.
    pub(crate) fn named(&mut self, node: Node, more: bool) {
        if let Some(file) = self.0.get_mut(&node) {
            file.links = if more { file.links + 1 } else { file.links.saturating_sub(1) };
        }
    }

    /// The node has this size, and so does its owner's account.
    pub(crate) fn resize(&mut self, node: Node, size: u64, ledger: &mut Ledger) {
        if let Some(file) = self.0.get_mut(&node) {
            if size > file.size {
                ledger.add(file.uid, Amount::bytes(size - file.size));
            } else {
                ledger.refund(file.uid, Amount::bytes(file.size - size));
            }
            file.size = size;
        }
    }

    /// The node is another's.
    pub(crate) fn give(&mut self, node: Node, uid: u32, ledger: &mut Ledger) {
        if let Some(file) = self.0.get_mut(&node).filter(|file| file.uid != uid) {
            ledger.refund(file.uid, file.amount());
            ledger.add(uid, file.amount());
            file.uid = uid;
        }
    }
}
