//! The tool, run as a client of a daemon.
#![cfg(not(target_os = "redox"))]

#[path = "../../portd/tests/common/mod.rs"]
mod common;

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt, path::Path};

use common::{World, get, list, open, put};
use host::sys;
use libredox::{
    errno::{EACCES, EBADF, ENOTDIR},
    flag::*,
};
use service::{LatencyReport, Spread};

const ALL: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777

[[driver]]
name = "disk"
kind = "ramdisk"
size = "64 KiB"

[[driver]]
name = "part"
kind = "pass"
on = "disk"

[[driver]]
name = "zero"
kind = "zero"
"#;

fn words(args: &[&str]) -> Vec<OsString> {
    std::iter::once("portctl").chain(args.iter().copied()).map(OsString::from).collect()
}

/// Runs the tool; what it wrote.
fn run(args: &[&str]) -> Result<String, portctl::Error> {
    let mut out = Vec::new();
    portctl::attempt(words(args), &mut out)?;
    Ok(String::from_utf8(out).expect("the tool writes UTF-8"))
}

/// What the tool writes where all goes well.
#[track_caller]
fn says(args: &[&str]) -> String {
    run(args).unwrap_or_else(|error| panic!("{error}"))
}

/// What the tool says went wrong, and its exit status.
#[track_caller]
fn fails(args: &[&str]) -> (String, u8) {
    let error = run(args).expect_err("this can't go well");
    (error.to_string(), error.exit_status())
}

fn at(path: &str) -> String {
    format!("/scheme/port/tmp/{path}")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

#[test]
fn ls_lists_drivers_and_directories() {
    let world = World::serving(ALL);
    world.root(|| {
        assert_eq!(says(&["ls"]), "disk\npart\ntmp\nzero\n");
        put(&at("b"), b"12345").unwrap();
        put(&at("a ä"), b"").unwrap();
        sys::mkdir(&at("dir")).unwrap();
        sys::symlink("b", &at("link")).unwrap();
        assert_eq!(says(&["ls", &at("")]), "a ä\nb\ndir\nlink\n");
        assert_eq!(says(&["ls", &at("b")]), "/scheme/port/tmp/b\n");
        let long = says(&["ls", "-l", &at("")]);
        let lines: Vec<&str> = long.lines().collect();
        assert!(lines[1].starts_with("- 0644     0     0            5 b"), "{long}");
        assert!(lines[2].starts_with("d 0755") && lines[2].ends_with(" dir"), "{long}");
        assert!(lines[3].starts_with("l 0777") && lines[3].ends_with(" link -> b"), "{long}");
        let link = says(&["ls", "-l", &at("link")]);
        assert!(link.ends_with(" /scheme/port/tmp/link -> b\n"), "{link}");
        let devices = says(&["ls", "-l"]);
        assert!(devices.starts_with("b 0600     0     0        65536 disk\n"), "{devices}");
    });
}

#[test]
fn ls_and_stat_speak_json() {
    let world = World::serving(ALL);
    world.client(5, 6, || {
        put(&at("file"), b"12345").unwrap();
        let listed: serde_json::Value =
            serde_json::from_str(&says(&["ls", "--json", &at("")])).unwrap();
        let expected = [("name", "file".into()), ("kind", "file".into()), ("size", 5.into())];
        for (key, value) in expected {
            let value: serde_json::Value = value;
            assert_eq!(listed[0][key], value);
        }
        assert_eq!(listed.as_array().map(Vec::len), Some(1));
        assert_eq!(listed[0].get("path"), None);
        let file: serde_json::Value =
            serde_json::from_str(&says(&["stat", "--json", &at("file")])).unwrap();
        assert_eq!(
            (&file["uid"], &file["gid"], &file["mode"]),
            (&5.into(), &6.into(), &0o644.into())
        );
        assert_eq!(file["inode"], listed[0]["inode"]);
    });
}

#[test]
fn stat_prints_attributes() {
    let world = World::serving(ALL);
    world.root(|| {
        let disk = says(&["stat", "/scheme/port/disk"]);
        for line in ["kind:  block", "size:  65536 bytes", "mode:  0600", "owner: 0:0"] {
            assert!(disk.lines().any(|other| other == line), "{disk}");
        }
        sys::symlink("nowhere", &at("link")).unwrap();
        assert!(says(&["stat", &at("link")]).contains("kind:  symlink\n"));
    });
}

#[test]
fn cat_writes_files_one_after_the_other() {
    let world = World::serving(ALL);
    let local = tempfile::NamedTempFile::new().unwrap();
    fs::write(local.path(), "of the system\n").unwrap();
    world.root(|| {
        let long = "line\n".repeat(100_000);
        put(&at("one"), b"first\n").unwrap();
        put(&at("two"), long.as_bytes()).unwrap();
        let both = says(&["cat", &at("one"), text(local.path()), &at("two")]);
        assert_eq!(both, format!("first\nof the system\n{long}"));
    });
}

/// A tree with what trees have in them.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("tief/er/noch tiefer")).unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("tief/ein Näme mit Leerzeichen"), "Inhalt").unwrap();
    fs::write(root.join("tief/er/noch tiefer/groß"), vec![7; 1_000_000]).unwrap();
    fs::write(root.join("run"), "#!").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o751)).unwrap();
    std::os::unix::fs::symlink("tief/er", root.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere at all", root.join("tief/broken")).unwrap();
}

fn tree(root: &Path) -> Vec<(String, Option<Vec<u8>>, u32)> {
    let (mut found, mut todo) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let inside = text(path.strip_prefix(root).unwrap()).to_string();
            if meta.is_dir() {
                found.push((inside, None, 0));
                todo.push(path);
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.push((inside, Some(text(&target).into()), 1));
            } else {
                found.push((inside, Some(fs::read(&path).unwrap()), meta.permissions().mode()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_tree_that_is_copied_there_and_back_is_the_same() {
    let world = World::serving(ALL);
    let local = tempfile::tempdir().unwrap();
    let (from, back) = (local.path().join("from"), local.path().join("back"));
    plant(&from);
    world.root(|| {
        assert_eq!(says(&["cp", "-r", text(&from), &at("copy")]), "");
        assert_eq!(list(&at("copy/tief")).unwrap(), ["broken", "ein Näme mit Leerzeichen", "er"]);
        assert_eq!(get(&at("copy/link/noch tiefer/groß")).unwrap(), vec![7; 1_000_000]);
        says(&["cp", "-r", &at("copy"), &at("again")]);
        says(&["cp", "-r", &at("again"), text(&back)]);
    });
    assert_eq!(tree(&from).len(), 9);
    assert!(tree(&from) == tree(&back));
}

#[test]
fn cp_copies_files_into_directories_and_through_links() {
    let world = World::serving(ALL);
    let local = tempfile::tempdir().unwrap();
    let file = local.path().join("file");
    fs::write(&file, "contents").unwrap();
    world.root(|| {
        says(&["cp", text(&file), &at("")]);
        assert_eq!(get(&at("file")).unwrap(), b"contents");
        put(&at("file"), b"a text that is longer").unwrap();
        says(&["cp", text(&file), &at("file")]);
        assert_eq!(get(&at("file")).unwrap(), b"contents");
        sys::symlink("file", &at("link")).unwrap();
        says(&["cp", &at("link"), text(&local.path().join("copy"))]);
        assert_eq!(fs::read(local.path().join("copy")).unwrap(), b"contents");
        let (dir, link) = (at("dir"), at("to dir"));
        sys::mkdir(&dir).unwrap();
        sys::symlink("dir", &link).unwrap();
        says(&["cp", &at("file"), &link]);
        assert_eq!(get(&at("dir/file")).unwrap(), b"contents");
    });
}

#[test]
fn cp_moves_whole_devices() {
    let world = World::serving(ALL);
    let local = tempfile::tempdir().unwrap();
    let (image, back) = (local.path().join("image"), local.path().join("back"));
    let bytes: Vec<u8> = (0..65536).map(|i| (i % 253) as u8).collect();
    fs::write(&image, &bytes).unwrap();
    world.root(|| {
        says(&["cp", text(&image), "/scheme/port/part"]);
        says(&["cp", "/scheme/port/disk", text(&back)]);
        assert!(fs::read(&back).unwrap() == bytes);
        fs::write(&image, vec![1; 65536 + 512]).unwrap();
        let (error, status) = fails(&["cp", text(&image), "/scheme/port/disk"]);
        assert!(error.starts_with("can't write /scheme/port/disk: "), "{error}");
        assert_eq!(status, 1);
        let (error, _) = fails(&["cp", "/scheme/port/zero", text(&back)]);
        assert!(error.contains("a character has no end to copy to"), "{error}");
    });
}

#[test]
fn what_can_not_be_copied_is_said_with_its_reason() {
    let world = World::serving(ALL);
    let local = tempfile::tempdir().unwrap();
    world.root(|| {
        sys::mkdir(&at("dir")).unwrap();
        put(&at("dir/file"), b"x").unwrap();
        let (error, status) = fails(&["cp", &at("dir"), text(local.path())]);
        assert!(error.ends_with("; use -r to copy directories"), "{error}");
        assert_eq!(status, 1);
        for to in ["dir", "dir/", "dir/inside", "dir/a/b"] {
            let (error, _) = fails(&["cp", "-r", &at("dir"), &at(to)]);
            assert!(error.ends_with("; it can't be copied into itself"), "{error}");
        }
        let (error, _) = fails(&["cp", &at("dir/file"), &at("dir")]);
        assert!(error.ends_with("; it can't be copied into itself"), "{error}");
        assert_eq!(get(&at("dir/file")).unwrap(), b"x");
        let (error, _) = fails(&["cp", &at("dir/file"), &at("none/file")]);
        assert!(error.starts_with("can't create /scheme/port/tmp/none/file: "), "{error}");
        says(&["cp", "-r", &at("dir"), &at("dir 2")]);
        assert_eq!(get(&at("dir 2/file")).unwrap(), b"x");
    });
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let world = World::serving(ALL);
    world.root(|| {
        let none = at("none");
        for (args, tried) in [
            (vec!["ls", &none], "look at"),
            (vec!["stat", &none], "look at"),
            (vec!["cat", &none], "open"),
            (vec!["cp", &none, "/tmp"], "look at"),
        ] {
            let (error, status) = fails(&args);
            let expected = format!("can't {tried} {none}: No such file or directory (os error 2)");
            assert_eq!((error, status), (expected, 1));
        }
        let (error, _) = fails(&["cat", "/no/such/file"]);
        assert!(error.starts_with("can't open /no/such/file: "), "{error}");
        let (error, _) = fails(&["ls", "/scheme/nobody"]);
        assert!(error.starts_with("can't look at /scheme/nobody: "), "{error}");
        let (error, _) = fails(&["cat", &at("")]);
        assert!(error.contains("Is a directory"), "{error}");
    });
}

#[test]
fn stats_count_while_the_tool_waits() {
    let world = World::serving(ALL);
    world.root(|| {
        let out = says(&["stats", "--millis", "0", "--json"]);
        let report: service::StatsReport = serde_json::from_str(&out).unwrap();
        let layers: Vec<&str> = report.rows.iter().map(|row| row.layer.as_str()).collect();
        assert_eq!(layers, ["scheme", "tmp", "disk", "zero", "part"]);
        let table = says(&["stats", "--millis", "0"]);
        assert_eq!(table.lines().count(), 6);
        assert!(table.starts_with("layer ") && table.contains("\npart "), "{table}");
        // What somebody else counts is there for the tool as well.
        let _reader = open("/scheme/port/.stats", O_RDONLY, 0).unwrap();
        let part = open("/scheme/port/part", O_RDWR, 0).unwrap();
        assert_eq!(sys::pwrite(part.raw(), &[1; 512], 0), Ok(512));
        let out = says(&["stats", "--millis", "0", "--json"]);
        let report: service::StatsReport = serde_json::from_str(&out).unwrap();
        let row = report.rows.iter().find(|row| row.layer == "part").unwrap();
        assert_eq!((row.messages, row.translations, row.copies, row.maps), (1, 0, 0, 0));
        let (error, status) = fails(&["stats", "/scheme/nobody"]);
        assert!(error.starts_with("can't open /scheme/nobody/.stats: "), "{error}");
        assert_eq!(status, 1);
    });
}

/// What the tool reads of latencies, without waiting.
fn latency() -> LatencyReport {
    let out = says(&["stats", "--latency", "--millis", "0", "--json"]);
    serde_json::from_str(&out).unwrap()
}

fn spread<'r>(report: &'r LatencyReport, layer: &str) -> &'r Spread {
    &report.rows.iter().find(|row| row.layer == layer).expect("the layer has a row").time
}

/// A spread's figures from short to long.
fn ladder(times: &Spread) -> [u64; 6] {
    [times.min, times.median, times.p90, times.p99, times.p99_9, times.max]
}

/// Writes a block to a device, a number of times.
fn write_blocks(path: &str, count: usize) {
    let device = open(path, O_RDWR, 0).unwrap();
    (0..count).for_each(|_| assert_eq!(sys::pwrite(device.raw(), &[1; 512], 0), Ok(512)));
}

#[test]
fn latencies_are_of_the_requests_that_came_to_a_layer() {
    let world = World::serving(ALL);
    world.root(|| {
        let _reader = open("/scheme/port/.latency", O_RDONLY, 0).unwrap();
        write_blocks("/scheme/port/part", 20);
        write_blocks("/scheme/port/disk", 3);
        let report = latency();
        let layers: Vec<&str> = report.rows.iter().map(|row| row.layer.as_str()).collect();
        assert_eq!(layers, ["scheme", "tmp", "disk", "zero", "part"]);
        let count = |layer| spread(&report, layer).count;
        assert_eq!((count("part"), count("disk"), count("tmp"), count("zero")), (20, 23, 0, 0));
        // Every request comes to the service itself: these, opens and closes.
        assert!(report.requests.count >= 27, "{report:?}");
        assert_eq!(count("scheme"), report.requests.count);
    });
}

#[test]
fn latencies_are_in_order_and_no_layer_takes_longer_than_the_whole() {
    let world = World::serving(ALL);
    world.root(|| {
        let _reader = open("/scheme/port/.latency", O_RDONLY, 0).unwrap();
        write_blocks("/scheme/port/part", 200);
        let report = latency();
        let whole = &report.requests;
        for times in report.rows.iter().map(|row| &row.time).chain([whole]) {
            assert!(ladder(times).is_sorted(), "{times:?}");
            assert!((times.min..=times.max).contains(&times.mean), "{times:?}");
            assert!(times.max <= whole.max, "{report:?}");
        }
        // The two are of the same requests, each longer as a whole.
        let own = ladder(spread(&report, "scheme"));
        assert!(own.into_iter().zip(ladder(whole)).all(|(own, whole)| own <= whole), "{report:?}");
    });
}

#[test]
fn latencies_are_kept_while_somebody_reads_them() {
    let world = World::serving(ALL);
    world.root(|| {
        let work = || write_blocks("/scheme/port/disk", 5);
        let seen = || spread(&latency(), "disk").count;
        work();
        let one = open("/scheme/port/.latency", O_RDONLY, 0).unwrap();
        let other = open("/scheme/port/.latency", O_RDONLY, 0).unwrap();
        work();
        drop(one);
        assert_eq!(seen(), 5, "one reader is left");
        drop(other);
        assert_eq!(seen(), 0, "the last is gone");
        let _costs = open("/scheme/port/.stats", O_RDONLY, 0).unwrap();
        work();
        assert_eq!(seen(), 0, "who reads costs reads no latencies");
    });
}

#[test]
fn latencies_are_a_table_with_the_whole_request_first() {
    let world = World::serving(ALL);
    world.root(|| {
        let table = says(&["stats", "--latency", "--millis", "0"]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 7, "{table}");
        let names = ["layer ", "whole request ", "scheme ", "tmp ", "disk ", "zero ", "part "];
        assert!(lines.iter().zip(names).all(|(line, name)| line.starts_with(name)), "{table}");
        assert!(lines[0].contains(" p99.9 ns ") && lines[0].ends_with("mean ns"), "{table}");
        let (error, status) = fails(&["stats", "--latency", "/scheme/nobody"]);
        assert!(error.starts_with("can't open /scheme/nobody/.latency: "), "{error}");
        assert_eq!(status, 1);
    });
}

#[test]
fn latencies_are_there_to_be_read_only() {
    let world = World::serving(ALL);
    world.root(|| {
        let path = "/scheme/port/.latency";
        assert_eq!(open(path, O_RDWR, 0).err(), Some(EACCES));
        assert_eq!(open(path, O_RDONLY | O_DIRECTORY, 0).err(), Some(ENOTDIR));
        let figures = open(path, O_RDONLY, 0).unwrap();
        assert_eq!(figures.write(b"x").map_err(|error| error.errno()), Err(EBADF));
        // A refused open leaves nobody reading.
        drop(figures);
        write_blocks("/scheme/port/disk", 5);
        assert_eq!(spread(&latency(), "disk").count, 0);
    });
}

#[test]
fn trace_prints_what_drivers_tell_of_themselves() {
    let text = "[[driver]]\nname = \"seen\"\nkind = \"trace\"\non = \"disk\"\n";
    let world = World::serving(&[ALL, text].concat());
    world.root(|| {
        assert_eq!(says(&["trace"]), "");
        put("/scheme/port/seen", &[1; 512]).unwrap();
        let all = says(&["trace"]);
        assert!(all.starts_with("{\"driver\":\"seen\",\"report\":{\"number\":1,"), "{all}");
        let own = says(&["trace", "seen"]);
        assert!(own.lines().any(|line| line.contains("\"op\":\"write\"")), "{own}");
        assert!(own.starts_with("{\"number\":1,") && own.lines().count() == all.lines().count());
        assert_eq!(says(&["trace", "disk"]), "", "it has nothing to tell");
        let (error, status) = fails(&["trace", "--port", "/scheme/nobody"]);
        assert!(error.starts_with("can't open /scheme/nobody/.trace: "), "{error}");
        assert_eq!(status, 1);
    });
}

#[test]
fn plan_draws_a_description_and_what_a_daemon_runs() {
    let world = World::serving(ALL);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), ALL).unwrap();
    let drawn = "tmp (tmpfs)\ndisk (ramdisk)\n  on it: part (pass)\nzero (zero)\n";
    world.root(|| {
        assert_eq!(says(&["plan"]), drawn);
        assert_eq!(says(&["plan", "--port", "/scheme/port"]), drawn);
        assert_eq!(says(&["plan", text(file.path())]), drawn);
        fs::write(file.path(), "[[driver]]\nname = \"a\"\nkind = \"zeor\"").unwrap();
        let (error, status) = fails(&["plan", text(file.path())]);
        assert!(error.contains("line 3, kind: ") && error.contains("\"zero\"?"), "{error}");
        assert_eq!(status, 2);
        let (error, status) = fails(&["plan", "/no/such/file"]);
        assert!(error.starts_with("can't read /no/such/file: "), "{error}");
        assert_eq!(status, 1);
    });
}

#[test]
fn the_exit_status_says_how_it_went() {
    let world = World::serving(ALL);
    let status = |args: &[&str]| {
        let status = world.root(|| portctl::main(words(args), &mut Vec::new()));
        format!("{status:?}")
    };
    let code = |code: u8| format!("{:?}", std::process::ExitCode::from(code));
    assert_eq!(status(&["ls"]), code(0));
    assert_eq!(status(&["--version"]), code(0));
    assert_eq!(status(&["ls", "/scheme/port/none"]), code(1));
    assert_eq!(status(&["dance"]), code(2));
    assert_eq!(status(&["cat"]), code(2));
    assert_ne!(code(0), code(1));
}

/// An output that is full.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let world = World::serving(ALL);
    world.root(|| {
        let error = portctl::attempt(words(&["ls"]), &mut Full).unwrap_err();
        assert!(error.to_string().starts_with("can't write the output: "), "{error}");
        assert_eq!(error.exit_status(), 1);
    });
}
