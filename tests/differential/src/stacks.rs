//! The stacks that are run, as descriptions. The driver that is asked is `top`.

use std::io::Write;

use tempfile::NamedTempFile;

/// Bytes of the block devices.
pub const SIZE: usize = 128 << 10;
/// Bytes of the disks of file systems.
const LARGE: usize = 16 << 20;
/// More than the steps need, unless what was given back is not counted so.
const LIMITS: &str = "bytes = \"16 MiB\"\ninodes = 200";

/// A description, and what it needs while it is used.
pub struct Stack {
    /// By which it is chosen.
    pub name: String,
    /// The description.
    pub text: String,
    /// True for a file system, else a block device.
    pub files: bool,
    key: Option<NamedTempFile>,
}

impl Stack {
    /// A stack of which `text` describes all; files are asked of it, or else blocks.
    pub fn new(name: &str, files: bool, text: String) -> Stack {
        Stack { name: name.into(), text, files, key: None }
    }

    /// The same with a key in place of `KEY`.
    fn with_key(mut self) -> Stack {
        let mut file = NamedTempFile::new().expect("a temporary file");
        let key: Vec<u8> = (0..64).map(|at| at * 3 + 1).collect();
        file.write_all(&key).expect("64 bytes of room");
        self.text = self.text.replace("KEY", &format!("{:?}", file.path().display().to_string()));
        self.key = Some(file);
        self
    }
}

/// A table of a description.
pub fn driver(name: &str, kind: &str, more: &str) -> String {
    format!("[[driver]]\nname = \"{name}\"\nkind = \"{kind}\"\n{more}\n")
}

fn disks(size: usize) -> String {
    let size = format!("size = {size}");
    ["d1", "d2", "d3", "d4"].map(|name| driver(name, "ramdisk", &size)).concat()
}

/// All of them.
pub fn all() -> Vec<Stack> {
    blocks().into_iter().chain(files()).collect()
}

/// Block devices of [`SIZE`] bytes.
fn blocks() -> Vec<Stack> {
    let block = |name: &str, size, layers: &[String]| {
        Stack::new(name, false, [disks(size), layers.concat()].concat())
    };
    let on = |name: &str, kind: &str, more: &str| {
        block(name, SIZE, &[driver("top", kind, &format!("on = \"d1\"\n{more}"))])
    };
    let back = "size = \"32 KiB\"\nwrite_back = true";
    let stripe = "on = [\"d1\", \"d2\", \"d3\", \"d4\"]\nchunk = 4096";
    let partition = [
        driver("table", "mktable", "on = \"d1\""),
        driver("top", "partition", "on = \"table\"\nnumber = 1"),
    ];
    let six = [below(), vec![driver("top", "crypt", "on = \"cached\"\nkey = KEY")]].concat();
    vec![
        block("ramdisk", SIZE, &[driver("top", "ramdisk", &format!("size = {SIZE}"))]),
        on("pass", "pass", "frames = true"),
        on("trace", "trace", ""),
        on("fault", "fault", ""),
        on("cache", "cache", "size = \"64 KiB\""),
        on("cache, written back", "cache", back),
        on("crypt", "crypt", "key = KEY").with_key(),
        block("stripe", SIZE / 4, &[driver("top", "stripe", stripe)]),
        block("mirror", SIZE, &[driver("top", "mirror", "on = [\"d1\", \"d2\"]\nrebuild = 2")]),
        block("partition", SIZE + 4096, &partition),
        block("crypt on cache on stripe on mirrors", SIZE / 2, &six).with_key(),
    ]
}

/// A cache on a stripe on two mirrors of two disks.
fn below() -> Vec<String> {
    vec![
        driver("m1", "mirror", "on = [\"d1\", \"d2\"]"),
        driver("m2", "mirror", "on = [\"d3\", \"d4\"]"),
        driver("striped", "stripe", "on = [\"m1\", \"m2\"]\nchunk = 4096"),
        driver("cached", "cache", "on = \"striped\"\nsize = \"64 KiB\"\nwrite_back = true"),
    ]
}

/// File systems.
fn files() -> Vec<Stack> {
    let tmpfs = |name| driver(name, "tmpfs", "size = \"16 MiB\"");
    let files = |name: &str, layers: &[String]| Stack::new(name, true, layers.concat());
    let on = |name: &str, kind: &str, more: &str| {
        files(name, &[tmpfs("fs"), driver("top", kind, &format!("on = \"fs\"\n{more}"))])
    };
    let five = [
        tmpfs("fs"),
        driver("owned", "perms", "on = \"fs\""),
        driver("limited", "quota", &format!("on = \"owned\"\n{LIMITS}")),
        driver("names", "namecache", "on = \"limited\"\nentries = 5"),
        driver("top", "trace", "on = \"names\""),
    ];
    let one = [
        disks(LARGE),
        driver("made", "mkfs", "on = \"d1\""),
        driver("top", "redoxfs", "on = \"made\""),
    ];
    let six = [
        vec![disks(LARGE / 2)],
        below(),
        vec![
            driver("crypted", "crypt", "on = \"cached\"\nkey = KEY"),
            driver("made", "mkfs", "on = \"crypted\""),
            driver("fs", "redoxfs", "on = \"made\""),
            driver("top", "namecache", "on = \"fs\""),
        ],
    ];
    vec![
        files("tmpfs", &[tmpfs("top")]),
        on("pass to tmpfs", "pass", "frames = true"),
        on("trace of tmpfs", "trace", ""),
        on("fault of tmpfs", "fault", ""),
        on("namecache", "namecache", ""),
        on("quota", "quota", LIMITS),
        on("perms", "perms", ""),
        files("trace on namecache on quota on perms", &five),
        files("redoxfs", &one),
        files("namecache on redoxfs on six", &six.concat()).with_key(),
    ]
}
