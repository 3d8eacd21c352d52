//! The answers that are kept.

use alloc::{boxed::Box, collections::BTreeMap};
use core::num::NonZeroUsize;

use driver::{Attr, Cred, Node};
use lru::LruCache;

use crate::is_unread;

/// Bytes of the longest path that is kept.
pub const LONGEST: usize = SIZE - HEAD;

const SIZE: usize = 256;
const HEAD: usize = 17;

/// What a lookup asks: where, by whom, and which path. On the stack, since most are asked again.
pub(crate) struct Key {
    bytes: [u8; SIZE],
    len: usize,
}

impl Key {
    pub(crate) fn new(parent: Node, follow: bool, cred: Cred, path: &[u8]) -> Option<Key> {
        let len = HEAD + path.len();
        let mut bytes = [0; SIZE];
        bytes.get_mut(HEAD..len)?.copy_from_slice(path);
        bytes[..8].copy_from_slice(&parent.0.to_ne_bytes());
        bytes[8..12].copy_from_slice(&cred.uid.to_ne_bytes());
        bytes[12..16].copy_from_slice(&cred.gid.to_ne_bytes());
        bytes[16] = follow.into();
        Some(Key { bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a lookup found.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Found(Node, Attr),
    Missing,
}

/// Attributes of a node, and how many answers lead to it.
struct Known {
    attr: Option<Attr>,
    answers: usize,
}

pub(crate) struct Names {
    found: LruCache<Box<[u8]>, Node>,
    missing: LruCache<Box<[u8]>, ()>,
    nodes: BTreeMap<Node, Known>,
}

impl Names {
    pub(crate) fn new(entries: NonZeroUsize) -> Names {
        Names {
            found: LruCache::new(entries),
            missing: LruCache::new(entries),
            nodes: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len() + self.missing.len()
    }

    pub(crate) fn get(&mut self, key: &Key) -> Option<Answer> {
        if let Some(node) = self.found.get(key.bytes()) {
            let attr = self.nodes.get(node)?.attr?;
            return Some(Answer::Found(*node, attr));
        }
        self.missing.get(key.bytes()).map(|()| Answer::Missing)
    }

    pub(crate) fn put(&mut self, key: &Key, answer: Answer) {
        match answer {
            Answer::Found(node, attr) => self.put_found(key, node, attr),
            Answer::Missing => {
                self.missing.put(key.bytes().into(), ());
            }
        }
    }

    fn put_found(&mut self, key: &Key, node: Node, attr: Attr) {
        // Counted first: what goes may be the last answer that led to the same node.
        let known = self.nodes.entry(node).or_insert(Known { attr: None, answers: 0 });
        known.attr = Some(attr);
        known.answers += 1;
        if let Some((_, before)) = self.found.push(key.bytes().into(), node) {
            self.one_less(before);
        }
    }

    fn one_less(&mut self, node: Node) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.answers -= 1;
            if known.answers == 0 {
                self.nodes.remove(&node);
            }
        }
    }

    pub(crate) fn forget_attr(&mut self, node: Node) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.attr = None;
        }
    }

    /// The same, where a read may have changed them.
    pub(crate) fn forget_unread(&mut self, node: Node) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.attr = known.attr.filter(|attr| !is_unread(attr));
        }
    }

    pub(crate) fn forget_missing(&mut self) {
        self.missing.clear();
    }

    pub(crate) fn forget_found(&mut self) {
        self.found.clear();
        self.nodes.clear();
    }
}
