//! The tutorial shows what is compiled and run, and keeps its promise of forty lines.

use std::{fs, path::Path};

const PAGE: &str = "docs/your-driver.md";
const LINES: usize = 40;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files that a page names in comments, each with the block of code that follows.
fn shown(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("<!-- ").skip(1);
    parts
        .map(|part| {
            let (file, rest) = part.split_once(" -->\n```rust\n").expect("code follows the name");
            (file, rest.split_once("```\n").expect("the code ends").0)
        })
        .collect()
}

#[test]
fn the_tutorial_s_code_is_the_example_s() {
    let page = read(PAGE);
    let shown = shown(&page);
    assert_eq!(shown.len(), page.matches("```rust").count(), "a block that names no file");
    assert_eq!(shown.len(), 4);
    for (file, code) in shown {
        assert_eq!(code, read(file), "{PAGE} shows another {file}");
    }
}

#[test]
fn a_driver_of_your_own_has_forty_lines() {
    let lines = read("examples/tally/src/lib.rs").lines().count();
    assert!(lines <= LINES, "{lines}");
}
