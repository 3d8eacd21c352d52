//! What people write: descriptions of stacks, and command lines.
#![cfg(not(target_os = "redox"))]

use std::{ffi::OsString, fs, path::Path};

use bolero::{TypeGenerator, check};
use host as _;

/// What descriptions are made of; random text would hardly be one.
const WORDS: [&str; 32] = [
    "[[driver]]",
    "\n",
    "\n",
    "\n",
    "name",
    "kind",
    "on",
    "size",
    "=",
    "=",
    "=",
    "\"a\"",
    "\"b\"",
    "\"ramdisk\"",
    "\"tmpfs\"",
    "\"stripe\"",
    "\"cache\"",
    "\"fault\"",
    "\"partition\"",
    "\"file\"",
    "\"64 KiB\"",
    "\"/scheme/port/x\"",
    "[",
    "]",
    ",",
    "{",
    "}",
    "1",
    "-1",
    "true",
    "0o777",
    "\u{1f980}",
];

#[derive(Debug, TypeGenerator)]
enum Word {
    One(u8),
    Any(String),
}

fn text(words: &[Word]) -> String {
    let one = |word: &Word| match word {
        Word::One(index) => WORDS[usize::from(*index) % WORDS.len()].to_string(),
        Word::Any(text) => text.clone(),
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn any_description_is_a_plan_in_order_or_one_error_with_its_line() {
    check!().with_type::<Vec<Word>>().for_each(|words| {
        let text = text(words);
        match stack::parse(&text, &portd::kinds()) {
            Ok(plan) => in_order(&plan),
            Err(fault) => {
                assert!(fault.line <= text.matches('\n').count() + 1, "{fault}: {text:?}");
                assert!(!fault.reason.is_empty());
            }
        }
    });
}

/// Each driver stands on earlier ones, or on what is no neighbour.
fn in_order(plan: &stack::Plan) {
    let mut below = Vec::new();
    for entry in plan.entries() {
        for on in &entry.on {
            if let stack::On::Neighbour { name, .. } = on {
                assert!(below.contains(&name), "{name} comes later");
            }
        }
        below.push(&entry.name);
    }
}

fn mkpart(disk: &Path, words: &[Word]) -> Result<(), portctl::Error> {
    let mut args =
        vec![OsString::from("portctl"), "mkpart".into(), "--dry-run".into(), disk.into()];
    args.extend(words.iter().map(|word| OsString::from(partition(word))));
    portctl::attempt(args, &mut Vec::new())
}

fn partition(word: &Word) -> String {
    const PARTS: [&str; 12] = [
        "size=", "rest", "1MiB", "64KiB", ",", "name=", "type=", "efi", "linux", "start=", "1.5e3",
        "0",
    ];
    match word {
        Word::One(index) => format!("size=64KiB,start={}KiB", u64::from(*index) * 16),
        Word::Any(text) => text
            .chars()
            .map(|letter| {
                PARTS.get(letter as usize % 16).map_or(letter.to_string(), |p| (*p).into())
            })
            .collect(),
    }
}

#[test]
fn any_partitions_asked_for_dry_leave_the_disk_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = dir.path().join("image");
    let bytes = vec![0; 4 << 20];
    fs::write(&disk, &bytes).expect("room for an image");
    check!().with_type::<Vec<Word>>().for_each(|words| {
        if let Err(error) = mkpart(&disk, words) {
            assert!(matches!(error.exit_status(), 1 | 2) && !error.to_string().is_empty());
        }
    });
    assert!(fs::read(&disk).expect("it is there") == bytes);
}
