//! From the text of a description to a checked plan.

use alloc::{format, string::String, string::ToString, vec, vec::Vec};

use driver::{Kind, Options, Stands};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    fault::{Fault, nearest},
    plan::{Entry, On, Plan, order},
    value,
};

/// Keys that every driver has.
const COMMON: [&str; 3] = ["name", "kind", "on"];

/// Checks a description and puts its drivers in order, bottom first.
///
/// The first thing that is wrong is the error: syntax, an unknown key, kind or option, a wrong
/// type, a missing option, two drivers with one name, a driver that stands on nothing, on
/// something unknown or on itself.
pub fn parse(text: &str, kinds: &[Kind]) -> Result<Plan, Fault> {
    let source = Source { text };
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| source.line(span.start));
        Fault::new(line, "syntax", error.message().trim())
    })?;
    let mut entries: Vec<Entry> = Vec::new();
    for (key, value) in root.get_ref().iter() {
        if key.get_ref() != "driver" {
            return Err(source
                .fault(key.span().start, key.get_ref(), "is no key of a description")
                .hint("a driver is written as [[driver]] with name and kind"));
        }
        for table in source.tables(value)? {
            let entry = source.entry(table, kinds)?;
            if let Some(first) = entries.iter().find(|other| other.name == entry.name) {
                let reason = format!("\"{}\" is the name of two drivers", entry.name);
                return Err(Fault::new(entry.line, "name", reason)
                    .hint(format!("the first is at line {}; rename one", first.line)));
            }
            entries.push(entry);
        }
    }
    order(entries)
}

struct Source<'t> {
    text: &'t str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1
    }

    fn fault(&self, at: usize, key: &str, reason: impl Into<String>) -> Fault {
        Fault::new(self.line(at), key, reason)
    }

    fn tables<'v, 'i>(
        &self,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<Vec<(usize, &'v DeTable<'i>)>, Fault> {
        let wrong = || {
            self.fault(value.span().start, "driver", "is not a list of tables")
                .hint("write [[driver]], with two brackets")
        };
        let DeValue::Array(list) = value.get_ref() else { return Err(wrong()) };
        list.iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok((item.span().start, table)),
                _ => Err(wrong()),
            })
            .collect()
    }

    fn entry(&self, (at, table): (usize, &DeTable<'_>), kinds: &[Kind]) -> Result<Entry, Fault> {
        let name = self.text_of(table, "name")?.ok_or_else(|| {
            self.fault(at, "name", "is missing").hint("every driver needs a name")
        })?;
        self.check_name(&name)?;
        let kind = self.kind(at, table, kinds)?;
        let on = self.on(at, table, &kind)?;
        let options = self.options(at, table, &kind)?;
        Ok(Entry { name: name.1, kind, on, options, line: self.line(at) })
    }

    fn check_name(&self, (at, name): &(usize, String)) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.is_empty() && !name.starts_with('.') && name.chars().all(good) {
            return Ok(());
        }
        Err(self
            .fault(*at, "name", format!("\"{name}\" can't be a name"))
            .hint("use letters, digits, -, _ and . and begin with none of the dots"))
    }

    fn text_of(&self, table: &DeTable<'_>, key: &str) -> Result<Option<(usize, String)>, Fault> {
        let Some(value) = table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some((value.span().start, text.to_string()))),
            _ => Err(self
                .fault(value.span().start, key, "is not a text")
                .hint("write it between quotes")),
        }
    }

    fn kind(&self, at: usize, table: &DeTable<'_>, kinds: &[Kind]) -> Result<Kind, Fault> {
        let known = || {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
            format!("the kinds are {}", names.join(", "))
        };
        let (at, name) = self
            .text_of(table, "kind")?
            .ok_or_else(|| self.fault(at, "kind", "is missing").hint(known()))?;
        kinds.iter().find(|kind| kind.name == name).copied().ok_or_else(|| {
            let hint = match nearest(&name, kinds.iter().map(|kind| kind.name)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => known(),
            };
            self.fault(at, "kind", format!("no kind of driver is called \"{name}\"")).hint(hint)
        })
    }

    fn on(&self, at: usize, table: &DeTable<'_>, kind: &Kind) -> Result<Vec<On>, Fault> {
        let missing = |how: &str| {
            self.fault(at, "on", format!("is missing: a {} stands on {how}", kind.name))
        };
        match (table.get("on"), kind.stands) {
            (None, Stands::Alone) => Ok(Vec::new()),
            (None, Stands::OnOne) => Err(missing("another").hint(
                "say on = \"name\" for a driver here, on = \"/scheme/…\" for another process",
            )),
            (None, Stands::OnSeveral) => {
                Err(missing("several").hint("say on = [\"one\", \"other\"], in their order"))
            }
            (Some(value), Stands::Alone) => Err(self
                .fault(value.span().start, "on", format!("a {} stands on nothing", kind.name))
                .hint("leave it out")),
            (Some(value), Stands::OnOne) => Ok(vec![self.on_one(value, kind)?]),
            (Some(value), Stands::OnSeveral) => self.on_several(value, kind),
        }
    }

    fn on_one(&self, value: &Spanned<DeValue<'_>>, kind: &Kind) -> Result<On, Fault> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => Ok(self.on_name(at, text)),
            DeValue::Array(_) => Err(self
                .fault(at, "on", format!("is a list, but a {} stands on one driver", kind.name))
                .hint("name that one, without brackets")),
            _ => Err(self.fault(at, "on", "is not a text").hint("write it between quotes")),
        }
    }

    fn on_several(&self, value: &Spanned<DeValue<'_>>, kind: &Kind) -> Result<Vec<On>, Fault> {
        let few = || {
            self.fault(value.span().start, "on", format!("a {} stands on two or more", kind.name))
                .hint("write a list: on = [\"one\", \"other\"]")
        };
        let DeValue::Array(list) = value.get_ref() else { return Err(few()) };
        let mut several: Vec<On> = Vec::new();
        for item in list.iter() {
            let on = self.on_one(item, kind)?;
            if several.iter().any(|other| other.place() == on.place()) {
                let reason = format!("names \"{}\" twice", on.place());
                return Err(self
                    .fault(item.span().start, "on", reason)
                    .hint("each has to be another's"));
            }
            several.push(on);
        }
        if several.len() < 2 { Err(few()) } else { Ok(several) }
    }

    fn on_name(&self, at: usize, text: &str) -> On {
        let line = self.line(at);
        match text.starts_with('/') {
            true => On::Across { path: text.into(), line },
            false => On::Neighbour { name: text.into(), line },
        }
    }

    fn options(&self, at: usize, table: &DeTable<'_>, kind: &Kind) -> Result<Options, Fault> {
        let mut options = Options::default();
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            if COMMON.contains(&name) {
                continue;
            }
            let spec = kind.options.iter().find(|spec| spec.key == name);
            let spec = spec.ok_or_else(|| self.unknown_option(key.span().start, name, kind))?;
            let value = value::option(value.get_ref(), spec.kind).map_err(|reason| {
                self.fault(value.span().start, name, reason).hint(format!(
                    "{}: {}",
                    spec.kind.name(),
                    spec.help
                ))
            })?;
            options.set(name, value);
        }
        let given = |key: &str| table.get(key).is_some();
        match kind.options.iter().find(|spec| spec.required && !given(spec.key)) {
            Some(spec) => Err(self
                .fault(at, spec.key, format!("is missing: a {} needs it", kind.name))
                .hint(format!("{}: {}", spec.kind.name(), spec.help))),
            None => Ok(options),
        }
    }

    fn unknown_option(&self, at: usize, name: &str, kind: &Kind) -> Fault {
        let keys = || kind.options.iter().map(|spec| spec.key);
        let hint = match nearest(name, keys().chain(COMMON)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if kind.options.is_empty() => "it takes none".to_string(),
            None => format!("it takes {}", keys().collect::<Vec<_>>().join(", ")),
        };
        self.fault(at, name, format!("is no option of a {}", kind.name)).hint(hint)
    }
}
