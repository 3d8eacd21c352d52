//! Files and directories behind scheme handles.
//!
//! A path below `/scheme/` is opened through `libredox`, on Redox as on a host with an
//! implementation of its ABI; any other path is one of the system's and goes through the
//! standard library.

use std::io::{self, Read, Write};

use driver::{FileKind, dirent};
use libredox::{
    Fd, call,
    flag::{O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY},
};
use syscall::{CallFlags, StdFsCallKind};

use crate::error::Error;

/// The bit that opens a symbolic link itself. Redox's own number, which the host's numbers leave
/// free.
const O_SYMLINK: i32 = syscall::flag::O_SYMLINK as i32;
/// The bit that asks for no right to the contents.
const O_STAT: i32 = syscall::flag::O_STAT as i32;

/// Bytes that are moved at once.
pub const CHUNK: usize = 256 << 10;

/// True for a path of a scheme.
pub fn is_scheme(path: &str) -> bool {
    path.starts_with("/scheme/")
}

/// Attributes, as far as the tool prints and compares them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Meta {
    /// `file`, `directory`, `symlink`, `block`, `character`, `socket` or `other`.
    pub kind: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Names.
    pub links: u64,
    /// Last change of the contents, seconds since 1970 began.
    pub mtime: i64,
    /// Inode number.
    pub inode: u64,
}

fn kind_of(mode: u32) -> &'static str {
    match FileKind::from_mode(mode as u16) {
        Some(FileKind::Regular) => "file",
        Some(FileKind::Directory) => "directory",
        Some(FileKind::Symlink) => "symlink",
        Some(FileKind::Block) => "block",
        Some(FileKind::Character) => "character",
        Some(FileKind::Socket) => "socket",
        _ => "other",
    }
}

fn io(error: libredox::error::Error) -> io::Error {
    io::Error::from_raw_os_error(error.errno())
}

fn open(path: &str, flags: i32, mode: u16, tried: &'static str) -> Result<Fd, Error> {
    Fd::open(path, flags | O_CLOEXEC, mode).map_err(|error| Error::path(tried, path, io(error)))
}

/// A file that is read or written from its beginning on.
pub struct Stream(Fd);

impl Stream {
    /// Opens a file to read.
    pub fn open(path: &str) -> Result<Stream, Error> {
        open(path, O_RDONLY, 0, "open").map(Stream)
    }

    /// Makes a file, or opens one and makes it empty, to write.
    pub fn create(path: &str, mode: u16) -> Result<Stream, Error> {
        open(path, O_WRONLY | O_CREAT | O_TRUNC, mode, "create").map(Stream)
    }

    /// Opens a device to write.
    pub fn open_device(path: &str) -> Result<Stream, Error> {
        open(path, O_WRONLY, 0, "open").map(Stream)
    }

    /// Changes the permission bits.
    pub fn chmod(&self, mode: u16) -> io::Result<()> {
        self.0.chmod(mode).map_err(io)
    }

    /// Waits until what was written is safe.
    pub fn sync(&self) -> io::Result<()> {
        self.0.fsync().map_err(io)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(io)
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer).map_err(io)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The attributes of what is at `path`; a link is not followed.
pub fn meta(path: &str) -> Result<Meta, Error> {
    meta_with(path, O_STAT | O_NOFOLLOW)
}

/// The attributes of what is at `path`, or where a link there leads.
pub fn meta_behind(path: &str) -> Result<Meta, Error> {
    meta_with(path, O_STAT)
}

fn meta_with(path: &str, flags: i32) -> Result<Meta, Error> {
    let handle = open(path, flags, 0, "look at")?;
    let stat = handle.stat().map_err(|error| Error::path("look at", path, io(error)))?;
    #[allow(clippy::unnecessary_cast)] // the types differ from system to system
    Ok(Meta {
        kind: kind_of(stat.st_mode as u32),
        mode: stat.st_mode as u32 & 0o7777,
        uid: stat.st_uid as u32,
        gid: stat.st_gid as u32,
        size: stat.st_size as u64,
        links: stat.st_nlink as u64,
        mtime: stat.st_mtime as i64,
        inode: stat.st_ino as u64,
    })
}

/// The names in a directory, without those of itself and its parent, in order.
pub fn names(path: &str) -> Result<Vec<String>, Error> {
    let failed = |error| Error::path("list", path, io(error));
    let handle = open(path, O_RDONLY | O_DIRECTORY, 0, "open the directory")?;
    let (mut names, mut cookie, mut buffer) = (Vec::new(), 0, vec![0; 64 << 10]);
    loop {
        let count = call::getdents(handle.raw(), &mut buffer, cookie).map_err(failed)?;
        if count == 0 {
            break;
        }
        for entry in dirent::entries(&buffer[..count]) {
            cookie = entry.next;
            if !matches!(entry.name, b"." | b"..") {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Makes a directory.
pub fn mkdir(path: &str) -> Result<(), Error> {
    open(path, O_CREAT | O_EXCL | O_DIRECTORY, 0o777, "make the directory").map(drop)
}

/// Makes a symbolic link that leads to `target`.
pub fn symlink(path: &str, target: &[u8]) -> Result<(), Error> {
    let link = open(path, O_CREAT | O_WRONLY | O_SYMLINK, 0o777, "make the link")?;
    let written = link.write(target).map_err(io);
    written.map(drop).map_err(|error| Error::path("make the link", path, error))
}

/// Where a symbolic link leads.
pub fn readlink(path: &str) -> Result<Vec<u8>, Error> {
    let link = open(path, O_RDONLY | O_SYMLINK, 0, "open the link")?;
    let mut target = vec![0; 4096];
    let count = link.read(&mut target).map_err(io);
    target.truncate(count.map_err(|error| Error::path("read the link", path, error))?);
    Ok(target)
}

/// Sets access and modification times, in whole seconds since 1970 began.
pub fn set_mtime(path: &str, seconds: i64) -> Result<(), Error> {
    let handle = open(path, O_STAT | O_NOFOLLOW, 0, "open")?;
    let mut bytes = [0; 32];
    for time in bytes.chunks_exact_mut(16) {
        time[..8].copy_from_slice(&seconds.to_ne_bytes());
    }
    let words = [StdFsCallKind::Futimens as u64, 0, 0];
    call::call_rw(handle.raw(), &mut bytes, CallFlags::STD_FS, &words)
        .map(drop)
        .map_err(|error| Error::path("set the times of", path, io(error)))
}

/// Sets the permission bits.
pub fn chmod(path: &str, mode: u16) -> Result<(), Error> {
    let handle = open(path, O_STAT | O_NOFOLLOW, 0, "open")?;
    handle.chmod(mode).map_err(|error| Error::path("change the mode of", path, io(error)))
}
