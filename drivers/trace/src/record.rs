//! What is known of a request that passed.

use alloc::string::ToString;
use core::fmt;

use driver::{Body, Node, Op, Status};
use serde::Serialize;

#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) number: u64,
    op: Op,
    uid: u32,
    len: u64,
    start: u64,
    took: u64,
    status: Status,
}

/// A record as it is written.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    op: &'static str,
    node: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<u64>,
    uid: u32,
    start: u64,
    nanoseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Record {
    pub(crate) fn new(body: &Body, len: u64, start: u64, took: u64, status: Status) -> Record {
        Record { number: 0, op: body.op, uid: body.cred.uid, len, start, took, status }
    }

    pub(crate) fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (op, node, offset) = parts(&self.op);
        let errno = self.status.result().err();
        let code = errno.map(|errno| errno.0.to_string());
        let symbol = errno.and_then(|errno| errno.symbol());
        let len = match self.op {
            Op::Discard { len, .. } | Op::Truncate { len, .. } => Some(len),
            _ => Some(self.len).filter(|len| *len > 0 || offset.is_some()),
        };
        let line = Line {
            number: self.number,
            op,
            node: node.0,
            offset,
            len,
            uid: self.uid,
            start: self.start,
            nanoseconds: self.took,
            count: self.status.result().ok(),
            error: symbol.or(code.as_deref()),
        };
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(out, "{text}")
    }
}

/// The name of an operation, the node that it is about, and where in that.
fn parts(op: &Op) -> (&'static str, Node, Option<u64>) {
    match *op {
        Op::Read { node, offset } => ("read", node, Some(offset)),
        Op::Write { node, offset: Op::END } => ("append", node, None),
        Op::Write { node, offset } => ("write", node, Some(offset)),
        Op::Flush { node } => ("flush", node, None),
        Op::Discard { offset, .. } => ("discard", Node::ROOT, Some(offset)),
        Op::Poll { .. } => ("poll", Node::ROOT, None),
        Op::Lookup { parent, .. } => ("lookup", parent, None),
        Op::Open { node, .. } => ("open", node, None),
        Op::Close { node } => ("close", node, None),
        Op::Getattr { node } => ("getattr", node, None),
        Op::Setattr { node, .. } => ("setattr", node, None),
        Op::Readdir { node, cookie } => ("readdir", node, Some(cookie)),
        Op::Create { parent, .. } => ("create", parent, None),
        Op::Mkdir { parent, .. } => ("mkdir", parent, None),
        Op::Symlink { parent } => ("symlink", parent, None),
        Op::Readlink { node } => ("readlink", node, None),
        Op::Link { node, .. } => ("link", node, None),
        Op::Unlink { parent, .. } => ("unlink", parent, None),
        Op::Rename { parent, .. } => ("rename", parent, None),
        Op::Truncate { node, .. } => ("truncate", node, None),
        Op::Statfs => ("statfs", Node::ROOT, None),
    }
}
