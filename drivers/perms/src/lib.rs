//! Ownership and modes over a file port that has none, as UMSDOS had them over FAT. Who may do
//! what is decided here; the lower port is asked as root. It looks at no data.
//!
//! Owner, group and mode of each node that was made or changed here are records in a file of the
//! root directory, [`FILE`], by inode number: the lower port has to keep those. Nobody can list,
//! find, make or take away that name. A node without a record is as the lower port says. Records
//! are appended, with a checksum each, so that one that was cut off by a power failure is not
//! believed; the file is written anew when the driver is made.
//!
//! It asks the lower port questions of its own and waits for them; a host that has several
//! threads puts a serialized or a thread port around it. Reads and writes pass by.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attrs;
mod config;
mod list;
mod log;
mod names;
mod record;
mod session;

use driver::{
    Below, Body, Description, Driver, Errno, Exchange, Features, Node, Op, Outcome, Port, Reply,
    Request, Time,
};

pub use config::KIND;

use log::Log;
use session::Session;

/// The name of the file with the records, in the root directory.
pub const FILE: &str = ".perms";
/// Its name while it is written anew.
pub(crate) const NEW: &str = ".perms.new";

/// True for a name that nobody has to do with.
pub(crate) fn is_hidden(dir: Node, name: &[u8]) -> bool {
    dir == Node::ROOT && (name == FILE.as_bytes() || name == NEW.as_bytes())
}

/// A file port with owners and modes.
pub struct Perms {
    below: Below,
    log: spin::Mutex<Log>,
    now: fn() -> Time,
}

impl Perms {
    fn answer(&self, request: &mut Request<'_>) -> Result<(usize, Reply), Errno> {
        let mut origin = request.origin();
        let log = &mut *self.log.lock();
        let cred = request.body().cred;
        let mut session = Session { below: &self.below, origin: &mut origin, log, cred };
        let result = match request.body().op {
            // What fills a sink needs the request itself.
            Op::Readdir { node, cookie } => {
                let len = request.len();
                session.list(node, cookie, len).map(Err)
            }
            _ => reply(&mut session, request, (self.now)()).map(Ok),
        };
        request.rejoin(origin);
        match result? {
            Ok(reply) => Ok((0, reply)),
            Err(entries) => list::fill(request, &entries).map(|count| (count, Reply::Nothing)),
        }
    }
}

fn reply(session: &mut Session<'_>, request: &Request<'_>, now: Time) -> Result<Reply, Errno> {
    // A name that did not come is an empty one, as it is where a boundary was crossed.
    let [name, second] = [0, 1].map(|index| request.name(index).unwrap_or_default());
    match request.body().op {
        Op::Lookup { parent, follow } => {
            let path = request.name(0).unwrap_or_default();
            let cred = session.cred;
            let found = driver::walk(session, parent, path, follow, cred)?;
            Ok(Reply::Entry { node: found.node, attr: found.attr })
        }
        Op::Getattr { node } => session.attr(node).map(Reply::Attr),
        Op::Setattr { node, set } => session.setattr(node, &set, now).map(Reply::Attr),
        Op::Open { node, flags } => session.open(node, flags).map(nothing),
        Op::Close { node } => session.close(node).map(nothing),
        Op::Truncate { node, len } => session.truncate(node, len).map(nothing),
        Op::Create { parent, mode, flags } => session.create(parent, name, mode, flags),
        Op::Mkdir { parent, mode } => session.mkdir(parent, name, mode),
        Op::Symlink { parent } => session.symlink(parent, name, second),
        Op::Link { node, parent } => session.link(node, parent, name).map(nothing),
        Op::Unlink { parent, dir } => session.unlink(parent, name, dir).map(nothing),
        Op::Rename { parent, to } => session.rename((parent, name), (to, second)).map(nothing),
        Op::Flush { node } => session.flush(node).map(nothing),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

fn nothing((): ()) -> Reply {
    Reply::Nothing
}

impl Port<Body> for Perms {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { .. } | Op::Write { .. } | Op::Readlink { .. } | Op::Statfs => {
                return request.pass(&self.below.lower.port);
            }
            Op::Readdir { node, .. } if node != Node::ROOT => {
                return request.pass(&self.below.lower.port);
            }
            _ => {}
        }
        match self.answer(&mut request) {
            Ok((count, reply)) => {
                request.body_mut().reply = reply;
                request.done(driver::Status::ok(count))
            }
            Err(errno) => request.done(errno),
        }
    }
}

impl Driver for Perms {
    fn describe(&self) -> Description {
        let described = self.below.lower.description;
        Description { features: described.features - Features::CONCURRENT, ..described }
    }

    fn passes_data(&self) -> bool {
        true
    }
}
