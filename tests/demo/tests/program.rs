//! The program as a person runs it.
#![cfg(not(target_os = "redox"))]

use std::{fs, path::Path, process::Command};

fn ports(args: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ports")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn strange_tree(top: &Path) {
    let deep = (0..30).fold(top.to_path_buf(), |dir, level| dir.join(format!("level {level}")));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("at the bottom"), b"here").unwrap();
    fs::write(top.join("empty"), b"").unwrap();
    fs::write(top.join(" spaces  and ünïcödé 日本語"), b"text").unwrap();
    fs::write(top.join("x".repeat(252)), b"a long name").unwrap();
    fs::write(top.join("large"), vec![0xa5; 12_345_678]).unwrap();
    fs::create_dir(top.join("many")).unwrap();
    for index in 0..300 {
        fs::write(top.join(format!("many/{index}")), vec![index as u8; index * 17]).unwrap();
    }
    for (target, name) in [("large", "link"), ("nowhere", "dangling"), ("/etc", "absolute")] {
        std::os::unix::fs::symlink(target, top.join(name)).unwrap();
    }
}

#[test]
fn the_demo_ends_well_on_a_strange_tree() {
    let dir = tempfile::tempdir().unwrap();
    let (top, json) = (dir.path().join("tree"), dir.path().join("figures"));
    fs::create_dir(&top).unwrap();
    strange_tree(&top);
    let path = |path: &Path| path.to_str().unwrap().to_string();
    let (ok, out, err) = ports(&["demo", &path(&top), "--json", &path(&json)]);
    assert!(ok, "{out}\n{err}");
    assert!(out.contains("one process: everything is the same"), "{out}");
    assert!(out.contains("two processes: everything is the same"), "{out}");
    let runs: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let row = |run: usize, layer: &str| {
        let rows = runs[run]["rows"].as_array().unwrap();
        rows.iter().find(|row| row["layer"] == layer).unwrap().clone()
    };
    // A neighbour is a call away, a boundary one translation each way, half of it counted by
    // each side, for each message.
    for layer in ["disk", "part"] {
        let row = row(0, layer);
        assert!(row["messages"].as_u64().unwrap() > 0);
        assert_eq!([&row["translations"], &row["copies"], &row["maps"]], [0, 0, 0]);
    }
    let (agent, service) = (row(1, "/scheme/port/part"), row(1, "scheme port"));
    assert_eq!(agent["crossings"], agent["messages"]);
    assert_eq!(agent["translations"], agent["messages"]);
    assert_eq!(service["translations"], agent["messages"]);
}

#[test]
fn the_demo_says_what_it_was_not_given() {
    let (ok, _, err) = ports(&["demo", "/nowhere/at all"]);
    assert!(!ok && err.contains("/nowhere/at all"), "{err}");
}

#[test]
fn the_tool_is_tried_against_a_daemon_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, b"through the daemon\n").unwrap();
    let from = file.to_str().unwrap();
    let to = "/scheme/port/tmp/copy";
    let (ok, out, err) = ports(&["try", "--", "cp", from, to, "--", "cat", to, "--", "ls"]);
    assert!(ok, "{err}");
    assert!(out.starts_with("through the daemon\n") && out.contains("tmp"), "{out}");
    let (ok, _, err) = ports(&["try", "--", "cat", "/scheme/port/none"]);
    assert!(!ok && err.contains("can't open /scheme/port/none"), "{err}");
}

#[test]
fn what_a_service_serves_is_compared_with_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    fs::create_dir(path("tree")).unwrap();
    fs::write(path("tree/a file"), b"contents").unwrap();
    let (image, list) = (path("image"), path("list"));
    let (ok, _, err) = ports(&["demo", &path("tree"), "--image", &image, "--list", &list]);
    assert!(ok, "{err}");
    // There is no service in a namespace of its own: the first thing that can't be done is said.
    let (ok, _, err) = ports(&["compare", &list, "/scheme/port/fs"]);
    assert!(!ok && err.contains("/scheme/port/fs"), "{err}");
    let (ok, _, err) = ports(&["compare", &path("no list"), "/scheme/port/fs"]);
    assert!(!ok && err.contains("no list"), "{err}");
}
