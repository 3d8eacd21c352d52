//! Files as any program of Redox reaches them: the standard library, and libc.

use std::{fs, io};

use libredox::Fd;

use crate::Outcome;

fn plain<T>(result: io::Result<T>) -> Outcome<T> {
    result.map_err(|error| error.raw_os_error().expect("an errno"))
}

fn count(result: isize) -> Outcome {
    usize::try_from(result).map_err(|_| plain::<()>(Err(io::Error::last_os_error())).unwrap_err())
}

/// Reads at a place; the description's offset stays.
pub fn pread(file: &Fd, to: &mut [u8], offset: u64) -> Outcome {
    let (fd, offset) = (file.raw() as i32, offset as i64);
    // SAFETY: the buffer is the caller's own.
    count(unsafe { libc::pread(fd, to.as_mut_ptr().cast(), to.len(), offset) })
}

/// Writes at a place; the description's offset stays.
pub fn pwrite(file: &Fd, from: &[u8], offset: u64) -> Outcome {
    let (fd, offset) = (file.raw() as i32, offset as i64);
    // SAFETY: the bytes are the caller's own.
    count(unsafe { libc::pwrite(fd, from.as_ptr().cast(), from.len(), offset) })
}

/// Moves the offset: from the start (0), from where it is (1), from the end (2).
pub fn seek(file: &Fd, by: i64, whence: usize) -> Outcome {
    // SAFETY: no memory is involved.
    count(unsafe { libc::lseek(file.raw() as i32, by, whence as i32) } as isize)
}

/// Makes a directory.
pub fn mkdir(path: &str) -> Outcome<()> {
    plain(fs::create_dir(path))
}

/// Removes a directory.
pub fn rmdir(path: &str) -> Outcome<()> {
    plain(fs::remove_dir(path))
}

/// Removes a name that is no directory.
pub fn unlink(path: &str) -> Outcome<()> {
    plain(fs::remove_file(path))
}

/// Gives an object another name.
pub fn rename(from: &str, to: &str) -> Outcome<()> {
    plain(fs::rename(from, to))
}

/// Gives an object one more name.
pub fn link(from: &str, to: &str) -> Outcome<()> {
    plain(fs::hard_link(from, to))
}

/// Makes a symbolic link.
pub fn symlink(target: &str, path: &str) -> Outcome<()> {
    plain(std::os::unix::fs::symlink(target, path))
}

/// Where a symbolic link leads.
pub fn readlink(path: &str) -> Outcome<String> {
    plain(fs::read_link(path)).map(|target| target.to_string_lossy().into_owned())
}

/// All entries of a directory.
pub(super) fn list(path: &str) -> Outcome<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        plain(entry).map(|entry| entry.file_name().into_string().expect("UTF-8"))
    };
    plain(fs::read_dir(path))?.map(name).collect()
}
