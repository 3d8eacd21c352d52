//! The table of errors, against what is run.

use crate::errors::stacks;

/// Files whose checks say by their names on which stacks they run.
const FILES: [&str; 4] = ["disks::", "files::", "odd::", "users::"];

#[test]
fn each_check_runs_on_the_drivers_that_the_table_names_it_for() {
    let page = include_str!("../../../../docs/errors.md");
    let stacks: Vec<_> = stacks::all().into_iter().chain(stacks::of_users()).collect();
    let kinds = portd::kinds();
    let mut seen = 0;
    for section in page.split("\n### `").skip(1) {
        let (driver, table) = section.split_once('`').expect("the name ends");
        // What others use is no kind of its own.
        if !kinds.iter().any(|kind| kind.name == driver) {
            continue;
        }
        let kind = format!("kind = \"{driver}\"\n");
        let words = table.split('`').filter(|word| FILES.iter().any(|file| word.starts_with(file)));
        for check in words {
            let runs = |stack: &stacks::Stack| stack.name == check && stack.text.contains(&kind);
            assert!(stacks.iter().any(runs), "{check} does not run on {driver}");
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
}
