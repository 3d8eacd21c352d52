//! What it cost, by layer, two ways side by side.

use std::{io::Read, path::Path};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use portctl::file::Stream;
use service::{RowReport, StatsReport};

type Result<T> = std::result::Result<T, String>;

/// A daemon's figures while they are counted.
pub(crate) struct Figures {
    path: String,
    stream: Stream,
}

impl Figures {
    /// Counts from here on.
    pub(crate) fn open(scheme: &str) -> Result<Figures> {
        let path = format!("/scheme/{scheme}/.stats");
        let stream = Stream::open(&path).map_err(|error| error.to_string())?;
        Ok(Figures { path, stream })
    }

    /// The figures so far, the service's own row under the scheme's name.
    pub(crate) fn read(mut self, scheme: &str) -> Result<Vec<RowReport>> {
        let mut text = vec![0; 1 << 20];
        let failed = |error: std::io::Error| format!("can't read {}: {error}", self.path);
        let count = self.stream.read(&mut text).map_err(failed)?;
        let report: StatsReport =
            serde_json::from_slice(&text[..count]).map_err(|error| failed(error.into()))?;
        let mut rows = report.rows;
        if let Some(own) = rows.first_mut() {
            own.layer = format!("scheme {scheme}");
        }
        Ok(rows)
    }
}

/// One way of placing the drivers, and what it cost.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<RowReport>,
    pub(crate) seconds: f64,
}

/// The figures side by side.
pub(crate) fn table(runs: &[Run]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "layer",
        "placement",
        "messages",
        "crossings",
        "translations",
        "copies",
        "maps",
        "looks",
        "ms",
    ]);
    for layer in layers(runs) {
        for run in runs {
            if let Some(row) = run.rows.iter().find(|row| row.layer == layer) {
                table.add_row(cells(&layer, run.name, row));
            }
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// All layers, in the order that a message meets them.
fn layers(runs: &[Run]) -> Vec<String> {
    let mut layers: Vec<String> = Vec::new();
    for row in runs.iter().rev().flat_map(|run| &run.rows) {
        if !layers.contains(&row.layer) {
            layers.push(row.layer.clone());
        }
    }
    layers
}

fn cells(layer: &str, run: &str, row: &RowReport) -> Vec<String> {
    let counts = [row.messages, row.crossings, row.translations, row.copies, row.maps, row.looks];
    let mut cells = vec![layer.to_string(), run.to_string()];
    cells.extend(counts.map(|count| count.to_string()));
    cells.push(format!("{:.1}", row.nanoseconds as f64 / 1e6));
    cells
}

/// Between neighbours nothing is translated, copied or mapped.
pub(crate) fn check_neighbours(run: &Run, layers: &[&str]) -> Result<()> {
    for row in run.rows.iter().filter(|row| layers.contains(&row.layer.as_str())) {
        if row.messages == 0 || row.translations + row.copies + row.maps + row.crossings > 0 {
            return Err(format!("\"{}\" is a neighbour, but its figures are {row:?}", row.layer));
        }
    }
    Ok(())
}

/// Writes the figures as JSON.
pub(crate) fn write_json(path: &Path, runs: &[Run]) -> Result<()> {
    let runs: Vec<_> = runs
        .iter()
        .map(|run| {
            serde_json::json!({ "placement": run.name, "seconds": run.seconds, "rows": run.rows })
        })
        .collect();
    let text = serde_json::to_string_pretty(&runs).map_err(|error| error.to_string())?;
    std::fs::write(path, text).map_err(|error| format!("can't write {}: {error}", path.display()))
}
