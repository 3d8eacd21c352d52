//! How long requests take, kept while somebody reads it: a histogram a layer, and one of whole
//! requests.

use agent::Row;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest time that is told from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;
/// Digits of a time that are kept.
const DIGITS: u8 = 3;

/// The histograms. A request allocates nothing here: they have their full size from the start.
pub(crate) struct Latency {
    requests: Histogram<u64>,
    layers: Vec<Histogram<u64>>,
}

/// How times are spread, in nanoseconds, true to three digits. All 0 where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// Half of them are no longer than this.
    pub median: u64,
    /// 90 of 100 are no longer.
    pub p90: u64,
    /// 99 of 100 are no longer.
    pub p99: u64,
    /// 999 of 1000 are no longer.
    pub p99_9: u64,
    /// The longest; more than an hour counts as an hour.
    pub max: u64,
    /// Their sum, divided by their number.
    pub mean: u64,
}

/// The times of one layer, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// The layer, by the name that it has in a [`RowReport`](crate::RowReport).
    pub layer: String,
    /// What a request spent in the layer itself, in all its messages together; of requests that
    /// came to it.
    #[serde(flatten)]
    pub time: Spread,
}

/// The times of a service's requests. One begins when a thread takes it up: what it waits before,
/// in the queue of a driver that blocks, is not in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Of whole requests.
    pub requests: Spread,
    /// By layer.
    pub rows: Vec<LatencyRow>,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, DIGITS).expect("constants that make a histogram")
}

impl Latency {
    /// Empty histograms.
    pub(crate) fn new(layers: usize) -> Latency {
        Latency { requests: histogram(), layers: (0..layers).map(|_| histogram()).collect() }
    }

    /// Takes in the rows of one request's meter.
    pub(crate) fn record(&mut self, rows: &[Row]) {
        // A meter's clock always runs for some row, so together they are the whole.
        let whole = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.time));
        self.requests.saturating_record(whole);
        for (layer, row) in self.layers.iter_mut().zip(rows) {
            if row.counts.messages > 0 {
                layer.saturating_record(row.time);
            }
        }
    }

    /// What there is so far; `names` are the layers'.
    pub(crate) fn report(&self, names: &[String]) -> LatencyReport {
        let row = |(name, layer): (&String, &Histogram<u64>)| LatencyRow {
            layer: name.clone(),
            time: spread(layer),
        };
        let rows = names.iter().zip(&self.layers).map(row).collect();
        LatencyReport { requests: spread(&self.requests), rows }
    }
}

fn spread(times: &Histogram<u64>) -> Spread {
    Spread {
        count: times.len(),
        min: times.min(),
        median: times.value_at_quantile(0.5),
        p90: times.value_at_quantile(0.9),
        p99: times.value_at_quantile(0.99),
        p99_9: times.value_at_quantile(0.999),
        max: times.max(),
        mean: times.mean().round() as u64,
    }
}

#[cfg(test)]
mod tests {
    use agent::Counts;

    use super::*;

    /// A row of a layer that a request came to, `messages` times.
    fn row(messages: u32, time: u64) -> Row {
        Row { counts: Counts { messages, ..Counts::ZERO }, time }
    }

    fn report(requests: &[[Row; 2]]) -> LatencyReport {
        let mut latency = Latency::new(2);
        requests.iter().for_each(|rows| latency.record(rows));
        latency.report(&["scheme".into(), "disk".into()])
    }

    #[test]
    fn nothing_timed_is_all_zero() {
        let report = report(&[]);
        assert_eq!(report.requests, Spread::default());
        let names: Vec<&str> = report.rows.iter().map(|row| row.layer.as_str()).collect();
        assert_eq!(names, ["scheme", "disk"]);
        assert!(report.rows.iter().all(|row| row.time == Spread::default()));
    }

    #[test]
    fn a_layer_s_times_are_spread_by_rank() {
        let requests: Vec<_> = (1..=1000).rev().map(|time| [row(1, 5), row(1, time)]).collect();
        let times = &report(&requests).rows[1].time;
        let Spread { count, min, median, p90, p99, p99_9, max, mean } = *times;
        assert_eq!((count, min, median, max), (1000, 1, 500, 1000));
        assert_eq!((p90, p99, p99_9, mean), (900, 990, 999, 501));
    }

    #[test]
    fn a_request_is_the_sum_of_its_layers() {
        let report = report(&[[row(1, 100), row(3, 20)], [row(1, 7), row(0, 0)]]);
        let requests = &report.requests;
        assert_eq!((requests.count, requests.min, requests.max), (2, 7, 120));
    }

    #[test]
    fn a_layer_counts_the_requests_that_came_to_it_once_each() {
        let report = report(&[[row(1, 100), row(3, 20)], [row(1, 7), row(0, 0)]]);
        let counts: Vec<u64> = report.rows.iter().map(|row| row.time.count).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn a_time_without_end_counts_as_the_longest() {
        let report = report(&[[row(1, u64::MAX), row(1, 1)]]);
        for times in [&report.requests, &report.rows[0].time] {
            assert_eq!(times.count, 1);
            assert!((LONGEST..LONGEST + LONGEST / 1000).contains(&times.max), "{times:?}");
        }
    }
}
