//! Files of schemes on the host's kernel, which Linux's own library knows nothing of.

use host::sys;
use libredox::{Fd, call, errno::EINVAL, flag};
use syscall::dirent::DirentIter;

use super::open;
use crate::{Outcome, errno};

fn plain<T>(result: syscall::Result<T>) -> Outcome<T> {
    result.map_err(|error| error.errno)
}

/// Reads at a place; the description's offset stays.
pub fn pread(file: &Fd, to: &mut [u8], offset: u64) -> Outcome {
    plain(sys::pread(file.raw(), to, offset))
}

/// Writes at a place; the description's offset stays.
pub fn pwrite(file: &Fd, from: &[u8], offset: u64) -> Outcome {
    plain(sys::pwrite(file.raw(), from, offset))
}

/// Moves the offset: from the start (0), from where it is (1), from the end (2).
pub fn seek(file: &Fd, by: i64, whence: usize) -> Outcome {
    plain(sys::lseek(file.raw(), by, whence))
}

/// Makes a directory.
pub fn mkdir(path: &str) -> Outcome<()> {
    plain(sys::mkdir(path))
}

/// Removes a directory.
pub fn rmdir(path: &str) -> Outcome<()> {
    plain(sys::rmdir(path))
}

/// Removes a name that is no directory.
pub fn unlink(path: &str) -> Outcome<()> {
    plain(sys::unlink(path))
}

/// Gives an object another name.
pub fn rename(from: &str, to: &str) -> Outcome<()> {
    plain(sys::rename(from, to))
}

/// Gives an object one more name.
pub fn link(from: &str, to: &str) -> Outcome<()> {
    plain(sys::link(from, to))
}

/// Makes a symbolic link.
pub fn symlink(target: &str, path: &str) -> Outcome<()> {
    plain(sys::symlink(target, path))
}

/// Where a symbolic link leads.
pub fn readlink(path: &str) -> Outcome<String> {
    let mut target = vec![0; 4096];
    let len = plain(sys::readlink(path, &mut target))?;
    target.truncate(len);
    Ok(String::from_utf8_lossy(&target).into_owned())
}

/// All entries of a directory.
pub(super) fn list(path: &str) -> Outcome<Vec<String>> {
    let dir = open(path, flag::O_RDONLY | flag::O_DIRECTORY, 0)?;
    let (mut names, mut cookie, mut buffer) = (Vec::new(), 0, vec![0; 512]);
    loop {
        let count = match errno(call::getdents(dir.raw(), &mut buffer, cookie)) {
            // As Redox's libc does.
            Err(EINVAL) if buffer.len() < 1 << 16 => {
                buffer.resize(2 * buffer.len(), 0);
                continue;
            }
            count => count?,
        };
        if count == 0 {
            return Ok(names);
        }
        for entry in DirentIter::new(&buffer[..count]) {
            let (header, name) = entry.expect("entries are whole");
            cookie = header.next_opaque_id;
            names.push(String::from_utf8_lossy(name).trim_end_matches('\0').to_string());
        }
    }
}
