//! Those who want to hear of the next message at a port.

use std::collections::BTreeMap;

use crate::sync::{Mutex, left_out, lock};

/// In the order in which they came, each by a place that nobody else has. Who listens is told
/// once.
pub(crate) struct Listeners<T>(Mutex<BTreeMap<u64, T>>);

impl<T> Listeners<T> {
    pub(crate) fn new() -> Listeners<T> {
        Listeners(Mutex::new(BTreeMap::new()))
    }

    /// `who` wants to hear. True where something `waits` already, which nobody may have told of:
    /// looked at after the place was taken, as who puts something in tells after that.
    pub(crate) fn listen(&self, place: u64, who: T, waits: impl Fn() -> bool) -> bool {
        let before = left_out("listen-look") && waits();
        lock(&self.0).insert(place, who);
        if left_out("listen-look") { before } else { waits() }
    }

    /// Nobody listens at this place any more.
    pub(crate) fn leave(&self, place: u64) {
        lock(&self.0).remove(&place);
    }

    /// Tells one after the other, for as long as something waits.
    pub(crate) fn tell(&self, waits: impl Fn() -> bool, mut heard: impl FnMut(T)) {
        while waits()
            && let Some(who) = self.first()
        {
            heard(who);
            if left_out("listen-all") {
                return;
            }
        }
    }

    fn first(&self) -> Option<T> {
        lock(&self.0).pop_first().map(|(_, who)| who)
    }
}
