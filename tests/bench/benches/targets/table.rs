//! What was measured, beside its target: as a table, or as JSON.

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use crate::rounds::Samples;

/// What a measure has to reach.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// At most so many times the best peer.
    Ratio(f64),
    /// At most so much more than the best peer.
    More(f64),
    /// At most so much.
    AtMost(f64),
}

/// A figure, and of what.
#[derive(Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64) -> Figure {
        Figure { name: name.into(), value }
    }
}

impl From<&Samples> for Figure {
    fn from(samples: &Samples) -> Figure {
        Figure::new(samples.name, samples.median)
    }
}

/// A line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    measure: &'static str,
    unit: &'static str,
    ours: Option<f64>,
    peer: Option<Figure>,
    /// Of the medians.
    ratio: Option<f64>,
    /// The median of the rounds' ratios.
    by_round: Option<f64>,
    target: Option<Target>,
    met: Option<bool>,
    note: String,
}

impl Row {
    /// A measure of which there is no figure yet.
    pub(crate) fn new(measure: &'static str, unit: &'static str) -> Row {
        let note = String::new();
        let (ours, peer, ratio, by_round, target, met) = (None, None, None, None, None, None);
        Row { measure, unit, ours, peer, ratio, by_round, target, met, note }
    }

    /// Times, ours and those of the best peer.
    pub(crate) fn times(measure: &'static str, ours: &Samples, peer: &Samples) -> Row {
        let row = Row::new(measure, "ns").ours(ours.median).peer(peer.into());
        Row { by_round: Some(ours.times(peer)), ..row }
    }

    pub(crate) fn ours(self, value: f64) -> Row {
        Row { ours: Some(value), ..self }
    }

    pub(crate) fn peer(self, peer: Figure) -> Row {
        let ratio = self.ours.map(|ours| ours / peer.value);
        Row { peer: Some(peer), ratio, ..self }
    }

    pub(crate) fn target(self, target: Target) -> Row {
        let met = match target {
            Target::Ratio(most) => self.ratio.map(|ratio| ratio <= most),
            Target::More(most) => self.more().map(|more| more <= most),
            Target::AtMost(most) => self.ours.map(|ours| ours <= most),
        };
        Row { target: Some(target), met, ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Row {
        Row { note: note.into(), ..self }
    }

    fn value(&self, value: Option<f64>) -> String {
        format!("{} {}", number(value), self.unit)
    }

    fn more(&self) -> Option<f64> {
        Some(self.ours? - self.peer.as_ref()?.value)
    }

    fn target_text(&self) -> String {
        match self.target {
            None => "–".into(),
            Some(Target::Ratio(most)) => format!("≤ {most}"),
            Some(Target::More(most)) => format!("≤ {most} more"),
            Some(Target::AtMost(most)) => format!("≤ {}", self.value(Some(most))),
        }
    }

    fn cells(&self) -> [String; 9] {
        let met = match (self.target, self.met) {
            (None, _) => "",
            (_, None) => "?",
            (_, Some(true)) => "met",
            (_, Some(false)) => "NOT met",
        };
        [
            self.measure.into(),
            self.value(self.ours),
            self.peer.as_ref().map_or_else(String::new, |peer| peer.name.clone()),
            self.peer.as_ref().map_or_else(String::new, |peer| self.value(Some(peer.value))),
            ratio(self.ratio),
            ratio(self.by_round),
            self.target_text(),
            met.into(),
            self.note.clone(),
        ]
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(String::new, |ratio| format!("{ratio:.3}"))
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.fract() == 0.0 || value >= 1000.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// All that was measured.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
    ways: Vec<(&'static str, Vec<Samples>)>,
}

impl Report {
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Every way of a run, for those who want to see more than the best.
    pub(crate) fn ways(&mut self, run: &'static str, ways: Vec<Samples>) {
        self.ways.push((run, ways));
    }

    pub(crate) fn table(&self) -> Table {
        let head =
            ["measure", "ours", "best peer", "peer", "ratio", "by round", "target", "", "note"];
        let rows = self.rows.iter().map(Row::cells);
        table(&head.map(String::from), rows.map(Vec::from), &[1, 3, 4, 5])
    }

    pub(crate) fn ways_table(&self) -> Table {
        let head = ["run", "way", "median", "quartiles", "ns"].map(String::from);
        let cells = |run: &str, way: &Samples| {
            let [low, high] = way.quartiles.map(|value| number(Some(value)));
            vec![run.into(), way.name.into(), number(Some(way.median)), low, high]
        };
        let rows = self.ways.iter().flat_map(|(run, ways)| ways.iter().map(|way| cells(run, way)));
        table(&head, rows, &[2, 3, 4])
    }
}

fn table(head: &[String], rows: impl Iterator<Item = Vec<String>>, right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(head);
    table.add_rows(rows);
    for (at, column) in table.column_iter_mut().enumerate() {
        if right.contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
