//! The entries of a directory in the order that they came in, as they lie in a listing's sink.

use alloc::{collections::BTreeMap, vec::Vec};

use driver::{
    Errno,
    dirent::{self, Dirent},
};

/// Bytes of entries that lie together. A listing that goes on somewhere looks at half of them.
const RUN: usize = 1024;

/// Entries by cookie, in runs: a listing copies a run at once, and looks at single entries only
/// where it begins and ends.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// By the cookie of the first entry that a run was made for.
    runs: BTreeMap<u64, Vec<u8>>,
}

impl Order {
    /// Adds an entry with a cookie after all others. `ENAMETOOLONG`.
    pub(crate) fn push(&mut self, entry: &Dirent<'_>) -> Result<(), Errno> {
        let bytes = entry.to_bytes()?;
        match self.runs.last_entry() {
            Some(mut last) if last.get().len() + bytes.len() <= RUN => last.get_mut().extend(bytes),
            _ => drop(self.runs.insert(entry.next, bytes)),
        }
        Ok(())
    }

    /// Takes out the entry of a cookie.
    pub(crate) fn remove(&mut self, cookie: u64) {
        let Some((first, run)) = self.runs.range_mut(..=cookie).next_back() else { return };
        let (start, end) = (end_of(run, cookie - 1), end_of(run, cookie));
        run.drain(start..end);
        if run.len() < run.capacity() / 2 {
            run.shrink_to_fit();
        }
        if run.is_empty() {
            let first = *first;
            self.runs.remove(&first);
        }
    }

    /// The entries after a cookie, in pieces.
    pub(crate) fn after(&self, cookie: u64) -> impl Iterator<Item = &[u8]> {
        let within = self.runs.range(..=cookie).next_back();
        let rest = within.map(|(_, run)| &run[end_of(run, cookie)..]);
        let others = self.runs.range(cookie.saturating_add(1)..).map(|(_, run)| run.as_slice());
        rest.into_iter().chain(others)
    }
}

/// Where the entries up to `cookie` end in a run.
fn end_of(run: &[u8], cookie: u64) -> usize {
    let before = dirent::entries(run).take_while(|entry| entry.next <= cookie);
    before.map(|entry| entry.len()).sum()
}

#[cfg(test)]
mod tests {
    use driver::FileKind;

    use super::*;

    fn filled(count: u64) -> Order {
        let mut order = Order::default();
        for next in 3..3 + count {
            let entry = Dirent { inode: next, next, kind: FileKind::Regular, name: b"some name" };
            order.push(&entry).unwrap();
        }
        order
    }

    fn cookies(order: &Order, after: u64) -> Vec<u64> {
        order.after(after).flat_map(dirent::entries).map(|entry| entry.next).collect()
    }

    #[test]
    fn whatever_is_taken_out_a_listing_goes_on_anywhere() {
        let mut order = filled(200);
        let mut left: Vec<u64> = (3..203).collect();
        assert!(order.runs.len() > 3);
        for step in [2, 3, 1] {
            for cookie in left.clone().into_iter().step_by(step) {
                order.remove(cookie);
                left.retain(|other| *other != cookie);
                for after in [0, 2, cookie - 1, cookie, cookie + 1, 202, u64::MAX] {
                    let rest = left.iter().copied().filter(|next| *next > after);
                    assert!(cookies(&order, after).into_iter().eq(rest), "{cookie} {after}");
                }
            }
        }
        assert!(left.is_empty() && order.runs.is_empty());
    }

    #[test]
    fn few_entries_take_little_room() {
        let mut order = filled(2000);
        (3..2003).filter(|cookie| cookie % 40 != 0).for_each(|cookie| order.remove(cookie));
        let room: usize = order.runs.values().map(Vec::capacity).sum();
        assert!(room < 50 * 29 * 2 + 1, "{room}");
    }
}
