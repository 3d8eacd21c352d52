//! Figures by layer, kept while somebody reads them.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use agent::{Meter, Origin, Row};
use serde::{Deserialize, Serialize};

use crate::place::clock;

/// The table, and who reads it.
pub(crate) struct Stats {
    names: Vec<String>,
    rows: Mutex<Vec<Row>>,
    readers: AtomicUsize,
}

/// One layer's figures, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowReport {
    /// The layer: a driver's name, a path for an agent, `scheme` for the service itself.
    pub layer: String,
    /// Messages that came to it.
    pub messages: u32,
    /// Boundaries that it crossed.
    pub crossings: u32,
    /// Representations that it changed at a boundary.
    pub translations: u32,
    /// Times that it moved data between the two ends of a message.
    pub copies: u32,
    /// Times that it had data made addressable.
    pub maps: u32,
    /// Times that it touched data.
    pub looks: u32,
    /// Nanoseconds that messages spent in it.
    pub nanoseconds: u64,
}

/// The figures of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsReport {
    /// By layer.
    pub rows: Vec<RowReport>,
}

impl Stats {
    /// A table for rows of these names; the first is the service's own.
    pub(crate) fn new(names: Vec<String>) -> Stats {
        let rows = vec![Row::default(); names.len()];
        Stats { names, rows: Mutex::new(rows), readers: AtomicUsize::new(0) }
    }

    /// Somebody reads from here on.
    pub(crate) fn open(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// One reader less; with the last one the table is cleared.
    pub(crate) fn close(&self) {
        if self.readers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.rows().fill(Row::default());
        }
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what a request's messages cost, while somebody wants to know.
    #[inline]
    pub(crate) fn begin(&self, origin: &mut Origin) {
        if self.readers.load(Ordering::Relaxed) > 0 {
            origin.set_meter(Some(Meter::new(self.names.len(), clock)));
        }
    }

    /// Adds what a request cost.
    #[cold]
    pub(crate) fn fold(&self, mut origin: Origin) {
        if let Some(mut meter) = origin.set_meter(None) {
            meter.stop();
            self.rows().iter_mut().zip(meter.rows()).for_each(|(sum, row)| *sum += *row);
        }
    }

    /// The table as JSON.
    pub(crate) fn report(&self) -> Vec<u8> {
        let report = |(name, row): (&String, &Row)| RowReport {
            layer: name.clone(),
            messages: row.counts.messages,
            crossings: row.counts.crossings,
            translations: row.counts.translations,
            copies: row.counts.copies,
            maps: row.counts.maps,
            looks: row.counts.looks,
            nanoseconds: row.time,
        };
        let rows = self.names.iter().zip(self.rows().iter()).map(report).collect();
        let mut text = serde_json::to_vec(&StatsReport { rows }).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
