//! `mkfs`: makes a RedoxFS, by the library that also reads it.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use agent::Errno;
use driver::Secret;
use indicatif::ProgressBar;
use redoxfs::{BLOCK_SIZE, FileSystem, HEADER_RING};
use redoxfs_disk::PortDisk;
use serde::Serialize;
use service::PARK;

use crate::{disk::Disk, error::Error, list::print_json};

/// What is asked of the command.
pub(crate) struct Order<'a> {
    pub(crate) disk: &'a str,
    /// A file whose first line is the password to encrypt with.
    pub(crate) password: Option<&'a Path>,
    pub(crate) force: bool,
    pub(crate) json: bool,
}

/// A file system, as it is told.
#[derive(Serialize)]
struct Told {
    disk: String,
    block_size: u64,
    blocks: u64,
    free: u64,
    uuid: String,
    encrypted: bool,
}

/// Makes an empty file system, and says what it is.
pub(crate) fn mkfs(order: &Order<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let disk = Disk::open(order.disk, 512)?;
    let password = order.password.map(password).transpose()?;
    if !BLOCK_SIZE.is_multiple_of(disk.block_size()) {
        let why = format!("its blocks have {} bytes, and RedoxFS's 4096", disk.block_size());
        return Err(failed(&disk, io::Error::new(io::ErrorKind::InvalidInput, why)));
    }
    if !order.force && disk.is_used()? {
        return Err(failed(&disk, io::ErrorKind::AlreadyExists.into())
            .hint("there is something on it; use --force to lose what that is"));
    }
    let progress = ProgressBar::new_spinner().with_message(format!("formatting {}", disk.path));
    progress.enable_steady_tick(Duration::from_millis(100));
    let made = make(&disk, password.as_ref()).map_err(|why| failed(&disk, why));
    progress.finish_and_clear();
    let told = made?;
    if order.json { print_json(&told, out) } else { print(&told, out) }
}

fn failed(disk: &Disk, why: io::Error) -> Error {
    Error::path("make a file system on", &disk.path, why)
}

fn password(path: &Path) -> Result<Secret, Error> {
    let name = path.display().to_string();
    let text = Secret::new(fs::read(path).map_err(|why| Error::path("read", &name, why))?);
    let line = text.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.is_empty() {
        let why = io::Error::new(io::ErrorKind::InvalidData, "its first line is empty");
        return Err(Error::path("take a password from", &name, why));
    }
    Ok(Secret::new(line.to_vec()))
}

fn make(disk: &Disk, password: Option<&Secret>) -> io::Result<Told> {
    let least = (HEADER_RING + 4) * BLOCK_SIZE;
    if disk.size() < least {
        let why = format!("it has {} bytes, and the least is {least}", disk.size());
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    // A header of an older file system that is left in the ring would be taken for the newest.
    let ring = vec![0; (HEADER_RING * BLOCK_SIZE) as usize];
    disk.write(0, &ring)?;
    let (port, now) = (disk.lower.port.clone(), service::now());
    let below = PortDisk::new(port, disk.size(), &PARK);
    let mut made =
        FileSystem::create(below, password.map(Secret::bytes), now.sec, now.nsec).map_err(lib)?;
    made.disk.flush().map_err(crate::disk::system)?;
    Ok(Told {
        disk: disk.path.clone(),
        block_size: BLOCK_SIZE,
        blocks: made.header.size() / BLOCK_SIZE,
        free: made.allocator().free(),
        uuid: uuid::Uuid::from_bytes(made.header.uuid()).to_string(),
        encrypted: made.header.encrypted(),
    })
}

/// The library's error, which is an errno.
fn lib(error: redoxfs_disk::Error) -> io::Error {
    u16::try_from(error.errno)
        .map_or(io::ErrorKind::Other.into(), |code| crate::disk::system(Errno(code)))
}

fn print(told: &Told, out: &mut dyn Write) -> Result<(), Error> {
    let Told { disk, block_size, blocks, free, uuid, encrypted } = told;
    let how = if *encrypted { ", encrypted" } else { "" };
    writeln!(out, "{disk}: RedoxFS {uuid}{how}")?;
    writeln!(out, "{blocks} blocks of {block_size} bytes, {free} free")?;
    Ok(())
}
