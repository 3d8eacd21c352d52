//! Kinds of drivers to describe.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use driver::{Kind, OptionKind, OptionSpec, Stands};

const fn option(key: &'static str, kind: OptionKind, help: &'static str) -> OptionSpec {
    OptionSpec { key, kind, required: false, help }
}

/// Takes an option of every type.
const PICKY: Kind = Kind {
    name: "picky",
    help: "a null device that is hard to please",
    stands: Stands::Alone,
    options: &[
        OptionSpec { required: true, ..option("size", OptionKind::Size, "how large") },
        option("count", OptionKind::Integer, "how many"),
        option("label", OptionKind::Text, "its label"),
        option("quiet", OptionKind::Flag, "say nothing"),
    ],
    make: |options, _, _| match options.text("label") {
        Some(label) => Err(format!("the label \"{label}\" is taken")),
        None => Ok(Arc::new(driver_null::Null)),
    },
};

/// Stands on several, and passes to the first.
const ROUND: Kind = Kind {
    name: "round",
    help: "a table with several legs",
    stands: Stands::OnSeveral,
    options: &[],
    make: |_, lower, _| Ok(Arc::new(driver_pass::Pass::new(lower[0].clone()))),
};

/// The kinds that the tests describe.
pub(crate) fn kinds() -> Vec<Kind> {
    vec![driver_null::KIND, driver_pass::KIND, PICKY, ROUND]
}

/// A driver on several.
pub(crate) fn round(name: &str, on: &[&str]) -> String {
    format!("[[driver]]\nname = {name:?}\nkind = \"round\"\non = {on:?}\n")
}

/// A layer that does nothing, in four lines.
pub(crate) fn pass(name: &str, on: &str) -> String {
    format!("[[driver]]\nname = {name:?}\nkind = \"pass\"\non = {on:?}\n")
}
