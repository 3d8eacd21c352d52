//! What became of a change, and what is given back.

use driver::{Body, Exchange, Node, Op, OpenFlags, Reply, Request, Saved, Status};

use crate::{Quota, State, begin::Noted, files::size};

impl Quota {
    /// A change has come back.
    pub(crate) fn changed(&self, request: &Request<'_>, status: Status, saved: Saved) {
        let noted = Noted::from_words(saved);
        let state = &mut *self.state.lock();
        match (noted.node, status.result()) {
            (Some(node), result) => {
                // What was charged ahead goes; what has really changed is counted instead.
                state.ledger.refund(noted.uid, noted.amount());
                match result {
                    Ok(count) => state.done(request.body(), node, count as u64),
                    Err(_) if noted.bytes > 0 && !noted.inode => state.doubt(node),
                    Err(_) => {}
                }
                state.files.unpin(node, &mut state.ledger);
            }
            (None, Ok(_)) if noted.inode => state.made(request.body(), &noted),
            (None, _) => state.ledger.refund(noted.uid, noted.amount()),
        }
    }
}

impl State {
    fn doubt(&mut self, node: Node) {
        self.files.get_mut(node).into_iter().for_each(|file| file.doubt = true);
    }

    /// A change of a known node is done.
    fn done(&mut self, body: &Body, node: Node, count: u64) {
        let ledger = &mut self.ledger;
        let Some(file) = self.files.get(node) else { return };
        match body.op {
            Op::Write { offset, .. } => {
                let start = if offset == Op::END { file.size } else { offset };
                let end = if count > 0 { start.saturating_add(count) } else { 0 };
                self.files.resize(node, file.size.max(end), ledger);
            }
            Op::Truncate { len, .. } => self.files.resize(node, len, ledger),
            Op::Open { flags, .. } | Op::Create { flags, .. } => {
                self.files.opened(node);
                if flags.contains(OpenFlags::TRUNCATE) {
                    self.files.resize(node, 0, ledger);
                }
            }
            Op::Close { .. } => self.files.closed(node),
            Op::Link { .. } => self.files.named(node, true),
            Op::Unlink { .. } | Op::Rename { .. } => self.files.named(node, false),
            Op::Setattr { .. } => {
                if let Some(attr) = body.attr() {
                    self.files.give(node, attr.uid, ledger);
                }
            }
            _ => {}
        }
    }

    /// A node was made, as was charged for.
    fn made(&mut self, body: &Body, noted: &Noted) {
        let Reply::Entry { node, attr } = body.reply else { return };
        if !matches!(body.op, Op::Create { .. }) {
            return;
        }
        if self.files.get(node).is_some() {
            // Somebody else made it meanwhile, and was charged.
            self.ledger.refund(noted.uid, noted.amount());
        }
        self.files.pin(node, Some(&attr));
        self.files.opened(node);
        self.files.resize(node, size(&attr), &mut self.ledger);
        self.files.unpin(node, &mut self.ledger);
    }
}
