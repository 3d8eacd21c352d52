//! Files, by the ways that programs of each world have.

use libredox::{Fd, flag};

use crate::{Outcome, errno};

#[cfg(not(target_os = "redox"))]
#[path = "host.rs"]
mod place;
#[cfg(target_os = "redox")]
#[path = "redox.rs"]
mod place;

pub use place::{link, mkdir, pread, pwrite, readlink, rename, rmdir, seek, symlink, unlink};

/// The names in a directory, sorted, without the two that every directory has.
pub fn list(path: &str) -> Outcome<Vec<String>> {
    let mut names = place::list(path)?;
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names)
}

/// Opens a path.
pub fn open(path: &str, flags: i32, mode: u16) -> Outcome<Fd> {
    errno(Fd::open(path, flags | flag::O_CLOEXEC, mode))
}

/// Writes a whole new file.
pub fn put(path: &str, bytes: &[u8]) -> Outcome<()> {
    let file = open(path, flag::O_WRONLY | flag::O_CREAT | flag::O_TRUNC, 0o644)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[errno(file.write(rest))?..];
    }
    Ok(())
}

/// Reads a whole file.
pub fn get(path: &str) -> Outcome<Vec<u8>> {
    let file = open(path, flag::O_RDONLY, 0)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 70_000]);
    loop {
        match errno(file.read(&mut buffer))? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
