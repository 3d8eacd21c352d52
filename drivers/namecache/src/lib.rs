//! Remembers what lookups found, and that they found nothing, over any file port.
//!
//! | passes | and |
//! | --- | --- |
//! | a lookup that was asked before | is completed inline, for the same asker |
//! | create, mkdir, symlink, link | lets go of what was not found |
//! | unlink of what is no directory | lets go of what was found |
//! | unlink of a directory, rename, a change of owner or mode | lets go of everything |
//! | write, truncate, an open that empties | lets go of the node's attributes |
//! | an answer `ESTALE` to a lookup or an open | lets go of everything: nodes have other numbers below |
//! | a read | goes by; where it may be the first since a change, it lets go of the attributes too, since it may have set the access time |
//!
//! Which answers came by a name that goes is not known: a link may have led there. So all that were
//! found go; what was not there still isn't.
//!
//! What is under way while a lookup is may have changed what that finds, so it is not remembered
//! then. Access times in an answer can be old by a read that was under way meanwhile, and where a
//! file system sets them at every read. Longer paths than [`LONGEST`] are not remembered. Looks at
//! names only.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod names;

use alloc::{format, sync::Arc, vec::Vec};
use core::{
    fmt,
    num::NonZeroUsize,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use driver::{
    Attr, Body, Built, Class, Context, Description, Driver, Errno, Exchange, Features, Kind, Lower,
    Node, Op, OpenFlags, OptionKind, OptionSpec, Options, Outcome, Port, Reply, Request, Saved,
    SetAttr, Stands, Status,
};

pub use names::LONGEST;
use names::{Answer, Key, Names};

/// A cache of lookups before a file port.
pub struct Namecache {
    lower: Lower,
    names: spin::Mutex<Names>,
    /// Counts changes that begin and that end.
    changes: AtomicU64,
    /// A bit for nodes whose attributes are known and may change by a read.
    unread: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "namecache",
    help: "remembers what lookups in a file system found",
    stands: Stands::OnOne,
    options: &[OptionSpec {
        key: "entries",
        kind: OptionKind::Integer,
        required: false,
        help: "how many answers are kept (4096)",
    }],
    make,
};

const MOST: u64 = 1 << 24;

fn make(options: &Options, lower: Vec<Lower>, _: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    if lower.description.class != Class::File {
        let class = lower.description.class.name();
        return Err(format!("stands on a {class} driver: put it on a file driver"));
    }
    let entries = options.integer("entries").unwrap_or(4096);
    let count = usize::try_from(entries).ok().filter(|_| entries <= MOST);
    let Some(count) = count.and_then(NonZeroUsize::new) else {
        return Err(format!("entries = {entries} makes no sense: use 1 to {MOST}"));
    };
    Ok(Arc::new(Namecache::new(lower, count)))
}

/// What a change may have made wrong.
#[derive(Clone, Copy)]
enum Breaks {
    Nothing,
    /// What is known of a node.
    Attr(Node),
    /// The access time of a node, where none was set since its last change.
    Access(Node),
    /// That something isn't there; and what is known of a node or two.
    Missing(Node, Node),
    /// That something is there.
    Found,
    Everything,
}

fn breaks(op: &Op) -> Breaks {
    match *op {
        Op::Write { node, .. } | Op::Truncate { node, .. } => Breaks::Attr(node),
        Op::Open { node, flags } if flags.contains(OpenFlags::TRUNCATE) => Breaks::Attr(node),
        Op::Setattr { node, set } => match set {
            SetAttr { mode: None, uid: None, gid: None, .. } => Breaks::Attr(node),
            _ => Breaks::Everything,
        },
        Op::Create { parent, .. } | Op::Mkdir { parent, .. } | Op::Symlink { parent } => {
            Breaks::Missing(parent, parent)
        }
        Op::Link { node, parent } => Breaks::Missing(node, parent),
        Op::Unlink { dir: false, .. } => Breaks::Found,
        Op::Unlink { .. } | Op::Rename { .. } => Breaks::Everything,
        _ => Breaks::Nothing,
    }
}

impl Namecache {
    fn new(lower: Lower, entries: NonZeroUsize) -> Namecache {
        Namecache {
            lower,
            names: spin::Mutex::new(Names::new(entries)),
            changes: AtomicU64::new(0),
            unread: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    fn lookup<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let before = self.changes.load(SeqCst);
        let Some(key) = key(&request) else { return request.pass(&self.lower.port) };
        let known = self.names.lock().get(&key);
        match known {
            Some(answer) => {
                self.hits.fetch_add(1, Relaxed);
                match answer {
                    Answer::Found(node, attr) => {
                        request.body_mut().reply = Reply::Entry { node, attr };
                        request.done(Status::OK)
                    }
                    Answer::Missing => request.done(Errno::ENOENT),
                }
            }
            None => {
                self.misses.fetch_add(1, Relaxed);
                request.forward(self, &self.lower.port, [before, 0, 0])
            }
        }
    }

    /// A lookup is back, which began after so many changes.
    fn found(&self, request: &Request<'_>, status: Status, before: u64) {
        let answer = match (status.result(), request.body().reply) {
            (Ok(_), Reply::Entry { node, attr }) => Answer::Found(node, attr),
            (Err(Errno::ENOENT), _) => Answer::Missing,
            _ => return,
        };
        let Some(key) = key(request) else { return };
        let mut names = self.names.lock();
        // Under the lock: a change that begins now lets go of what is put in.
        if self.changes.load(SeqCst) != before {
            return;
        }
        if let Answer::Found(node, attr) = answer
            && is_unread(&attr)
        {
            self.unread.fetch_or(bit(node), SeqCst);
        }
        names.put(&key, answer);
    }

    /// Something may change, or may have changed.
    fn change(&self, breaks: Breaks) {
        if matches!(breaks, Breaks::Nothing) {
            return;
        }
        let mut names = self.names.lock();
        self.changes.fetch_add(1, SeqCst);
        match breaks {
            Breaks::Nothing => {}
            Breaks::Attr(node) => names.forget_attr(node),
            Breaks::Access(node) => names.forget_unread(node),
            Breaks::Missing(one, other) => {
                names.forget_missing();
                names.forget_attr(one);
                names.forget_attr(other);
            }
            Breaks::Found | Breaks::Everything => {
                names.forget_found();
                self.unread.store(0, SeqCst);
                if matches!(breaks, Breaks::Everything) {
                    names.forget_missing();
                }
            }
        }
    }

    fn changing<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.change(breaks(&request.body().op));
        request.forward(self, &self.lower.port, [0; 3])
    }

    #[inline]
    fn reading<'s>(&'s self, request: Request<'s>, node: Node) -> Outcome<'s, Body> {
        if self.unread.load(SeqCst) & bit(node) == 0 {
            return request.pass(&self.lower.port);
        }
        request.forward(self, &self.lower.port, [0; 3])
    }
}

/// A read may set the access time.
fn is_unread(attr: &Attr) -> bool {
    attr.atime <= attr.mtime || attr.atime <= attr.ctime
}

fn bit(node: Node) -> u64 {
    1 << (node.0 % 64)
}

/// What a lookup asks; `None` for what is too long to be kept.
fn key(request: &Request<'_>) -> Option<Key> {
    let Op::Lookup { parent, follow } = request.body().op else { return None };
    Key::new(parent, follow, request.body().cred, request.name(0).unwrap_or_default())
}

impl Port<Body> for Namecache {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { node, .. } | Op::Readdir { node, .. } | Op::Readlink { node } => {
                self.reading(request, node)
            }
            Op::Lookup { .. } => self.lookup(request),
            Op::Open { .. } => self.changing(request),
            op if matches!(breaks(&op), Breaks::Nothing) => request.pass(&self.lower.port),
            _ => self.changing(request),
        }
    }

    fn up<'s>(
        &'s self,
        request: Request<'s>,
        status: Status,
        [before, ..]: Saved,
    ) -> Outcome<'s, Body> {
        if status.result() == Err(Errno::ESTALE) {
            self.change(Breaks::Everything);
        }
        match request.body().op {
            Op::Lookup { .. } => self.found(&request, status, before),
            Op::Read { node, .. } | Op::Readdir { node, .. } | Op::Readlink { node } => {
                self.change(Breaks::Access(node));
            }
            op => {
                self.change(breaks(&op));
                // What was made or found may have been emptied, or opened.
                if let Some(node) = request.body().node() {
                    self.change(Breaks::Attr(node));
                }
            }
        }
        request.done(status)
    }
}

impl Driver for Namecache {
    fn describe(&self) -> Description {
        let described = self.lower.description;
        Description { features: described.features | Features::CONCURRENT, ..described }
    }

    fn passes_data(&self) -> bool {
        true
    }

    /// One object: answers that are kept, lookups that were answered here, and that were not.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let entries = self.names.lock().len();
        let (hits, misses) = (self.hits.load(Relaxed), self.misses.load(Relaxed));
        writeln!(out, "{{\"entries\":{entries},\"hits\":{hits},\"misses\":{misses}}}")
    }
}
