//! A RedoxFS on any block port, by way of the `redoxfs` library.
//!
//! The root directory is [`Node::ROOT`](driver::Node::ROOT); every other node has the number of
//! its tree entry on the disk. One lock is held while a request is worked on; a host that has
//! several threads puts a serialized or a thread port around it.
//!
//! | | |
//! | --- | --- |
//! | every change | is one transaction of the library, but that a write past 1 MiB is several; one that fails leaves everything as it was |
//! | data | goes between the library and the asker's memory in place; where that is shared, through a private buffer, which is one copy |
//! | a power cut | leaves the tree of one of the last changes: where what is below writes back, and with `barriers`, it is flushed before each header and after it |
//! | times | reads change no access time, so that they write nothing |
//! | names | are UTF-8 without `:`, of at most 252 bytes: else `EINVAL`, `ENAMETOOLONG` |
//! | a second name for a directory | is `EPERM`; discard and poll are `EOPNOTSUPP`, as for any file system |
//! | a directory | counts one link, whatever is in it |
//!
//! The library trusts an image more than one should: a damaged one can make it panic. What can
//! be is checked before the library sees it, and the number of calls that a request may cause is
//! limited, so that it ends. For the rest the host catches the panic, and the driver, left by
//! one, answers nothing but `EIO` from then on.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod data;
mod image;
mod list;
mod names;
mod node;
mod open;
mod remove;
mod size;
mod volume;

use driver::{
    Body, Class, Description, Driver, Errno, Exchange, Features, Op, Outcome, Port, Reply, Request,
    Time,
};

pub use config::KIND;

use volume::{Asker, Volume};

/// A mounted file system.
pub struct Redoxfs {
    volume: spin::Mutex<Volume>,
    now: fn() -> Time,
    size: u64,
    features: Features,
}

impl Redoxfs {
    fn new(volume: Volume, now: fn() -> Time, features: Features) -> Redoxfs {
        let size = volume.fs.header.size();
        Redoxfs { volume: spin::Mutex::new(volume), now, size, features }
    }

    fn answer(&self, volume: &mut Volume, request: &mut Request<'_>) -> Result<usize, Errno> {
        match request.body().op {
            Op::Read { node, offset } => volume.read(request, node, offset),
            Op::Write { node, offset } => volume.write(request, node, offset, (self.now)()),
            Op::Readdir { node, cookie } => volume.readdir(request, node, cookie),
            Op::Readlink { node } => volume.readlink(request, node),
            Op::Discard { .. } | Op::Poll { .. } => Err(Errno::EOPNOTSUPP),
            _ => {
                let reply = self.reply(volume, request)?;
                request.body_mut().reply = reply;
                Ok(0)
            }
        }
    }

    /// Operations that only ask; then those that change something.
    fn reply(&self, volume: &mut Volume, request: &Request<'_>) -> Result<Reply, Errno> {
        let Body { op, cred, .. } = *request.body();
        match op {
            Op::Lookup { parent, follow } => {
                volume.lookup(parent, request.name(0).unwrap_or_default(), follow, cred)
            }
            Op::Close { node } => volume.close(node).map(nothing),
            Op::Getattr { node } => volume.attr(node).map(Reply::Attr),
            Op::Flush { node } => volume.flush(node).map(nothing),
            Op::Statfs => Ok(Reply::Statfs(volume.statfs())),
            _ => change(volume, request, Asker { cred, now: (self.now)() }),
        }
    }
}

fn change(volume: &mut Volume, request: &Request<'_>, by: Asker) -> Result<Reply, Errno> {
    // A name that did not come is an empty one, as it is where a boundary was crossed.
    let [name, second] = [0, 1].map(|index| request.name(index).unwrap_or_default());
    match request.body().op {
        Op::Open { node, flags } => volume.open(node, flags, by).map(nothing),
        Op::Setattr { node, set } => volume.setattr(node, &set, by).map(Reply::Attr),
        Op::Create { parent, mode, flags } => volume.create(parent, name, mode, flags, by),
        Op::Mkdir { parent, mode } => volume.mkdir(parent, name, mode, by),
        Op::Symlink { parent } => volume.symlink(parent, name, second, by),
        Op::Link { node, parent } => volume.link(node, parent, name, by).map(nothing),
        Op::Unlink { parent, dir } => volume.unlink(parent, name, dir, by).map(nothing),
        Op::Rename { parent, to } => volume.rename((parent, name), (to, second), by).map(nothing),
        Op::Truncate { node, len } => volume.truncate(node, len, by).map(nothing),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

fn nothing((): ()) -> Reply {
    Reply::Nothing
}

impl Port<Body> for Redoxfs {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let mut volume = self.volume.lock();
        if let Err(errno) = volume.enter(&mut request) {
            return request.done(errno);
        }
        let result = self.answer(&mut volume, &mut request);
        volume.leave(&mut request);
        drop(volume);
        request.done(result)
    }
}

impl Driver for Redoxfs {
    fn describe(&self) -> Description {
        Description { size: self.size, ..Description::new(Class::File, self.features) }
    }
}
