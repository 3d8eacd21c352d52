//! Those who found a port full, and are to hear that there is room.

use std::collections::BTreeMap;

use crate::sync::{Mutex, left_out, lock};

/// By something that nobody else has. Who is told is told once.
pub(crate) struct PushedBack<T>(Mutex<BTreeMap<u64, T>>);

impl<T> PushedBack<T> {
    pub(crate) fn new() -> PushedBack<T> {
        PushedBack(Mutex::new(BTreeMap::new()))
    }

    /// `who` found it full, and is told. False where it is not full any more, which nobody may have
    /// told of: looked at after `who` was noted, as who makes room tells after that.
    pub(crate) fn push_back(&self, key: u64, who: T, is_full: impl Fn() -> bool) -> bool {
        lock(&self.0).insert(key, who);
        left_out("pushed-look") || is_full()
    }

    /// Who is gone need not be told.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn forget(&self, key: u64) {
        lock(&self.0).remove(&key);
    }

    /// Tells all, where there is room.
    pub(crate) fn tell(&self, is_full: impl Fn() -> bool, told: impl FnMut(T)) {
        if is_full() {
            return;
        }
        let all = std::mem::take(&mut *lock(&self.0)).into_values();
        all.take(if left_out("pushed-all") { 1 } else { usize::MAX }).for_each(told);
    }
}
