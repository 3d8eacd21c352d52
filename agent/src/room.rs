//! How many more layers a message may pass through.

use crate::{
    late::MAX_DEPTH,
    record::{Flags, Record},
};

/// Layers that may still wait for a message below the one that has it; and whether there is a
/// meter. It goes down with the request, so that no layer writes to the record on its way.
#[derive(Clone, Copy)]
pub(crate) struct Room(i32);

impl Room {
    /// Set where there is a meter: so that one look finds either.
    const METERED: i32 = i32::MIN;
    /// For a message that no layer waits for.
    pub(crate) const ALL: Room = Room(MAX_DEPTH as i32);

    #[inline]
    pub(crate) fn of<B>(record: &Record<B>) -> Room {
        let metered = if record.flags.contains(Flags::METERED) { Room::METERED } else { 0 };
        Room((Room::ALL.0 - i32::from(record.frames)) | metered)
    }

    /// Room for the layers below one more; `None` where there is none, or a meter to be told.
    #[inline]
    pub(crate) fn below(self) -> Option<Room> {
        (self.0 > 0).then(|| Room(self.0 - 1))
    }

    /// The same, meter or not.
    pub(crate) fn below_noted(self) -> Option<Room> {
        (self.0 & !Room::METERED > 0).then(|| Room(self.0 - 1))
    }
}
