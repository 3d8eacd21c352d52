//! Figures by layer, kept while somebody reads them.

use std::sync::atomic::{AtomicUsize, Ordering};

use agent::{Meter, Origin, Row};
use serde::{Deserialize, Serialize};

use crate::{
    handle::{Mutex, lock},
    latency::Latency,
    place::clock,
};

/// What somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figures {
    /// The table: what messages cost, added up.
    Costs,
    /// The histograms: how long requests took.
    Latency,
}

/// The figures, and who reads them.
pub(crate) struct Stats {
    names: Vec<String>,
    kept: Mutex<Kept>,
    /// Of any figures. All that a request looks at while there are none.
    readers: AtomicUsize,
}

#[derive(Default)]
struct Kept {
    costs: WhileRead<Vec<Row>>,
    latency: WhileRead<Latency>,
}

/// Figures that come with their first reader and go with the last.
struct WhileRead<T> {
    readers: usize,
    figures: Option<T>,
}

impl<T> Default for WhileRead<T> {
    fn default() -> WhileRead<T> {
        WhileRead { readers: 0, figures: None }
    }
}

impl<T> WhileRead<T> {
    fn open(&mut self, make: impl FnOnce() -> T) {
        self.readers += 1;
        self.figures.get_or_insert_with(make);
    }

    fn close(&mut self) {
        self.readers -= 1;
        if self.readers == 0 {
            self.figures = None;
        }
    }
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
    /// Figures for layers of these names; the first is the service itself.
    pub(crate) fn new(names: Vec<String>) -> Stats {
        Stats { names, kept: Mutex::default(), readers: AtomicUsize::new(0) }
    }

    /// Somebody reads from here on.
    pub(crate) fn open(&self, figures: Figures) {
        let kept = &mut *lock(&self.kept);
        let layers = self.names.len();
        match figures {
            Figures::Costs => kept.costs.open(|| vec![Row::default(); layers]),
            Figures::Latency => kept.latency.open(|| Latency::new(layers)),
        }
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// One reader less; with the last one the figures are cleared.
    pub(crate) fn close(&self, figures: Figures) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
        let kept = &mut *lock(&self.kept);
        match figures {
            Figures::Costs => kept.costs.close(),
            Figures::Latency => kept.latency.close(),
        }
    }

    /// True while somebody wants to know.
    #[inline]
    pub(crate) fn are_read(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 0
    }

    /// Reads what a request's messages cost, while somebody wants to know.
    #[inline]
    pub(crate) fn begin(&self, origin: &mut Origin) {
        if self.are_read() {
            origin.set_meter(Some(Meter::new(self.names.len(), clock)));
        }
    }

    /// Adds what a request cost.
    #[cold]
    pub(crate) fn fold(&self, mut origin: Origin) {
        let Some(mut meter) = origin.set_meter(None) else { return };
        meter.stop();
        let kept = &mut *lock(&self.kept);
        if let Some(costs) = &mut kept.costs.figures {
            costs.iter_mut().zip(meter.rows()).for_each(|(sum, row)| *sum += *row);
        }
        if let Some(latency) = &mut kept.latency.figures {
            latency.record(meter.rows());
        }
    }

    /// The figures as JSON.
    pub(crate) fn report(&self, figures: Figures) -> Vec<u8> {
        let kept = &*lock(&self.kept);
        let text = match figures {
            Figures::Costs => {
                let costs = kept.costs.figures.as_deref().unwrap_or_default();
                serde_json::to_vec(&costs_report(&self.names, costs))
            }
            Figures::Latency => {
                let latency = kept.latency.figures.as_ref();
                let report = latency.map(|latency| latency.report(&self.names));
                serde_json::to_vec(&report.unwrap_or_default())
            }
        };
        let mut text = text.unwrap_or_default();
        text.push(b'\n');
        text
    }
}

fn costs_report(names: &[String], rows: &[Row]) -> StatsReport {
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
    StatsReport { rows: names.iter().zip(rows).map(report).collect() }
}

#[cfg(test)]
mod tests {
    use agent::Counts;

    use super::*;
    use crate::LatencyReport;

    fn stats() -> Stats {
        Stats::new(vec!["scheme".into(), "disk".into()])
    }

    /// A request that goes no further than the service. True where it was measured.
    fn request(stats: &Stats) -> bool {
        let mut origin = Origin::root();
        stats.begin(&mut origin);
        let metered = origin.is_metered();
        origin.count(Counts { messages: 1, ..Counts::ZERO });
        stats.fold(origin);
        metered
    }

    /// Requests in the table, and in the histograms.
    fn seen(stats: &Stats) -> (u32, u64) {
        let costs: StatsReport = serde_json::from_slice(&stats.report(Figures::Costs)).unwrap();
        let latency = stats.report(Figures::Latency);
        let latency: LatencyReport = serde_json::from_slice(&latency).unwrap();
        (costs.rows.first().map_or(0, |row| row.messages), latency.requests.count)
    }

    #[test]
    fn nothing_is_measured_while_nobody_reads() {
        let stats = stats();
        assert!(!request(&stats));
        for figures in [Figures::Costs, Figures::Latency] {
            stats.open(figures);
            assert!(request(&stats), "{figures:?}");
            stats.close(figures);
            assert!(!request(&stats), "{figures:?}");
        }
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let stats = stats();
        stats.open(Figures::Costs);
        request(&stats);
        assert_eq!(seen(&stats), (1, 0));
        stats.open(Figures::Latency);
        request(&stats);
        assert_eq!(seen(&stats), (2, 1));
        stats.close(Figures::Costs);
        request(&stats);
        assert_eq!(seen(&stats), (0, 2));
    }

    #[test]
    fn figures_are_cleared_with_their_last_reader() {
        for figures in [Figures::Costs, Figures::Latency] {
            let stats = stats();
            stats.open(figures);
            stats.open(figures);
            request(&stats);
            let before = seen(&stats);
            assert_ne!(before, (0, 0));
            stats.close(figures);
            assert_eq!(seen(&stats), before, "one reader is left");
            stats.close(figures);
            stats.open(figures);
            assert_eq!(seen(&stats), (0, 0), "{figures:?}");
        }
    }

    #[test]
    fn a_request_that_outlasts_the_last_reader_is_not_the_next_one_s() {
        for figures in [Figures::Costs, Figures::Latency] {
            let (stats, mut origin) = (stats(), Origin::root());
            stats.open(figures);
            stats.begin(&mut origin);
            origin.count(Counts { messages: 1, ..Counts::ZERO });
            stats.close(figures);
            stats.fold(origin);
            stats.open(figures);
            assert_eq!(seen(&stats), (0, 0), "{figures:?}");
        }
    }
}
