//! `stats`, `trace` and `plan`.

use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use service::{LatencyReport, RowReport, Spread, StatsReport};

use crate::{copy, error::Error, file::Stream, list::print_json};

/// Counts for a while, and prints what messages cost by layer.
pub(crate) fn stats(port: &str, millis: u64, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let report: StatsReport = watch(&format!("{port}/.stats"), millis)?;
    if json {
        return print_json(&report, out);
    }
    let names = ["layer", "messages", "crossings", "translations", "copies", "maps", "looks", "µs"];
    print(names, report.rows.into_iter().map(costs), out)
}

/// Times requests for a while, and prints how long they took by layer.
pub(crate) fn latency(
    port: &str,
    millis: u64,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let report: LatencyReport = watch(&format!("{port}/.latency"), millis)?;
    if json {
        return print_json(&report, out);
    }
    let names = [
        "layer",
        "requests",
        "min ns",
        "median ns",
        "p90 ns",
        "p99 ns",
        "p99.9 ns",
        "max ns",
        "mean ns",
    ];
    let whole = times("whole request".into(), &report.requests);
    let layers = report.rows.into_iter().map(|row| times(row.layer, &row.time));
    print(names, std::iter::once(whole).chain(layers), out)
}

/// Holds figures open for a while, then reads them. The daemon keeps them as long as they are
/// open.
fn watch<T: DeserializeOwned>(path: &str, millis: u64) -> Result<T, Error> {
    let mut figures = Stream::open(path)?;
    std::thread::sleep(Duration::from_millis(millis));
    let mut text = vec![0; 1 << 20];
    let count = figures.read(&mut text).map_err(|why| Error::path("read", path, why))?;
    serde_json::from_slice(&text[..count])
        .map_err(|why| Error::path("understand", path, std::io::Error::from(why)))
}

/// A line of what drivers tell.
#[derive(Deserialize)]
struct Told<'a> {
    driver: &'a str,
    #[serde(borrow)]
    report: &'a RawValue,
}

/// Prints what drivers tell of themselves; of one, without its name.
pub(crate) fn trace(port: &str, driver: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    let path = format!("{port}/.trace");
    let mut text = Vec::new();
    copy::cat(&path, &mut text)?;
    let Some(driver) = driver else { return Ok(out.write_all(&text)?) };
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let told: Told<'_> = serde_json::from_slice(line)
            .map_err(|why| Error::path("understand", &path, std::io::Error::from(why)))?;
        if told.driver == driver {
            writeln!(out, "{}", told.report)?;
        }
    }
    Ok(())
}

fn costs(row: RowReport) -> Vec<String> {
    let counts = [row.messages, row.crossings, row.translations, row.copies, row.maps, row.looks];
    let counts = counts.map(|count| count.to_string());
    let time = (row.nanoseconds / 1000).to_string();
    [row.layer].into_iter().chain(counts).chain([time]).collect()
}

fn times(layer: String, time: &Spread) -> Vec<String> {
    let Spread { count, min, median, p90, p99, p99_9, max, mean } = time;
    let figures = [count, min, median, p90, p99, p99_9, max, mean].map(u64::to_string);
    [layer].into_iter().chain(figures).collect()
}

/// Prints rows, the first column a name and the others numbers.
fn print<const N: usize>(
    names: [&str; N],
    rows: impl Iterator<Item = Vec<String>>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(names).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}

/// Prints the plan of a description.
pub(crate) fn plan_of(file: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let text = std::fs::read_to_string(file)
        .map_err(|why| Error::path("read", &file.display().to_string(), why))?;
    let plan = portd::plan(&text).map_err(Error::Description)?;
    out.write_all(plan.draw().as_bytes())?;
    Ok(())
}
