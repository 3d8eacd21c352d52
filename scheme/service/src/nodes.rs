//! The nodes that the holder of a handle may name.

use std::collections::HashMap;

use agent::Errno;
use driver::{Node, OpenFlags};

use crate::limits::Charge;

/// Nodes that one table can have: a number's lower half.
pub(crate) const MAX_NODES: usize = 1 << 16;

/// Nodes by number; the handle's own object is number 0. Where there are as many as there may be,
/// one that is not open and was not asked for lately makes room for another, and its number stands
/// for nothing then.
pub(crate) struct Table {
    entries: Vec<Entry>,
    most: usize,
    /// Where a node is.
    index: HashMap<Node, u32>,
    /// Where the search for one to forget goes on.
    hand: usize,
    /// For the nodes that are not the handle's own.
    paid: Option<Charge>,
}

impl Default for Table {
    fn default() -> Table {
        let (entries, index, paid) = Default::default();
        Table { entries, most: MAX_NODES, index, hand: 0, paid }
    }
}

/// What is known of a node.
pub(crate) struct Entry {
    pub(crate) node: Node,
    pub(crate) rights: OpenFlags,
    pub(crate) opens: u32,
    /// Nodes that were here before: a number's upper half.
    before: u16,
    /// It was asked for since the hand came by.
    used: bool,
}

impl Entry {
    fn new(node: Node, before: u16) -> Entry {
        Entry { node, rights: OpenFlags::empty(), opens: 0, before, used: true }
    }
}

impl Table {
    /// Notes the handle's own object.
    pub(crate) fn own(&mut self, node: Node) {
        self.entries.push(Entry::new(node, 0));
        self.index.insert(node, 0);
    }

    /// From here on nodes are paid for, and there are so many at most.
    pub(crate) fn limit(&mut self, most: usize, paid: Option<Charge>) {
        (self.most, self.paid) = (most.min(MAX_NODES), paid);
    }

    /// A node's number. `EMFILE` as for [`Handle::give`](super::handle::Handle::give).
    pub(crate) fn give(&mut self, node: Node) -> Result<u32, Errno> {
        let place = match self.index.get(&node) {
            Some(place) => *place,
            None => self.add(node)?,
        };
        let entry = &mut self.entries[place as usize];
        entry.used = true;
        Ok(u32::from(entry.before) << 16 | place)
    }

    fn add(&mut self, node: Node) -> Result<u32, Errno> {
        let place = if self.entries.len() < self.most {
            self.paid.as_mut().map_or(Ok(()), |paid| paid.add(1, Errno::EMFILE))?;
            self.entries.push(Entry::new(node, 0));
            self.entries.len() - 1
        } else {
            let place = self.idle().ok_or(Errno::EMFILE)?;
            let entry = &mut self.entries[place];
            self.index.remove(&entry.node);
            *entry = Entry::new(node, entry.before.wrapping_add(1));
            place
        };
        self.index.insert(node, place as u32);
        Ok(place as u32)
    }

    /// A node that is not open, and that was not asked for since the hand came by.
    fn idle(&mut self) -> Option<usize> {
        for _ in 0..2 * self.entries.len() {
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = &mut self.entries[self.hand];
            let is_kept = self.hand == 0 || entry.opens > 0;
            if !is_kept && !std::mem::replace(&mut entry.used, false) {
                return Some(self.hand);
            }
        }
        None
    }

    /// What has a number.
    pub(crate) fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let number = u32::try_from(number).ok()?;
        let entry = self.entries.get_mut(number as usize % MAX_NODES)?;
        if u32::from(entry.before) != number >> 16 {
            return None;
        }
        entry.used = true;
        Some(entry)
    }

    /// The nodes that are open, as often as they are.
    pub(crate) fn left_open(&self) -> Vec<Node> {
        let repeat = |entry: &Entry| std::iter::repeat_n(entry.node, entry.opens as usize);
        self.entries.iter().flat_map(repeat).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Table {
        let mut table = Table::default();
        table.own(Node(0));
        for node in 1..MAX_NODES as u64 {
            assert_eq!(table.give(Node(node)), Ok(node as u32));
        }
        table
    }

    #[test]
    fn a_node_that_is_neither_open_nor_asked_for_makes_room_for_another() {
        let mut table = full();
        table.entry(1).unwrap().opens = 1;
        // All were asked for: the hand comes by twice.
        let first = table.give(Node(1 << 20)).unwrap();
        assert_eq!(first, 1 << 16 | 2);
        assert!(table.entry(2).is_none(), "its number stands for nothing");
        assert_eq!(table.entry(first.into()).unwrap().node, Node(1 << 20));
        assert!(table.entry(3).is_some(), "asked for");
        assert_eq!(table.give(Node(2 << 20)), Ok(1 << 16 | 4));
        assert_eq!(table.give(Node(2)), Ok(1 << 16 | 5), "known by another number now");
        assert_eq!(table.entry(0).unwrap().node, Node(0));
        assert_eq!(table.entry(1).unwrap().node, Node(1));
        assert_eq!(table.index.len(), MAX_NODES);
    }

    #[test]
    fn what_is_open_is_kept_and_no_more_can_be_known() {
        let mut table = full();
        table.entries.iter_mut().for_each(|entry| entry.opens = 1);
        assert_eq!(table.give(Node(1 << 20)), Err(Errno::EMFILE));
        assert_eq!(table.give(Node(7)), Ok(7), "what it knows it knows");
        table.entry(9).unwrap().opens = 0;
        assert_eq!(table.give(Node(1 << 20)), Ok(1 << 16 | 9));
    }

    #[test]
    fn a_number_that_was_never_given_stands_for_nothing() {
        let mut table = full();
        for number in [MAX_NODES as u64, 1 << 16 | 5, u64::from(u32::MAX), 1 << 32] {
            assert!(table.entry(number).is_none(), "{number}");
        }
        assert!(Table::default().entry(0).is_none());
    }
}
