//! What is charged, and noted, before a request goes down.

use driver::{Attr, Body, Errno, Exchange, Node, Op, Outcome, Request};

use crate::{
    Quota,
    files::{File, size},
    ledger::Amount,
};

/// What a frame says: bytes that were charged to whom, the node that is pinned.
pub(crate) struct Noted {
    pub(crate) bytes: u64,
    /// The uid, and in the bits above whether there is a node and an inode was charged.
    pub(crate) uid: u32,
    pub(crate) inode: bool,
    pub(crate) node: Option<Node>,
}

impl Noted {
    const NOTHING: Noted = Noted { bytes: 0, uid: 0, inode: false, node: None };

    fn words(&self) -> [u64; 3] {
        let flags = u64::from(self.inode) << 32 | u64::from(self.node.is_some()) << 33;
        [self.bytes, u64::from(self.uid) | flags, self.node.map_or(0, |node| node.0)]
    }

    pub(crate) fn from_words([bytes, flags, node]: [u64; 3]) -> Noted {
        let inode = flags >> 32 & 1 == 1;
        let node = (flags >> 33 & 1 == 1).then_some(Node(node));
        Noted { bytes, uid: flags as u32, inode, node }
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount { bytes: self.bytes, inodes: self.inode.into() }
    }
}

impl Quota {
    /// Notes a change and passes it down.
    pub(crate) fn change<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        match self.note(&mut request) {
            Ok(noted) => request.forward(self, &self.below.lower.port, noted.words()),
            Err(errno) => request.done(errno),
        }
    }

    fn note(&self, request: &mut Request<'_>) -> Result<Noted, Errno> {
        let Body { op, cred, .. } = *request.body();
        match op {
            Op::Write { node, offset } => {
                let len = request.len() as u64;
                let start = if offset == Op::END { None } else { Some(offset) };
                self.grow(request, node, |size| start.unwrap_or(size).saturating_add(len))
            }
            Op::Truncate { node, len } => self.grow(request, node, |_| len),
            Op::Open { node, .. } | Op::Close { node } | Op::Link { node, .. } => {
                self.pin(request, node)
            }
            Op::Create { parent, .. } => match self.named(request, parent, 0) {
                Some((node, attr)) => Ok(self.pin_found(node, &attr)),
                None => self.charge(cred.uid, Amount::node(0)),
            },
            Op::Mkdir { .. } => self.charge(cred.uid, Amount::node(0)),
            Op::Symlink { .. } => {
                let len = request.name(1).map_or(0, <[u8]>::len) as u64;
                self.charge(cred.uid, Amount::node(len))
            }
            Op::Unlink { parent, .. } => Ok(self.pin_name(request, parent, 0)),
            Op::Rename { parent, to } => {
                let (moved, there) = (self.named(request, parent, 0), self.named(request, to, 1));
                // A node that is moved to another name of its own stays as it is.
                let there =
                    there.filter(|(node, _)| moved.is_some_and(|(moved, _)| moved != *node));
                Ok(there.map_or(Noted::NOTHING, |(node, attr)| self.pin_found(node, &attr)))
            }
            Op::Setattr { node, set } => {
                let noted = self.pin(request, node)?;
                self.charge_new_owner(noted, node, set.uid)
            }
            _ => Ok(Noted::NOTHING),
        }
    }

    fn attr(&self, request: &mut Request<'_>, node: Node) -> Result<Attr, Errno> {
        let mut origin = request.origin();
        let answer = self.below.attr(&mut origin, node);
        request.rejoin(origin);
        answer
    }

    /// What one of the request's names is of; `None` where nothing is there, or the name is none.
    fn named(&self, request: &mut Request<'_>, parent: Node, index: usize) -> Option<(Node, Attr)> {
        let mut origin = request.origin();
        let name = request.name(index).filter(|name| driver::check_name(name).is_ok());
        let found = name.and_then(|name| self.below.find(&mut origin, parent, name).ok());
        request.rejoin(origin);
        found
    }

    fn charge(&self, uid: u32, amount: Amount) -> Result<Noted, Errno> {
        self.state.lock().ledger.charge(uid, amount)?;
        Ok(Noted { bytes: amount.bytes, uid, inode: amount.inodes > 0, node: None })
    }

    /// Pins a node, and asks for what is not known of it. Nothing where it isn't there: the lower
    /// port will say so.
    fn pin(&self, request: &mut Request<'_>, node: Node) -> Result<Noted, Errno> {
        let known = self.state.lock().files.get(node).is_some_and(|file| !file.doubt);
        let attr = if known { None } else { self.attr(request, node).map(Some).or_else(gone)? };
        match attr {
            Some(attr) => Ok(self.pin_found(node, &attr)),
            None => {
                let pinned = self.state.lock().files.pin(node, None);
                Ok(Noted { node: pinned.then_some(node), ..Noted::NOTHING })
            }
        }
    }

    fn pin_found(&self, node: Node, attr: &Attr) -> Noted {
        let state = &mut *self.state.lock();
        state.files.pin(node, Some(attr));
        if state.files.settle(node) {
            state.files.resize(node, size(attr), &mut state.ledger);
        }
        Noted { node: Some(node), ..Noted::NOTHING }
    }

    fn pin_name(&self, request: &mut Request<'_>, parent: Node, index: usize) -> Noted {
        let found = self.named(request, parent, index);
        found.map_or(Noted::NOTHING, |(node, attr)| self.pin_found(node, &attr))
    }

    /// Charges what a file grows by, where it is to be as long as `end` says of its size now.
    fn grow(
        &self,
        request: &mut Request<'_>,
        node: Node,
        end: impl FnOnce(u64) -> u64,
    ) -> Result<Noted, Errno> {
        let noted = self.pin(request, node)?;
        if noted.node.is_none() {
            return Ok(noted);
        }
        let state = &mut *self.state.lock();
        let Some(File { uid, size, .. }) = state.files.get(node) else { return Ok(noted) };
        let bytes = end(size).saturating_sub(size);
        match state.ledger.charge(uid, Amount::bytes(bytes)) {
            Ok(()) => Ok(Noted { bytes, uid, ..noted }),
            Err(errno) => {
                state.files.unpin(node, &mut state.ledger);
                Err(errno)
            }
        }
    }

    /// Charges whom a node is to be given to.
    fn charge_new_owner(&self, noted: Noted, node: Node, uid: Option<u32>) -> Result<Noted, Errno> {
        let state = &mut *self.state.lock();
        let (Some(file), Some(uid)) = (state.files.get(node), uid) else { return Ok(noted) };
        if uid == file.uid {
            return Ok(noted);
        }
        match state.ledger.charge(uid, file.amount()) {
            Ok(()) => Ok(Noted { bytes: file.size, uid, inode: true, ..noted }),
            Err(errno) => {
                state.files.unpin(node, &mut state.ledger);
                Err(errno)
            }
        }
    }
}

/// A node that isn't there has no attributes. Any other error is the request's.
fn gone(errno: Errno) -> Result<Option<Attr>, Errno> {
    if errno == Errno::ESTALE { Ok(None) } else { Err(errno) }
}
