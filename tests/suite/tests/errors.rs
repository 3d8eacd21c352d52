//! The tables of errors say all that the sources say, and name checks that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = "docs/errors.md";
const CHECKS: &str = "tests/conformance/tests/conformance";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder and of those in it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Words that look like an errno's name and follow `mark`.
fn after<'t>(text: &'t str, mark: &str) -> BTreeSet<&'t str> {
    let word = |rest: &'t str| {
        let end = rest.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(rest.len());
        &rest[..end]
    };
    let words = text.split(mark).skip(1).map(word);
    words.filter(|word| word.starts_with('E') && !matches!(*word, "E" | "END" | "EMPTY")).collect()
}

/// Errnos that a source names, but for its tests: in the code, and in what is said of it.
fn named(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let docs: String = source.lines().filter(|line| line.contains("//")).collect();
    let all = after(source, "Errno::").into_iter().chain(after(&docs, "`"));
    all.map(str::to_string).collect()
}

/// A section of the page: its table's rows, a cell each.
fn rows<'p>(page: &'p str, heading: &str) -> Vec<Vec<&'p str>> {
    let section = page.split(&format!("\n{heading}\n")).nth(1).unwrap_or_default();
    let section = section.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Checks by `file::function`: what they do.
fn checks() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files(&root().join(CHECKS)) {
        let file = path.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
        let text = read(&path);
        for function in text.split("\nfn ").skip(1).chain(text.split("\npub(super) fn ").skip(1)) {
            let name = function.split(['(', '<']).next().unwrap_or_default();
            let body = function.split("\n}\n").next().unwrap_or_default();
            found.insert(format!("{file}::{name}"), body.to_string());
        }
    }
    found
}

/// Each errno of a row is in each check of it, or there is a reason why there is none.
fn hold(checks: &BTreeMap<String, String>, errno: &str, cell: &str) {
    if let Some(reason) = cell.strip_prefix("– ") {
        assert!(reason.len() > 15, "{errno}: {cell}");
        return;
    }
    for check in cell.split(", ").map(|check| check.trim_matches('`')) {
        let body = checks.get(check).unwrap_or_else(|| panic!("{errno}: there is no {check}"));
        let asks = |body: &String| body.contains(&format!("Errno::{errno}"));
        let (file, _) = check.split_once("::").expect("file::function");
        // What it calls in the same file is part of it.
        let called = |name: &str| {
            let (of, function) = name.split_once("::").unwrap_or_default();
            of == file && body.contains(&format!("{function}("))
        };
        let parts = checks.iter().filter(|(name, _)| called(name)).map(|(_, body)| body);
        let found = parts.chain([body]).any(asks);
        assert!(found, "{check} does not ask for {errno}");
    }
}

fn errno(cell: &str) -> String {
    cell.trim_matches('`').to_string()
}

#[test]
fn each_errno_that_a_driver_names_is_in_its_table() {
    let (page, checks) = (read(&root().join(PAGE)), checks());
    let mut seen = 0;
    for dir in fs::read_dir(root().join("drivers")).expect("there are drivers") {
        let dir = dir.expect("it can be listed").path();
        let driver = dir.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let sources =
            files(&dir.join("src")).into_iter().filter(|path| !path.ends_with("tests.rs"));
        let named: BTreeSet<String> = sources.flat_map(|path| named(&read(&path))).collect();
        let rows = rows(&page, &format!("### `{driver}`"));
        let told: BTreeSet<String> = rows.iter().map(|row| errno(row[0])).collect();
        let missing: Vec<_> = named.difference(&told).collect();
        assert!(missing.is_empty(), "{PAGE}, {driver}: {missing:?} are named in its source");
        for row in rows {
            hold(&checks, &errno(row[0]), row[2]);
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_an_operation_says_of_its_errors_is_its_table() {
    let (page, checks) = (read(&root().join(PAGE)), checks());
    let source = read(&root().join("drivers/driver/src/op.rs"));
    let body = source.split("pub enum Op {").nth(1).and_then(|rest| rest.split("\n}\n").next());
    let (mut said, mut docs, mut operation) = (BTreeSet::new(), String::new(), "");
    for line in body.expect("the operations").lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs += doc;
            continue;
        }
        // What is said of a field is said of the operation.
        if line.starts_with(char::is_uppercase) {
            operation = line.trim_end_matches([',', '{', ' ']);
        }
        let errnos = after(&docs, "`").into_iter().map(str::to_string);
        said.extend(errnos.map(|errno| (operation.to_string(), errno)));
        docs.clear();
    }
    assert!(said.len() > 30, "{}", said.len());
    let rows = rows(&page, "## Operations");
    let told: BTreeSet<_> = rows.iter().map(|row| (errno(row[0]), errno(row[1]))).collect();
    let missing: Vec<_> = said.difference(&told).collect();
    assert!(missing.is_empty(), "{PAGE}: {missing:?}");
    rows.iter().for_each(|row| hold(&checks, &errno(row[1]), row[2]));
}
