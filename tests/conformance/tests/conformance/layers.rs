//! The table of what is asserted of each layer: what a message costs it, and what it sends below.
//!
//! A row is a message to the driver `top` of a stack. Its costs are the layer's own. They depend on
//! one thing only, whose memory the data is in: the sender's own, where the layer is in the sender's
//! process, or memory that is lent to the layer's process or shared with it.

/// Bytes of data, mostly.
pub(crate) const PAGE: usize = 4096;

/// Where the data lies that comes to a driver below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Passed {
    /// So many bytes after what came to the layer: what arrives is what was sent, or its part.
    From(usize),
    /// Elsewhere: in memory of the layer's own.
    Private,
    /// Where it came to the layer, if that is the sender's own memory; else elsewhere.
    IfOwn,
    /// There is none: the message carries no data.
    Empty,
    /// In memory of the layer's own, by as many messages as it likes to all of these.
    Many,
}

pub(crate) use Passed::{Empty, From, IfOwn, Many, Private};

/// What is asked. Files are asked about one that is open and has a page in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    Read(usize),
    Write(usize),
    Lookup,
    Flush,
    Discard,
}

pub(crate) use Ask::{Discard, Flush, Lookup, Read, Write};

/// Looks and copies.
pub(crate) type Cost = [u32; 2];

/// Those of data that is the sender's own, and of data that is lent or shared.
pub(crate) type Costs = [Cost; 2];

/// Messages that come to drivers below: a name (or some, where it is one of them), and the data.
/// Nothing else comes.
pub(crate) type Below = &'static [(&'static str, Passed)];

/// A message, which others may prepare, what it costs the layer, and what that sends below.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) before: &'static [Ask],
    pub(crate) ask: Ask,
    pub(crate) costs: Costs,
    pub(crate) below: Below,
}

const fn row(ask: Ask, costs: Costs, below: Below) -> Row {
    Row { before: &[], ask, costs, below }
}

const fn after(before: &'static [Ask], ask: Ask, costs: Costs, below: Below) -> Row {
    Row { before, ask, costs, below }
}

const FREE: Costs = [[0, 0]; 2];
const LOOK: Costs = [[1, 0]; 2];
const COPY: Costs = [[1, 1]; 2];
/// A copy only where the memory is not the sender's own.
const IN_PLACE: Costs = [[1, 0], [1, 1]];

/// What is asserted of the layer `top` of the stack with this name.
pub(crate) fn rows(stack: &str) -> Vec<Row> {
    const DISK: Below = &[("d1", From(0))];
    const OWN: Below = &[("d1", Private)];
    const FS: Below = &[("fs", From(0))];
    match stack {
        "null" => vec![row(Read(PAGE), FREE, &[]), row(Write(PAGE), FREE, &[])],
        "zero" => vec![row(Read(PAGE), LOOK, &[]), row(Write(PAGE), FREE, &[])],
        "ramdisk" => vec![row(Read(PAGE), LOOK, &[]), row(Write(PAGE), LOOK, &[])],
        "stripe" => {
            const PARTS: Below = &[("d1", From(0)), ("d2", From(PAGE))];
            vec![row(Read(2 * PAGE), FREE, PARTS), row(Write(2 * PAGE), FREE, PARTS)]
        }
        "mirror" => vec![
            row(Read(PAGE), FREE, &[("d1 d2", From(0))]),
            row(Write(PAGE), FREE, &[("d1", From(0)), ("d2", From(0))]),
        ],
        "crypt" => {
            vec![row(Read(PAGE), IN_PLACE, &[("d1", IfOwn)]), row(Write(PAGE), COPY, OWN)]
        }
        "offload" => vec![row(Read(PAGE), FREE, OWN), row(Write(PAGE), FREE, OWN)],
        "cache" => vec![
            after(&[Discard], Read(PAGE), COPY, OWN),
            after(&[Read(PAGE)], Read(PAGE), LOOK, &[]),
            row(Write(PAGE), COPY, OWN),
            after(&[Write(PAGE)], Read(PAGE), LOOK, &[]),
        ],
        "cache, written back" => vec![
            after(&[Flush], Write(PAGE), COPY, &[]),
            after(&[Write(PAGE)], Flush, FREE, &[("d1", Private), ("d1", Empty)]),
        ],
        "tmpfs" => {
            vec![row(Read(PAGE), LOOK, &[]), row(Write(PAGE), LOOK, &[]), row(Lookup, FREE, &[])]
        }
        // What is below sees blocks of the disk, which the library has.
        "redoxfs" => vec![
            row(Read(PAGE), IN_PLACE, &[("d1", Many)]),
            row(Write(PAGE), IN_PLACE, &[("d1", Many)]),
        ],
        "namecache" => vec![
            row(Read(PAGE), FREE, FS),
            row(Write(PAGE), FREE, FS),
            after(&[Lookup], Lookup, FREE, &[]),
        ],
        // It walks itself: the names are looked up one by one, whoever may see them.
        "perms" => vec![
            row(Read(PAGE), FREE, FS),
            row(Write(PAGE), FREE, FS),
            row(Lookup, FREE, &[("fs", Empty), ("fs", Empty), ("fs", Empty), ("fs", Empty)]),
        ],
        _ if stack.ends_with("files") => vec![
            row(Read(PAGE), FREE, FS),
            row(Write(PAGE), FREE, FS),
            row(Lookup, FREE, &[("fs", Empty)]),
        ],
        _ => vec![row(Read(PAGE), FREE, DISK), row(Write(PAGE), FREE, DISK)],
    }
}
