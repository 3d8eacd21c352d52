//! Reading everything back through scheme handles, writing, and reading again.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
};

use indicatif::ProgressBar;
use portctl::file::{self, Meta, Stream};

use crate::tree::{Item, Kind, Tree, digest};

/// The directory that the demonstration writes to.
const SCRATCH: &str = "written by the demo";

type Result<T> = std::result::Result<T, String>;

fn text(error: portctl::Error) -> String {
    error.to_string()
}

/// Compares everything below `root` with the tree: names, kinds, modes, owners, times, sizes,
/// contents, where links lead. The error is the first difference.
pub fn compare(root: &str, tree: &Tree, progress: &ProgressBar) -> Result<()> {
    let mut found = Vec::new();
    list(root, "", &mut found)?;
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = tree.items.iter().map(|item| item.path.as_str()).collect();
    if let Some(missing) = wanted.difference(&found).next() {
        return Err(format!("{missing} is in the tree but not in the image"));
    }
    if let Some(extra) = found.difference(&wanted).next() {
        return Err(format!("{extra} is in the image but not in the tree"));
    }
    for item in &tree.items {
        progress.set_message(item.path.clone());
        check(&format!("{root}/{}", item.path), item)?;
        progress.inc(1);
    }
    Ok(())
}

fn list(root: &str, dir: &str, found: &mut Vec<String>) -> Result<()> {
    let path = if dir.is_empty() { root.to_string() } else { format!("{root}/{dir}") };
    for name in file::names(&path).map_err(text)? {
        let inside = if dir.is_empty() { name } else { format!("{dir}/{name}") };
        if inside == SCRATCH {
            continue;
        }
        if file::meta(&format!("{root}/{inside}")).map_err(text)?.kind == "directory" {
            list(root, &inside, found)?;
        }
        found.push(inside);
    }
    Ok(())
}

fn check(path: &str, item: &Item) -> Result<()> {
    check_meta(path, item, &file::meta(path).map_err(text)?)?;
    match &item.kind {
        Kind::Directory => Ok(()),
        Kind::Link { target } => {
            let found = file::readlink(path).map_err(text)?;
            if found == *target { Ok(()) } else { Err(differs(path, "target", &found, target)) }
        }
        Kind::File { digest: wanted } => {
            let found = digest(&mut Stream::open(path).map_err(text)?)
                .map_err(|error| format!("can't read {path}: {error}"))?;
            if found == *wanted { Ok(()) } else { Err(differs(path, "digest", found, wanted)) }
        }
    }
}

fn check_meta(path: &str, item: &Item, found: &Meta) -> Result<()> {
    let kind = match item.kind {
        Kind::Directory => "directory",
        Kind::File { .. } => "file",
        Kind::Link { .. } => "symlink",
    };
    if found.kind != kind {
        return Err(differs(path, "kind", found.kind, kind));
    }
    if found.mode != u32::from(item.mode) {
        return Err(differs(path, "mode", found.mode, item.mode));
    }
    if (found.uid, found.gid) != (item.uid, item.gid) {
        return Err(differs(path, "owner", (found.uid, found.gid), (item.uid, item.gid)));
    }
    if kind != "directory" && found.size != item.size {
        return Err(differs(path, "size", found.size, item.size));
    }
    if u64::try_from(found.mtime) != Ok(item.mtime.0) {
        return Err(differs(path, "mtime", found.mtime, item.mtime.0));
    }
    Ok(())
}

fn differs(
    path: &str,
    what: &str,
    found: impl std::fmt::Debug,
    wanted: impl std::fmt::Debug,
) -> String {
    format!("{path}: the {what} differs: {found:?} through the drivers, {wanted:?} in the tree")
}

/// Contents that depend on every byte's place.
fn contents(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// Files to write, by name and size.
const FILES: [(&str, usize); 4] =
    [("empty", 0), ("one byte", 1), ("a page and a bit", 4099), ("fünf Megabyte", 5 << 20)];

/// Writes files, reads them back, changes one in place and reads it again. They stay.
pub fn write(root: &str) -> Result<()> {
    let dir = format!("{root}/{SCRATCH}");
    file::mkdir(&dir).map_err(text)?;
    for (index, (name, len)) in FILES.into_iter().enumerate() {
        let (path, bytes) = (format!("{dir}/{name}"), contents(index as u64, len));
        put(&path, &bytes)?;
        expect(&path, &bytes)?;
    }
    let (path, bytes) = (format!("{dir}/one byte"), contents(99, 70_000));
    put(&path, &bytes)?;
    expect(&path, &bytes)?;
    put(&path, &contents(1, 1))?;
    file::symlink(&format!("{dir}/link"), b"a page and a bit").map_err(text)?;
    expect(&format!("{dir}/link"), &contents(2, 4099))
}

/// Checks what an earlier service wrote, and takes it away.
pub fn read_again(root: &str) -> Result<()> {
    let dir = format!("{root}/{SCRATCH}");
    for (index, (name, len)) in FILES.into_iter().enumerate() {
        expect(&format!("{dir}/{name}"), &contents(index as u64, len))?;
    }
    for name in file::names(&dir).map_err(text)? {
        remove(&format!("{dir}/{name}"), false)?;
    }
    remove(&dir, true)
}

fn put(path: &str, bytes: &[u8]) -> Result<()> {
    let mut file = Stream::create(path, 0o644).map_err(text)?;
    let failed = |error| format!("can't write {path}: {error}");
    file.write_all(bytes).and_then(|()| file.sync()).map_err(failed)
}

fn expect(path: &str, bytes: &[u8]) -> Result<()> {
    let mut found = Vec::new();
    let mut file = Stream::open(path).map_err(text)?;
    file.read_to_end(&mut found).map_err(|error| format!("can't read {path}: {error}"))?;
    match found.iter().zip(bytes).position(|(a, b)| a != b) {
        Some(at) => Err(format!("{path}: byte {at} is not what was written")),
        None if found.len() != bytes.len() => Err(differs(path, "size", found.len(), bytes.len())),
        None => Ok(()),
    }
}

fn remove(path: &str, dir: bool) -> Result<()> {
    #[cfg(not(target_os = "redox"))]
    let removed = if dir { host::sys::rmdir(path) } else { host::sys::unlink(path) };
    #[cfg(target_os = "redox")]
    let removed = if dir { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
    removed.map(drop).map_err(|error| format!("can't remove {path}: {error}"))
}
