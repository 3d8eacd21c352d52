//! `stats` and `plan`.

use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use service::{RowReport, StatsReport};

use crate::{error::Error, file::Stream, list::print_json};

/// Counts for a while, and prints what messages cost by layer.
pub(crate) fn stats(port: &str, millis: u64, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let path = format!("{port}/.stats");
    // The daemon counts while this is open.
    let mut figures = Stream::open(&path)?;
    std::thread::sleep(Duration::from_millis(millis));
    let mut text = vec![0; 1 << 20];
    let count = figures.read(&mut text).map_err(|why| Error::path("read", &path, why))?;
    let report: StatsReport = serde_json::from_slice(&text[..count])
        .map_err(|why| Error::path("understand", &path, std::io::Error::from(why)))?;
    if json {
        return print_json(&report, out);
    }
    print(&report.rows, out)
}

fn print(rows: &[RowReport], out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "layer",
        "messages",
        "crossings",
        "translations",
        "copies",
        "maps",
        "looks",
        "µs",
    ]);
    for row in rows {
        let counts =
            [row.messages, row.crossings, row.translations, row.copies, row.maps, row.looks];
        let mut cells = vec![row.layer.clone()];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push((row.nanoseconds / 1000).to_string());
        table.add_row(cells);
    }
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
