//! The stacks that the suite runs on, as descriptions. The driver that is asked is `top`.

use std::io::Write;

use tempfile::NamedTempFile;

/// A description, and what it needs while it is used.
pub(crate) struct Stack {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    _key: Option<NamedTempFile>,
}

impl Stack {
    /// One that needs nothing.
    pub(crate) fn plain(name: &'static str, text: String) -> Stack {
        Stack { name, text, _key: None }
    }

    /// The same by another name.
    pub(crate) fn called(self, name: &'static str) -> Stack {
        Stack { name, ..self }
    }
}

pub(crate) fn driver(name: &str, kind: &str, more: &str) -> String {
    format!("[[driver]]\nname = \"{name}\"\nkind = \"{kind}\"\n{more}\n")
}

fn disks(size: usize) -> String {
    let size = format!("size = {size}");
    ["d1", "d2", "d3", "d4"].map(|name| driver(name, "ramdisk", &size)).concat()
}

fn key() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    let key: Vec<u8> = (0..64).map(|at| at * 3 + 1).collect();
    file.write_all(&key).expect("64 bytes of room");
    file
}

/// Block devices of `size` bytes, a multiple of 16 KiB.
pub(crate) fn block(size: usize) -> Vec<Stack> {
    let plain = |name: &'static str, text: String| Stack { name, text, _key: None };
    let on = |kind: &str, more: &str| {
        [disks(size), driver("top", kind, &format!("on = \"d1\"\n{more}"))].concat()
    };
    let quarter = disks(size / 4);
    let keys = [key(), key()];
    let paths = keys.each_ref().map(|key| key.path().display().to_string());
    let [first, second] = keys;
    let all = [
        disks(size / 2),
        driver("m1", "mirror", "on = [\"d1\", \"d2\"]"),
        driver("m2", "mirror", "on = [\"d3\", \"d4\"]"),
        driver("striped", "stripe", "on = [\"m1\", \"m2\"]\nchunk = 4096"),
        driver("cached", "cache", "on = \"striped\"\nsize = \"64 KiB\"\nwrite_back = true"),
        driver("traced", "trace", "on = \"cached\""),
        driver("top", "crypt", &format!("on = \"traced\"\nkey = {:?}", paths[1])),
    ];
    let crypt = on("crypt", &format!("key = {:?}", paths[0]));
    vec![
        plain("ramdisk", driver("top", "ramdisk", &format!("size = {size}"))),
        plain("pass", on("pass", "frames = true")),
        plain("trace", on("trace", "")),
        plain("fault", on("fault", "")),
        plain("tally", on("tally", "")),
        plain(
            "partition",
            [
                driver("disk", "image", &format!("size = {size}")),
                driver("top", "partition", "on = \"disk\"\nnumber = 2"),
            ]
            .concat(),
        ),
        plain("cache", on("cache", "size = \"64 KiB\"")),
        plain("cache, written back", on("cache", "size = \"32 KiB\"\nwrite_back = true")),
        plain(
            "stripe",
            [
                quarter,
                driver("top", "stripe", "on = [\"d1\", \"d2\", \"d3\", \"d4\"]\nchunk = 4096"),
            ]
            .concat(),
        ),
        plain(
            "mirror",
            [disks(size), driver("top", "mirror", "on = [\"d1\", \"d2\", \"d3\"]\nrebuild = 2")]
                .concat(),
        ),
        Stack { name: "crypt", text: crypt, _key: Some(first) },
        Stack { name: "six layers", text: all.concat(), _key: Some(second) },
    ]
}

/// Devices that answer nobody, below layers that wait for no one.
pub(crate) fn silent() -> Vec<Stack> {
    let lost =
        |name: &str, on: &str, how: &str| driver(name, "fault", &format!("on = \"{on}\"\n{how}"));
    let drop = "drop = 1000";
    let bottom = |kind: &str, more: &str, how: &str| {
        [driver("d1", kind, more), lost("f1", "d1", how)].concat()
    };
    let disk = |how: &str| bottom("ramdisk", "size = 65536", how);
    let other = [driver("d2", "ramdisk", "size = 65536"), lost("f2", "d2", drop)].concat();
    let stack = |name, text: Vec<String>| Stack { name, text: text.concat(), _key: None };
    let top = |kind: &str, more: &str| driver("top", kind, &format!("on = \"f1\"\n{more}"));
    let both = "on = [\"f1\", \"f2\"]";
    vec![
        stack("dropped", vec![disk(drop), top("pass", "")]),
        stack("dropped below frames", vec![disk(drop), top("pass", "frames = true")]),
        stack("dropped below trace", vec![disk(drop), top("trace", "")]),
        stack("dropped below tally", vec![disk(drop), top("tally", "")]),
        stack(
            "dropped below stripe",
            vec![disk(drop), other.clone(), driver("top", "stripe", both)],
        ),
        stack("dropped below mirror", vec![disk(drop), other, driver("top", "mirror", both)]),
        stack("null, dropped", vec![bottom("null", "", drop), top("pass", "")]),
        stack("zero, dropped", vec![bottom("zero", "", drop), top("trace", "")]),
    ]
}

/// Description of a RedoxFS, below what is called `top`.
pub(crate) fn redoxfs(name: &str, more: &str) -> String {
    [driver("d1", "formatted", ""), driver(name, "redoxfs", &format!("on = \"d1\"\n{more}"))]
        .concat()
}

/// File systems that make no directory and answer nobody who wants one.
pub(crate) fn stuck() -> Vec<Stack> {
    let below = [
        driver("fs", "tmpfs", "mode = 0o777\nsize = \"1 MiB\""),
        driver("stuck", "stuck", "on = \"fs\""),
    ]
    .concat();
    let stack = |kind: &'static str| Stack {
        name: kind,
        text: [below.clone(), driver("top", kind, "on = \"stuck\"")].concat(),
        _key: None,
    };
    ["pass", "trace", "fault", "tally", "namecache", "quota"].map(stack).into()
}

/// File systems whose root everybody may write.
pub(crate) fn file() -> Vec<Stack> {
    let tmpfs = driver("fs", "tmpfs", "mode = 0o777\nsize = \"1 MiB\"");
    let stack = |name, text: String| Stack { name, text, _key: None };
    let on = |kind: &str, more: &str| {
        [tmpfs.clone(), driver("top", kind, &format!("on = \"fs\"\n{more}"))].concat()
    };
    let all = [
        tmpfs.clone(),
        driver("owned", "perms", "on = \"fs\""),
        driver("limited", "quota", "on = \"owned\""),
        driver("cached", "namecache", "on = \"limited\"\nentries = 5"),
        driver("top", "trace", "on = \"cached\""),
    ];
    vec![
        stack("tmpfs", driver("top", "tmpfs", "mode = 0o777\nsize = \"1 MiB\"")),
        stack("pass", on("pass", "frames = true")),
        stack("trace", on("trace", "")),
        stack("fault", on("fault", "")),
        stack("tally", on("tally", "")),
        stack("namecache", on("namecache", "")),
        stack("quota", on("quota", "")),
        stack("perms", on("perms", "")),
        stack("redoxfs", redoxfs("top", "")),
        stack(
            "namecache on redoxfs",
            [redoxfs("fs", ""), driver("top", "namecache", "on = \"fs\"\nentries = 5")].concat(),
        ),
        stack("five layers", all.concat()),
    ]
}

/// A layer each, called `top`, on what tells of itself.
pub(crate) fn invariant() -> Vec<Stack> {
    let key = key();
    let path = key.path().display().to_string();
    let stack = |name, text: Vec<String>| Stack { name, text: text.concat(), _key: None };
    let disks = |count: usize| {
        ["d1", "d2"][..count].iter().map(|name| driver(name, "ramdisk", "size = 65536")).collect()
    };
    let on = |name: &'static str, kind: &str, more: &str| {
        stack(name, vec![disks(1), driver("top", kind, &format!("on = \"d1\"\n{more}"))])
    };
    let pair = |kind: &'static str, more: &str| {
        stack(kind, vec![disks(2), driver("top", kind, &format!("on = [\"d1\", \"d2\"]\n{more}"))])
    };
    let over = |name: &'static str, kind: &str| {
        let tmpfs = driver("fs", "tmpfs", "mode = 0o777\nsize = \"1 MiB\"");
        stack(name, vec![tmpfs, driver("top", kind, "on = \"fs\"")])
    };
    let image = driver("d1", "image", "size = 65536");
    let crypt = on("crypt", "crypt", &format!("key = {path:?}"));
    vec![
        stack("null", vec![driver("top", "null", "")]),
        stack("zero", vec![driver("top", "zero", "")]),
        stack("ramdisk", vec![driver("top", "ramdisk", "size = 65536")]),
        on("pass", "pass", ""),
        on("pass with frames", "pass", "frames = true"),
        on("trace", "trace", ""),
        on("fault", "fault", ""),
        on("tally", "tally", ""),
        stack("partition", vec![image, driver("top", "partition", "on = \"d1\"\nnumber = 2")]),
        pair("stripe", "chunk = 4096"),
        pair("mirror", ""),
        Stack { _key: Some(key), ..crypt },
        on("offload", "offload", ""),
        on("cache", "cache", "size = \"32 KiB\""),
        on("cache, written back", "cache", "size = \"32 KiB\"\nwrite_back = true"),
        stack("tmpfs", vec![driver("top", "tmpfs", "mode = 0o777\nsize = \"1 MiB\"")]),
        over("pass, files", "pass"),
        over("trace, files", "trace"),
        over("fault, files", "fault"),
        over("namecache", "namecache"),
        over("quota, files", "quota"),
        over("perms", "perms"),
        stack("redoxfs", vec![redoxfs("top", "")]),
    ]
}
