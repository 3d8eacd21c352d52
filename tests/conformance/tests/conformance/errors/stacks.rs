//! Stacks of which each gives errors of its own.

pub(crate) use crate::stacks::Stack;
use crate::stacks::{self, driver, redoxfs};

const SIZE: &str = "size = 65536";

fn on(kind: &str, below: &str, more: &str) -> String {
    driver("top", kind, &format!("on = {below}\n{more}"))
}

/// Two disks, each below a `fault` that goes wrong as it is told.
fn faulty(how: &str) -> String {
    let one = |disk: &str, fault: &str| {
        let how = format!("on = {disk:?}\n{how}");
        [driver(disk, "ramdisk", SIZE), driver(fault, "fault", &how)].concat()
    };
    [one("d1", "f1"), one("d2", "f2")].concat()
}

/// Two disks that are only to be read.
fn read_only() -> String {
    let disk = |name| driver(name, "ramdisk", &format!("{SIZE}\nread_only = true"));
    [disk("d1"), disk("d2")].concat()
}

/// Stacks by the names of their checks.
pub(crate) fn all() -> Vec<Stack> {
    let mut all = [disks(), files(), odd()].concat();
    let plain = |(name, text): (&'static str, Vec<String>)| Stack::plain(name, text.concat());
    let mut all: Vec<Stack> = all.drain(..).map(plain).collect();
    all.extend(stacks::block(64 << 10).into_iter().map(|stack| stack.called("disks::misused")));
    all
}

type Named = (&'static str, Vec<String>);

fn disks() -> Vec<Named> {
    let both = "[\"f1\", \"f2\"]";
    let (error, short) = (|| faulty("error = 1000"), || faulty("short = 1000"));
    let mut all = vec![
        (
            "disks::broken",
            vec![driver("d1", "ramdisk", SIZE), on("fault", "\"d1\"", "error = 1000")],
        ),
        ("disks::broken", vec![error(), on("trace", "\"f1\"", "")]),
        ("disks::broken", vec![error(), on("cache", "\"f1\"", "")]),
        ("disks::broken", vec![error(), on("stripe", both, "")]),
        ("disks::broken", vec![error(), on("mirror", both, "")]),
        ("disks::short_read", vec![short(), on("cache", "\"f1\"", "")]),
        ("disks::short_write", vec![short(), on("mirror", both, "")]),
        ("disks::short_flush", vec![short(), on("cache", "\"f1\"", "write_back = true")]),
        ("disks::locked", vec![driver("top", "ramdisk", &format!("{SIZE}\nread_only = true"))]),
    ];
    for kind in ["pass", "trace", "fault", "tally", "cache"] {
        all.push(("disks::locked", vec![read_only(), on(kind, "\"d1\"", "")]));
    }
    for kind in ["stripe", "mirror"] {
        all.push(("disks::locked", vec![read_only(), on(kind, "[\"d1\", \"d2\"]", "")]));
    }
    for kind in ["null", "zero"] {
        all.push(("disks::no_disk", vec![driver("top", kind, "")]));
        all.push(("disks::no_disk", vec![driver("d1", kind, ""), on("trace", "\"d1\"", "")]));
    }
    all
}

fn tmpfs(name: &str, more: &str) -> String {
    driver(name, "tmpfs", &format!("mode = 0o777\n{more}"))
}

fn odd_redoxfs(name: &str, more: &str) -> Vec<String> {
    let odd = driver("d1", "formatted", "odd = true");
    vec![odd, driver(name, "redoxfs", &format!("on = \"d1\"\n{more}"))]
}

fn files() -> Vec<Named> {
    let mut locked = odd_redoxfs("fs", "read_only = true");
    locked.push(on("trace", "\"fs\"", ""));
    let mut all = vec![
        ("files::locked", odd_redoxfs("top", "read_only = true")),
        ("files::locked", locked),
        ("files::full", vec![tmpfs("top", "size = \"64 KiB\"")]),
        ("files::full", vec![redoxfs("top", "")]),
        ("files::out_of_names", vec![tmpfs("top", "size = \"64 KiB\"")]),
    ];
    for check in ["files::names", "files::opens", "files::gone", "files::too_large"] {
        all.push((check, vec![tmpfs("top", "")]));
        all.push((check, vec![redoxfs("top", "")]));
        for kind in ["pass", "namecache", "quota", "perms"] {
            all.push((check, vec![tmpfs("fs", ""), on(kind, "\"fs\"", "")]));
        }
    }
    all
}

fn odd() -> Vec<Named> {
    let cut = driver("cut", "fault", "on = \"d1\"\npower_cut = 60");
    let disk = driver("d1", "formatted", "");
    vec![
        ("odd::strange_names", vec![redoxfs("top", "")]),
        ("odd::damaged", odd_redoxfs("top", "")),
        ("odd::cut_off", vec![disk, cut, on("redoxfs", "\"cut\"", "")]),
        ("odd::unrecorded", vec![tmpfs("fs", "size = \"64 KiB\""), on("perms", "\"fs\"", "")]),
        ("odd::hidden", vec![tmpfs("fs", ""), on("perms", "\"fs\"", "")]),
    ]
}

/// Stacks for who is no root, by the names of their checks.
pub(crate) fn of_users() -> Vec<Stack> {
    const LIMITS: &str = "bytes = 10000\ninodes = 3";
    let limited = driver("limited", "quota", &format!("on = \"fs\"\n{LIMITS}"));
    let fs = || tmpfs("fs", "");
    let stack = |name, text: Vec<String>| Stack::plain(name, text.concat());
    let rights = ["users::others", "users::unopened"].into_iter().flat_map(|check| {
        let stack = move |text| stack(check, text);
        let perms = stack(vec![fs(), on("perms", "\"fs\"", "")]);
        [stack(vec![tmpfs("top", "")]), stack(vec![redoxfs("top", "")]), perms]
    });
    let others = [
        stack("users::limits", vec![fs(), on("quota", "\"fs\"", LIMITS)]),
        stack("users::below", vec![fs(), limited, on("namecache", "\"limited\"", "")]),
    ];
    rights.chain(others).collect()
}
