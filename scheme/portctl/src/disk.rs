//! Disks: block ports of other processes and image files. Both are block drivers here, and are
//! read and written by messages.

use std::{fs, io};

use agent::Errno;
use driver::{
    Body, Call, Class, Cred, Data, Driver, Lower, Neighbour, Node, Op, OptionValue, Options, Origin,
};
use service::{PARK, Remote};

use crate::{error::Error, file::is_scheme};

/// Bytes at a disk's beginning where tables and file systems have their marks.
const MARKED: u64 = 128 << 10;

/// A disk.
pub(crate) struct Disk {
    /// Where it is, for people.
    pub(crate) path: String,
    /// The driver that it is.
    pub(crate) lower: Lower,
}

impl Disk {
    /// Opens the block port or image file at `path`. An image's blocks have `block` bytes; those of
    /// a port are its own.
    pub(crate) fn open(path: &str, block: u32) -> Result<Disk, Error> {
        let driver = if is_scheme(path) { port(path) } else { image(path, block) }?;
        let description = driver.describe();
        if description.class != Class::Block {
            let why = format!("it is a {} device, not a disk", description.class.name());
            return Err(Error::path("open", path, io::Error::other(why))
                .hint("name a block port, or an image file"));
        }
        let port = Neighbour::new(driver, 0);
        Ok(Disk { path: path.into(), lower: Lower { port, description } })
    }

    /// Bytes of a block.
    pub(crate) fn block_size(&self) -> u64 {
        self.lower.description.block_size.into()
    }

    /// Bytes in all.
    pub(crate) fn size(&self) -> u64 {
        self.lower.description.size
    }

    /// Fills `room`, which is whole blocks.
    pub(crate) fn read(&self, offset: u64, room: &mut [u8]) -> io::Result<()> {
        let len = room.len();
        whole(self.ask(Op::Read { node: Node::ROOT, offset }, Data::sink(room))?, len)
    }

    /// Writes `bytes`, which are whole blocks.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        whole(self.ask(Op::Write { node: Node::ROOT, offset }, Data::source(bytes))?, bytes.len())
    }

    /// Waits until what was written is safe.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.ask(Op::Flush { node: Node::ROOT }, Data::NONE).map(|_| ())
    }

    fn ask(&self, op: Op, data: Data<'_>) -> io::Result<usize> {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        let status = self.lower.port.call(&mut Origin::root(), &PARK, &mut call);
        status.result().map_err(system)
    }

    /// True where something is on it already: where tables and file systems have their marks, not
    /// all is zeros.
    pub(crate) fn is_used(&self) -> Result<bool, Error> {
        let marked = MARKED.min(self.size());
        let last = self.size().saturating_sub(self.block_size());
        for (offset, len) in [(0, marked), (last, self.size() - last)] {
            let mut room = vec![0; len as usize];
            self.read(offset, &mut room).map_err(|why| Error::path("read", &self.path, why))?;
            if room.iter().any(|byte| *byte != 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// An errno as an error of the system.
pub(crate) fn system(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0.into())
}

fn whole(count: usize, len: usize) -> io::Result<()> {
    match count == len {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

type Opened = Result<std::sync::Arc<dyn Driver>, Error>;

fn port(path: &str) -> Opened {
    match Remote::connect(path) {
        Ok(remote) => Ok(std::sync::Arc::new(remote)),
        Err(Errno::EOPNOTSUPP | Errno::EPROTO) => file(path, 512),
        Err(errno) => Err(Error::path("open", path, system(errno))),
    }
}

fn image(path: &str, block: u32) -> Opened {
    let meta = fs::metadata(path).map_err(|why| Error::path("open", path, why))?;
    if meta.is_dir() {
        return Err(Error::path("open", path, io::Error::from(io::ErrorKind::IsADirectory)));
    }
    file(path, block)
}

/// A file or device of the system, as a driver.
fn file(path: &str, block: u32) -> Opened {
    let mut options = Options::default();
    options.set("path", OptionValue::Text(path.into()));
    options.set("block_size", OptionValue::Integer(block.into()));
    let context = driver::Context { now: service::now, wait: &PARK };
    (service::FILE.make)(&options, Vec::new(), &context)
        .map_err(|why| Error::path("use", path, io::Error::other(why)))
}
