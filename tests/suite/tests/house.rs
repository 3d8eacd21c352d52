//! The house rules that a machine can check: what may depend on what, where unsafe code sits,
//! that drivers do not know where they run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The modules with unsafe code. A new one is a decision, and a line here.
const UNSAFE: &[&str] = &[
    "agent/src/access.rs",
    "agent/src/call.rs",
    "agent/src/chain.rs",
    "agent/src/contain.rs",
    "agent/src/data.rs",
    "agent/src/direct.rs",
    "agent/src/ending.rs",
    "agent/src/engine.rs",
    "agent/src/fan.rs",
    "agent/src/flight.rs",
    "agent/src/frames.rs",
    "agent/src/gate.rs",
    "agent/src/guard.rs",
    "agent/src/heap.rs",
    "agent/src/home.rs",
    "agent/src/inbox.rs",
    "agent/src/intake.rs",
    "agent/src/join.rs",
    "agent/src/keeper.rs",
    "agent/src/kept.rs",
    "agent/src/mailbox.rs",
    "agent/src/pending.rs",
    "agent/src/queue.rs",
    "agent/src/record.rs",
    "agent/src/request.rs",
    "agent/src/ring.rs",
    "agent/src/scheme.rs",
    "agent/src/send.rs",
    "agent/src/serialized.rs",
    "agent/src/shared.rs",
    "agent/src/spin_port.rs",
    "agent/src/sync.rs",
    "agent/src/window.rs",
    "drivers/redoxfs-disk/src/lib.rs",
    "scheme/portd/src/signal.rs",
    "scheme/service/src/beside.rs",
    "scheme/service/src/socket/ask.rs",
    "scheme/service/src/socket/mod.rs",
];

/// The one driver crate that holds a foreign trait's `unsafe fn`s.
const ADAPTER: &str = "redoxfs-disk";

/// Lines of a source file, tests not counted.
const LONGEST: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    list.map(|entry| entry.unwrap().path()).collect()
}

/// The folders of the crates below a top-level folder: itself, or one a crate.
fn crates(top: &str) -> Vec<PathBuf> {
    let dir = root().join(top);
    let mut found: Vec<PathBuf> = entries(&dir).into_iter().chain([dir]).collect();
    found.retain(|dir| dir.join("Cargo.toml").is_file());
    assert!(!found.is_empty(), "no crate in {top}");
    found
}

/// A source file: its path from the root, and its lines without comments and tests.
struct Source {
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source { path: path.into(), lines: code(text) }
    }

    fn has_word(&self, word: &str) -> bool {
        self.lines.iter().any(|line| has_word(line, word))
    }
}

/// The sources of the crates below the top-level folders `tops`.
fn sources(tops: &[&str]) -> Vec<Source> {
    let mut dirs: Vec<PathBuf> =
        tops.iter().flat_map(|top| crates(top)).map(|dir| dir.join("src")).collect();
    let mut found = Vec::new();
    while let Some(dir) = dirs.pop() {
        for path in entries(&dir) {
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
            {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_string();
                found.push(Source::new(&name, &read(&path)));
            }
        }
    }
    found
}

/// What is compiled into the library: no comments, no tests. Tests come last in a file; before
/// them, `#[cfg(test)]` stands above a single line.
fn code(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut code = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            code.push(line.to_string());
        } else if lines.next().is_none_or(|next| !next.trim_end().ends_with(';')) {
            break;
        }
    }
    code
}

/// True where `word` stands in the line as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let after = &line[at + word.len()..];
        !line[..at].ends_with(part) && !after.starts_with(part)
    })
}

fn assert_none(found: Vec<String>, what: &str) {
    assert!(found.is_empty(), "{what}: {}", found.join(", "));
}

#[test]
fn the_rules_here_see_a_breach() {
    let text = "//! std::fs\n#[cfg(test)]\nextern crate std;\nuse std::fs;\nunsafe { f() }\n\
                #![deny(unsafe_code)]\n#[cfg(test)]\nmod tests {\n use std::io;\n}\n";
    let source = Source::new("x.rs", text);
    assert_eq!(source.lines.len(), 4);
    assert!(source.has_word("std") && source.has_word("unsafe"));
    assert!(!source.has_word("io"));
    assert!(!has_word("#![deny(unsafe_code)]", "unsafe"));
}

#[test]
fn no_driver_knows_its_system_or_placement() {
    let marks = ["cfg", "cfg_attr", "std"];
    let knows = |source: &Source| marks.iter().any(|mark| source.has_word(mark));
    let drivers = sources(&["drivers"]);
    let found = drivers.iter().filter(|source| knows(source)).map(|source| source.path.clone());
    assert_none(found.collect(), "cfg or std in a driver");
}

#[test]
fn no_driver_has_features_to_be_placed_by() {
    let featured = |dir: &PathBuf| manifest(dir).contains_key("features");
    let found = crates("drivers").into_iter().filter(featured);
    assert_none(found.map(|dir| dir.display().to_string()).collect(), "features of a driver");
}

#[test]
fn drivers_are_no_std_and_forbid_unsafe_code() {
    for dir in crates("drivers") {
        let path = dir.join("src/lib.rs");
        let text = read(&path);
        let adapter = dir.ends_with(ADAPTER);
        let level = if adapter { "#![deny(unsafe_code)]" } else { "#![forbid(unsafe_code)]" };
        for needed in ["#![no_std]", level] {
            let there = text.lines().any(|line| line == needed);
            assert!(there, "{} lacks {needed}", path.display());
        }
        let allowed = text.matches("allow(unsafe_code").count();
        assert_eq!(allowed, usize::from(adapter), "{} lets unsafe code in", path.display());
    }
}

#[test]
fn unsafe_code_sits_in_the_named_modules_only() {
    let sources = sources(&["agent", "drivers", "scheme"]);
    let mut found: Vec<&str> = sources
        .iter()
        .filter(|source| source.has_word("unsafe"))
        .map(|source| source.path.as_str())
        .collect();
    found.sort_unstable();
    assert_eq!(found, UNSAFE, "found on the left, named on the right");
}

#[test]
fn no_source_file_is_too_long() {
    let sources = sources(&["agent", "drivers", "scheme"]);
    let long = sources.iter().filter(|source| source.lines.len() > LONGEST);
    assert_none(long.map(|source| source.path.clone()).collect(), "more than 500 lines");
}

fn manifest(dir: &Path) -> toml::Table {
    let path = dir.join("Cargo.toml");
    read(&path).parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn package(manifest: &toml::Table) -> String {
    manifest["package"]["name"].as_str().unwrap().to_string()
}

/// What a crate is built with: dependencies for any target, not those of its tests.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|all| all.values()).filter_map(|one| one.as_table());
    let tables = [manifest].into_iter().chain(targets);
    let kinds = ["dependencies", "build-dependencies"];
    let lists = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)));
    let lists: Vec<_> = lists.filter_map(toml::Value::as_table).collect();
    let name = |(key, value): (&String, &toml::Value)| {
        value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_string()
    };
    lists.into_iter().flatten().map(name).collect()
}

/// The workspace's crates, by name: their top-level folders.
fn members() -> BTreeMap<String, &'static str> {
    let tops = ["agent", "drivers", "scheme", "tests"];
    let of = |top: &'static str| crates(top).into_iter().map(move |dir| (dir, top));
    tops.into_iter().flat_map(of).map(|(dir, top)| (package(&manifest(&dir)), top)).collect()
}

/// Crates of `top` that are built with a workspace crate that `allowed` says no to.
fn strays(top: &str, allowed: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let members = members();
    let mut found = Vec::new();
    for manifest in crates(top).iter().map(|dir| manifest(dir)) {
        for name in dependencies(&manifest) {
            if members.get(&name).is_some_and(|folder| !allowed(&name, folder)) {
                found.push(format!("{} on {name}", package(&manifest)));
            }
        }
    }
    found
}

#[test]
fn dependencies_point_one_way() {
    assert_none(strays("agent", |_, _| false), "agent stands on nothing of the workspace");
    let below = ["agent", "driver", ADAPTER];
    assert_none(strays("drivers", |name, _| below.contains(&name)), "a driver depends");
    assert_none(strays("scheme", |_, folder| folder != "tests"), "scheme depends");
}

#[test]
fn dependencies_are_found_in_every_table() {
    let text = "[dependencies]\na = \"1\"\nb = { package = \"c\" }\n[dev-dependencies]\nd = \"1\"\n\
                [target.'cfg(unix)'.dependencies]\ne.workspace = true\n";
    assert_eq!(dependencies(&text.parse().unwrap()), ["a", "c", "e"]);
}

#[test]
fn the_readme_begins_with_what_for_whom_and_where() {
    let text = read(&root().join("README.md"));
    let head = text.lines().take(10).collect::<Vec<_>>().join("\n");
    let marks = ["Redox", "For ", "`agent/`", "`drivers/`", "`scheme/`", "`recipe/`", "`tests/`"];
    let missing = marks.iter().filter(|mark| !head.contains(**mark));
    assert_none(missing.map(ToString::to_string).collect(), "not in the first ten lines");
}

#[test]
fn the_commands_that_the_readme_gives_are_the_ones_that_ci_runs() {
    let (readme, ci) = (read(&root().join("README.md")), read(&root().join(".ci/run")));
    for command in ["cargo run --release -- demo", "cargo test --workspace"] {
        assert!(readme.contains(command), "README.md lacks {command}");
        assert!(ci.contains(command), ".ci/run lacks {command}");
    }
}

/// The tests that a text names as `file::test`.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let pairs = words.filter_map(|word| word.split_once("::"));
    pairs.filter(|(_, test)| test.matches('_').count() > 2 && !test.contains(':')).collect()
}

#[test]
fn the_tests_that_the_parity_table_names_are_there() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let table = text.split("## Parity with DragonFly's ports").nth(1).expect("the section");
    let named = named_tests(table.split("\n## ").next().unwrap_or_default());
    assert!(named.len() > 40, "{}", named.len());
    let missing = named.into_iter().filter(|(file, test)| {
        let path = root().join(format!("agent/tests/{file}.rs"));
        !fs::read_to_string(path).unwrap_or_default().contains(&format!("fn {test}("))
    });
    assert_none(missing.map(|(file, test)| format!("{file}::{test}")).collect(), "no such test");
}

#[test]
fn the_tests_that_the_table_of_misuse_names_are_there() {
    let text = read(&root().join("docs/ports.md"));
    let table = text.split("## Misuse").nth(1).expect("the section");
    let named = named_tests(table.split("\n## ").next().unwrap_or_default());
    assert!(named.len() > 20, "{}", named.len());
    let places = ["scheme/portd/tests/ports", "tests/smoke/tests/smoke/ports"];
    let has = |place: &str, file: &str, test: &str| {
        let text = fs::read_to_string(root().join(place).join(format!("{file}.rs")));
        text.unwrap_or_default().contains(&format!("fn {test}("))
    };
    let missing =
        named.into_iter().filter(|(file, test)| !places.iter().any(|place| has(place, file, test)));
    assert_none(missing.map(|(file, test)| format!("{file}::{test}")).collect(), "no such test");
}
