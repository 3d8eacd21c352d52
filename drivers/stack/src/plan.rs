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

/// One of the drivers that a driver stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
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
    /// What it stands on, in the order of the description.
    pub on: Vec<On>,
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
        let neighbours = entry.neighbours();
        let found = neighbours.map(|(name, line)| find(&index, entry, name, line));
        below.push(found.collect::<Result<Vec<usize>, Fault>>()?);
    }
    let mut heights = Heights { entries: &entries, below: &below, known: vec![0; entries.len()] };
    for start in 0..entries.len() {
        heights.of(start, &mut Vec::new())?;
    }
    let mut sorted: Vec<(usize, Entry)> = heights.known.into_iter().zip(entries).collect();
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

/// How many layers each driver has, itself and the longest chain of neighbours below it.
struct Heights<'e> {
    entries: &'e [Entry],
    below: &'e [Vec<usize>],
    /// 0 where it is not known yet.
    known: Vec<usize>,
}

impl Heights<'_> {
    /// The height of `at`, to which `trail` leads from above.
    fn of(&mut self, at: usize, trail: &mut Vec<usize>) -> Result<usize, Fault> {
        if self.known[at] > 0 {
            return Ok(self.known[at]);
        }
        if trail.len() > MAX_LAYERS {
            return Err(self.too_high(trail[0]));
        }
        trail.push(at);
        let (mut most, below) = (0, self.below);
        for next in &below[at] {
            if trail.contains(next) {
                return Err(self.circle(trail, *next));
            }
            most = most.max(self.of(*next, trail)?);
        }
        trail.pop();
        if most == MAX_LAYERS {
            return Err(self.too_high(at));
        }
        self.known[at] = most + 1;
        Ok(most + 1)
    }

    fn circle(&self, trail: &[usize], next: usize) -> Fault {
        let start = trail.iter().position(|at| *at == next).unwrap_or_default();
        let names: Vec<&str> =
            trail[start..].iter().chain([&next]).map(|i| self.entries[*i].name.as_str()).collect();
        let reason = format!("goes in a circle: {}", names.join(" on "));
        Fault::new(self.entries[next].line, "on", reason)
            .hint("let one of them stand on something else")
    }

    fn too_high(&self, at: usize) -> Fault {
        let entry = &self.entries[at];
        let reason = format!("\"{}\" has more than {MAX_LAYERS} layers", entry.name);
        Fault::new(entry.line, "on", reason).hint("split the stack")
    }
}

impl Entry {
    /// The neighbours that it stands on, and where that is said.
    fn neighbours(&self) -> impl Iterator<Item = (&str, usize)> {
        self.on.iter().filter_map(|on| match on {
            On::Neighbour { name, line } => Some((name.as_str(), *line)),
            On::Across { .. } => None,
        })
    }

    /// The ports of other processes that it stands on.
    fn across(&self) -> impl Iterator<Item = &str> {
        let across = |on: &&On| matches!(on, On::Across { .. });
        self.on.iter().filter(across).map(On::place)
    }

    fn stands_on(&self, name: &str) -> bool {
        self.neighbours().any(|(below, _)| below == name)
    }
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
            let is_below = |domain: &Plan| entry.neighbours().any(|(name, _)| domain.has(name));
            let at = domains.iter().position(is_below).unwrap_or(domains.len());
            let mut home = Plan::default();
            for domain in domains.extract_if(at.., |domain| is_below(domain)) {
                home.entries.extend(domain.entries);
            }
            home.entries.push(entry.clone());
            domains.insert(at, home);
        }
        domains
    }

    /// True where a driver has this name.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// The ports of other processes that its drivers stand on, each once.
    pub fn across(&self) -> Vec<String> {
        let paths = self.entries.iter().flat_map(|entry| entry.across());
        let paths: BTreeSet<String> = paths.map(String::from).collect();
        paths.into_iter().collect()
    }

    /// The stack for people: what stands on what, and which edge crosses a boundary. What stands
    /// on several is drawn above each, and what stands on that above the first.
    pub fn draw(&self) -> String {
        let mut out = String::new();
        let mut drawn = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.neighbours().next().is_none()) {
            for path in entry.across() {
                let _ = writeln!(out, "{path}\n~~~ boundary: one translation each way ~~~");
            }
            self.draw_above(entry, 0, &mut drawn, &mut out);
        }
        out
    }

    fn draw_above<'p>(
        &'p self,
        entry: &'p Entry,
        depth: usize,
        drawn: &mut Vec<&'p str>,
        out: &mut String,
    ) {
        let (indent, mark) = (depth * 2, if depth > 0 { "on it: " } else { "" });
        let again = drawn.contains(&entry.name.as_str());
        let more = if again { ", see above" } else { "" };
        let _ = writeln!(out, "{:indent$}{mark}{} ({}){more}", "", entry.name, entry.kind.name);
        if again {
            return;
        }
        drawn.push(&entry.name);
        for path in entry.across().filter(|_| depth > 0) {
            let _ = writeln!(out, "{:indent$}  and on {path}, across a boundary", "");
        }
        for above in self.entries.iter().filter(|above| above.stands_on(&entry.name)) {
            self.draw_above(above, depth + 1, drawn, out);
        }
    }
}
