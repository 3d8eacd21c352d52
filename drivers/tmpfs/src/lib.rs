//! A complete file system in memory.
//!
//! Files are sparse: only pages that were written take room, up to the limit of the option
//! `size`. Data goes straight between those pages and the asker's memory: one look a page, no
//! copies. The root directory is [`Node::ROOT`]; other nodes have their inode number, from 2 on,
//! and no number is used twice while the file system lives.
//!
//! A node is freed when its last name is gone and nobody has it open. A driver that is let go of
//! takes everything with it.
//!
//! Names are any bytes but `/` and 0, 255 at most (`ENAMETOOLONG`); a second name for a directory is
//! `EPERM`; discard and poll are `EOPNOTSUPP`, as for any file system.
//!
//! Access times are relative ones: a read sets atime only where it is not later than mtime and
//! ctime, so a file that is read again and again costs no clock reading and no change.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod data;
mod dir;
mod inode;
mod names;
mod open;
mod order;
mod pages;
mod rename;
mod state;

use driver::{
    Body, Class, Description, Driver, Errno, Exchange, Features, Node, Op, Outcome, Port, Reply,
    Request, Time,
};

pub use config::{Config, KIND};

use state::{Asker, State};

/// A file system in memory.
///
/// It may be entered concurrently. One lock is held while a request is worked on, never across a
/// call out of the driver, and no request waits for anything else.
pub struct Tmpfs {
    state: spin::Mutex<State>,
    now: fn() -> Time,
    size: u64,
}

impl Tmpfs {
    /// An empty file system. `now` tells the time of day.
    pub fn new(config: &Config, now: fn() -> Time) -> Tmpfs {
        let state = State::new(config, now());
        Tmpfs { state: spin::Mutex::new(state), now, size: config.size }
    }

    fn answer(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        let op = request.body().op;
        match op {
            Op::Read { node, .. } | Op::Readdir { node, .. } | Op::Readlink { node } => {
                self.contents(request, node)
            }
            Op::Write { node, offset } => {
                let now = (self.now)();
                self.state.lock().write(request, node, offset, now)
            }
            Op::Discard { .. } | Op::Poll { .. } => Err(Errno::EOPNOTSUPP),
            _ => {
                let reply = self.reply(request)?;
                request.body_mut().reply = reply;
                Ok(0)
            }
        }
    }

    /// Operations that fill the request with what a node has in it.
    fn contents(&self, request: &mut Request<'_>, node: Node) -> Result<usize, Errno> {
        let (count, unseen) = {
            let state = self.state.lock();
            let inode = state.get(node)?;
            let count = match request.body().op {
                Op::Read { offset, .. } => inode.read(request, offset)?,
                Op::Readdir { cookie, .. } => inode.dir()?.list(request, node, cookie)?,
                _ => inode.readlink(request)?,
            };
            (count, inode.is_unseen())
        };
        if unseen {
            let now = (self.now)();
            self.state.lock().accessed(node, now);
        }
        Ok(count)
    }

    /// Operations that only ask, and need no time of day; then those that change something.
    fn reply(&self, request: &Request<'_>) -> Result<Reply, Errno> {
        let Body { op, cred, .. } = *request.body();
        match op {
            Op::Lookup { parent, follow } => {
                let path = request.name(0).unwrap_or_default();
                let found = driver::walk(&mut *self.state.lock(), parent, path, follow, cred)?;
                Ok(Reply::Entry { node: found.node, attr: found.attr })
            }
            Op::Close { node } => self.state.lock().close(node).map(nothing),
            Op::Getattr { node } => Ok(Reply::Attr(self.state.lock().get(node)?.attr())),
            Op::Flush { node } => self.state.lock().get(node).map(|_| Reply::Nothing),
            Op::Statfs => Ok(Reply::Statfs(self.state.lock().statfs())),
            _ => self.change(request, Asker { cred, now: (self.now)() }),
        }
    }

    fn change(&self, request: &Request<'_>, by: Asker) -> Result<Reply, Errno> {
        // A name that did not come is an empty one, as it is where a boundary was crossed.
        let [name, second] = [0, 1].map(|index| request.name(index).unwrap_or_default());
        let mut state = self.state.lock();
        match request.body().op {
            Op::Create { parent, mode, flags } => state.create(parent, name, mode, flags, by),
            Op::Mkdir { parent, mode } => state.mkdir(parent, name, mode, by),
            Op::Symlink { parent } => state.symlink(parent, name, second, by),
            Op::Setattr { node, set } => state.setattr(node, &set, by),
            Op::Open { node, flags } => state.open(node, flags, by).map(nothing),
            Op::Link { node, parent } => state.link(node, parent, name, by).map(nothing),
            Op::Unlink { parent, dir } => state.unlink(parent, name, dir, by).map(nothing),
            Op::Rename { parent, to } => state.rename(parent, name, to, second, by).map(nothing),
            Op::Truncate { node, len } => state.truncate(node, len, by).map(nothing),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}

fn nothing((): ()) -> Reply {
    Reply::Nothing
}

impl Port<Body> for Tmpfs {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let result = self.answer(&mut request);
        request.done(result)
    }
}

impl Driver for Tmpfs {
    fn describe(&self) -> Description {
        let size = self.size;
        Description { size, ..Description::new(Class::File, Features::CONCURRENT) }
    }
}
