//! A checked description: what stands on what.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec,
    vec::Vec,
};
use core::fmt::Write;

use driver::{Kind, Options};

use crate::fault::{Fault, nearest};

/// What a driver stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// Nothing.
    Nothing,
    /// A driver of the same description and process.
    Neighbour {
        /// Its name.
        name: String,
        /// Where that is said.
        line: usize,
    },
    /// A port of another process.
    Across {
        /// Its path.
        path: String,
        /// Where that is said.
        line: usize,
    },
}

/// A driver of a plan.
#[derive(Clone)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// What it stands on.
    pub on: On,
    /// Its options, checked against the kind.
    pub options: Options,
    /// The line where it begins.
    pub line: usize,
}

/// Drivers in order: each comes after the one that it stands on.
#[derive(Clone, Default)]
pub struct Plan {
    entries: Vec<Entry>,
}

/// Longest chain of neighbours: each layer may need a completion frame.
pub(crate) const MAX_LAYERS: usize = 8;

/// Puts entries in order. Names that nobody has, cycles and chains that are too long are faults.
pub(crate) fn order(entries: Vec<Entry>) -> Result<Plan, Fault> {
    let index: BTreeMap<&str, usize> =
        entries.iter().enumerate().map(|(i, entry)| (entry.name.as_str(), i)).collect();
    let mut below = Vec::new();
    for entry in &entries {
        below.push(match &entry.on {
            On::Neighbour { name, line } => Some(find(&index, entry, name, *line)?),
            _ => None,
        });
    }
    let mut depths = Vec::new();
    for start in 0..entries.len() {
        depths.push(depth(&entries, &below, start)?);
    }
    let mut sorted: Vec<(usize, Entry)> = depths.into_iter().zip(entries).collect();
    sorted.sort_by_key(|(depth, _)| *depth);
    Ok(Plan { entries: sorted.into_iter().map(|(_, entry)| entry).collect() })
}

fn find(
    index: &BTreeMap<&str, usize>,
    entry: &Entry,
    name: &str,
    line: usize,
) -> Result<usize, Fault> {
    index.get(name).copied().ok_or_else(|| {
        let others = index.keys().copied().filter(|other| *other != entry.name);
        let hint = match nearest(name, others) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "name a driver of this description, or a path such as \"/scheme/…\"".into(),
        };
        Fault::new(line, "on", format!("no driver is called \"{name}\"")).hint(hint)
    })
}

/// How many neighbours there are below.
fn depth(entries: &[Entry], below: &[Option<usize>], start: usize) -> Result<usize, Fault> {
    let (mut at, mut trail) = (start, vec![start]);
    while let Some(next) = below[at] {
        let entry = &entries[start];
        if trail.contains(&next) {
            let names: Vec<&str> =
                trail.iter().chain([&next]).map(|i| entries[*i].name.as_str()).collect();
            return Err(Fault::new(
                entry.line,
                "on",
                format!("goes in a circle: {}", names.join(" on ")),
            )
            .hint("let one of them stand on something else"));
        }
        if trail.len() == MAX_LAYERS {
            let reason = format!("\"{}\" has more than {MAX_LAYERS} layers", entry.name);
            return Err(Fault::new(entry.line, "on", reason).hint("split the stack"));
        }
        trail.push(next);
        at = next;
    }
    Ok(trail.len())
}

impl Plan {
    /// The drivers, bottom first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The drivers that share a process: each plan holds what is connected by neighbour edges.
    pub fn domains(&self) -> Vec<Plan> {
        let mut domains: Vec<Plan> = Vec::new();
        for entry in &self.entries {
            let home = match &entry.on {
                On::Neighbour { name, .. } => domains.iter_mut().find(|domain| domain.has(name)),
                _ => None,
            };
            match home {
                Some(domain) => domain.entries.push(entry.clone()),
                None => domains.push(Plan { entries: vec![entry.clone()] }),
            }
        }
        domains
    }

    /// True where a driver has this name.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// The ports of other processes that its drivers stand on, each once.
    pub fn across(&self) -> Vec<String> {
        let paths = self.entries.iter().filter_map(|entry| match &entry.on {
            On::Across { path, .. } => Some(path.clone()),
            _ => None,
        });
        paths.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The stack for people: what stands on what, and which edge crosses a boundary.
    pub fn draw(&self) -> String {
        let mut out = String::new();
        let base = |entry: &&Entry| !matches!(entry.on, On::Neighbour { .. });
        for entry in self.entries.iter().filter(base) {
            if let On::Across { path, .. } = &entry.on {
                let _ = writeln!(out, "{path}\n~~~ boundary: one translation each way ~~~");
            }
            self.draw_above(entry, 0, &mut out);
        }
        out
    }

    fn draw_above(&self, entry: &Entry, depth: usize, out: &mut String) {
        let (indent, mark) = (depth * 2, if depth > 0 { "on it: " } else { "" });
        let _ = writeln!(out, "{:indent$}{mark}{} ({})", "", entry.name, entry.kind.name);
        for above in &self.entries {
            if matches!(&above.on, On::Neighbour { name, .. } if *name == entry.name) {
                self.draw_above(above, depth + 1, out);
            }
        }
    }
}
