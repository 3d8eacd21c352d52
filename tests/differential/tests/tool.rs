//! The tool, as a program.
#![cfg(not(target_os = "redox"))]

use std::{
    io::Write,
    process::{Command, Output},
};

fn tool(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_differential");
    Command::new(program).args(arguments).output().expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn replay(trace: &str) -> Output {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(trace.as_bytes()).unwrap();
    tool(&["replay", file.path().to_str().unwrap()])
}

#[test]
fn a_run_takes_what_it_is_told_to() {
    // A name is one stack, a word all that have it.
    for (word, stacks) in [("stripe", 1), ("strip", 2)] {
        let run = ["run", "--seed", "3", "--ops", "50", "--driver", word, "--placement", "static"];
        let done = tool(&run);
        assert_eq!(text(&done.stderr), "");
        let said = format!("seed 3: {stacks} stacks, 1 placements, 50 steps each: the same\n");
        assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), said));
    }
}

#[test]
fn a_trace_is_replayed_from_a_file() {
    let head = "{\"stack\":\"tmpfs\",\"placement\":\"service\"}\n";
    let done = replay(&format!("{head}{{\"Mkdir\":{{\"path\":\"a\",\"mode\":448}}}}\n\"Flush\"\n"));
    assert_eq!(text(&done.stderr), "");
    assert_eq!((done.status.code(), &*text(&done.stdout)), (Some(0), "2 steps: the same\n"));
}

#[test]
fn what_is_not_there_is_named() {
    let failed = |done: Output, word: &str| {
        let said = text(&done.stderr);
        assert!(said.contains(word) && said.starts_with("differential: "), "{said}");
        assert_eq!(done.status.code(), Some(1));
    };
    failed(tool(&["run", "--driver", "floppy"]), "floppy");
    failed(tool(&["replay", "/no/such/trace"]), "/no/such/trace");
    failed(replay("{\"stack\":\"floppy\",\"placement\":\"static\"}\n"), "floppy");
    failed(replay("{\"stack\":\"tmpfs\",\"placement\":\"moon\"}\n"), "moon");
    failed(replay("nonsense\n"), "line 1: ");
    assert_eq!(tool(&["run", "--placement", "moon"]).status.code(), Some(2));
}

#[test]
fn the_list_has_a_stack_of_every_kind() {
    let list = text(&tool(&["list"]).stdout);
    for kind in ["tmpfs", "ramdisk", "stripe", "mirror", "crypt", "cache", "cache, written back"]
        .into_iter()
        .chain(["namecache", "quota", "perms", "trace", "fault", "partition", "pass", "redoxfs"])
    {
        assert!(list.lines().any(|line| line == kind), "{kind}: {list}");
    }
}
