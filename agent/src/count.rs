//! What a message cost, counted by the message itself.
//!
//! *translate* = change a message's representation at a boundary; *copy* = move data bytes on
//! their way between the two ends of a message (a bounce or private buffer); *map* = make data
//! bytes addressable; *look* = touch them, which the two ends do and nobody in between has to.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::{AddAssign, Sub};

/// Totals of one message and of the messages that it caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages begun.
    pub messages: u32,
    /// Protection boundaries crossed.
    pub crossings: u32,
    /// Changes of representation at a boundary; one each way.
    pub translations: u32,
    /// Times that data bytes were moved between the two ends.
    pub copies: u32,
    /// Times that data bytes were made addressable.
    pub maps: u32,
    /// Times that data bytes were touched.
    pub looks: u32,
}

impl Counts {
    /// Nothing counted.
    pub const ZERO: Counts =
        Counts { messages: 0, crossings: 0, translations: 0, copies: 0, maps: 0, looks: 0 };
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, other: Counts) -> Counts {
        Counts {
            messages: self.messages.wrapping_sub(other.messages),
            crossings: self.crossings.wrapping_sub(other.crossings),
            translations: self.translations.wrapping_sub(other.translations),
            copies: self.copies.wrapping_sub(other.copies),
            maps: self.maps.wrapping_sub(other.maps),
            looks: self.looks.wrapping_sub(other.looks),
        }
    }
}

impl AddAssign for Counts {
    #[inline]
    fn add_assign(&mut self, other: Counts) {
        self.messages = self.messages.wrapping_add(other.messages);
        self.crossings = self.crossings.wrapping_add(other.crossings);
        self.translations = self.translations.wrapping_add(other.translations);
        self.copies = self.copies.wrapping_add(other.copies);
        self.maps = self.maps.wrapping_add(other.maps);
        self.looks = self.looks.wrapping_add(other.looks);
    }
}

/// The same in the room that a message has for them: what goes over the top stays there.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    messages: u32,
    looks: u32,
    crossings: u16,
    translations: u16,
    copies: u16,
    maps: u16,
}

impl Packed {
    /// True where nothing but messages and looks was counted: of most messages.
    #[inline]
    fn is_local(&self) -> bool {
        let lanes = [self.crossings, self.translations, self.copies, self.maps];
        // One load, as the compiler sees.
        lanes.iter().rev().fold(0, |all: u64, lane| (all << 16) | u64::from(*lane)) == 0
    }

    /// Adds these and the message itself to others.
    #[inline]
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        if self.is_local() {
            counts.messages = counts.messages.wrapping_add(self.messages.wrapping_add(1));
            counts.looks = counts.looks.wrapping_add(self.looks);
        } else {
            *counts += Counts { messages: self.messages.wrapping_add(1), ..self.counts() };
        }
    }

    pub(crate) const ZERO: Packed =
        Packed { messages: 0, looks: 0, crossings: 0, translations: 0, copies: 0, maps: 0 };

    #[inline]
    pub(crate) fn counts(self) -> Counts {
        Counts {
            messages: self.messages,
            crossings: self.crossings.into(),
            translations: self.translations.into(),
            copies: self.copies.into(),
            maps: self.maps.into(),
            looks: self.looks,
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, counts: Counts) {
        let narrow = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        self.messages = self.messages.saturating_add(counts.messages);
        self.looks = self.looks.saturating_add(counts.looks);
        self.crossings = self.crossings.saturating_add(narrow(counts.crossings));
        self.translations = self.translations.saturating_add(narrow(counts.translations));
        self.copies = self.copies.saturating_add(narrow(counts.copies));
        self.maps = self.maps.saturating_add(narrow(counts.maps));
    }
}

/// The row of a layer in a [`Meter`]. Layer 0 is the sender itself.
pub type LayerId = u16;

/// One layer's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What the layer did.
    pub counts: Counts,
    /// Time that messages spent in the layer itself, waiting there included, in the units of
    /// the meter's clock.
    pub time: u64,
}

impl AddAssign for Row {
    fn add_assign(&mut self, other: Row) {
        self.counts += other.counts;
        self.time = self.time.wrapping_add(other.time);
    }
}

/// Rows of the sender's own, one a layer, that a message carries while somebody reads them.
///
/// Nothing here is shared: the meter travels with its message (and with the messages that one
/// causes, one at a time), and the sender folds it into a table of its own afterwards.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Meter {
    rows: Vec<Row>,
    current: LayerId,
    mark: u64,
    clock: fn() -> u64,
}

#[cfg(feature = "alloc")]
impl Meter {
    /// A meter for layers `0..layers`, all rows zero. Layers beyond share the last row.
    pub fn new(layers: usize, clock: fn() -> u64) -> Box<Meter> {
        Box::new(Meter {
            rows: vec![Row::default(); layers.max(1)],
            current: 0,
            mark: clock(),
            clock,
        })
    }

    /// The rows so far, by layer.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Ends the time of the current layer and returns to layer 0.
    pub fn stop(&mut self) {
        self.switch(0);
    }

    fn row(&mut self) -> &mut Row {
        let last = self.rows.len() - 1;
        &mut self.rows[usize::from(self.current).min(last)]
    }

    pub(crate) fn count(&mut self, counts: Counts) {
        self.row().counts += counts;
    }

    pub(crate) fn current(&self) -> LayerId {
        self.current
    }

    /// Charges the time since the last switch to the current layer, then goes to `layer`.
    pub(crate) fn switch(&mut self, layer: LayerId) -> LayerId {
        let now = (self.clock)();
        let spent = now.wrapping_sub(self.mark);
        let row = self.row();
        row.time = row.time.wrapping_add(spent);
        self.mark = now;
        core::mem::replace(&mut self.current, layer)
    }
}
