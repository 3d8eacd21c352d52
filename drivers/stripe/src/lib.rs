//! A block device spread over several, in turns of a chunk each (RAID 0). It splits requests by
//! where they go and looks at nothing.
//!
//! What lies in one chunk goes down as the same message; more becomes children, one a chunk, that
//! share its data. A transfer that comes short somewhere counts up to there.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod layout;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{
    Body, Built, Child, Class, Context, Description, Driver, Errno, Exchange, Fan, Features, Kind,
    Lower, Node, Op, OptionKind, OptionSpec, Options, Outcome, Part, Port, Request, Saved, Stands,
    Status, prefix,
};

use layout::Layout;

/// Several block devices as one.
pub struct Stripe {
    lower: Vec<Lower>,
    layout: Layout,
    description: Description,
    fan: Fan<Body>,
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "stripe",
    help: "spreads a disk over several, in turns (RAID 0)",
    stands: Stands::OnSeveral,
    options: &[OptionSpec {
        key: "chunk",
        kind: OptionKind::Size,
        required: false,
        help: "bytes that go to one disk before it is the next one's turn (64 KiB)",
    }],
    make,
};

const SMALLEST_CHUNK: u64 = 4096;

fn make(options: &Options, lower: Vec<Lower>, _: &Context) -> Built {
    let chunk = options.integer("chunk").unwrap_or(64 << 10);
    Ok(Arc::new(Stripe::new(lower, chunk)?))
}

/// What they all are together: the sum of what each has in whole chunks, the largest block.
fn describe(lower: &[Lower], chunk: u64) -> Result<Description, String> {
    let all = || lower.iter().map(|lower| lower.description);
    if let Some(other) = all().find(|described| described.class != Class::Block) {
        let class = other.class.name();
        return Err(format!("stands on a {class} driver: put it on block drivers"));
    }
    let block_size = all().map(|described| described.block_size).max().unwrap_or(1);
    if !chunk.is_power_of_two() || chunk < SMALLEST_CHUNK.max(block_size.into()) {
        return Err(format!(
            "chunk = {chunk} makes no sense: use a power of two, {SMALLEST_CHUNK} or more and no \
             less than a block ({block_size})"
        ));
    }
    let smallest = all().map(|described| described.size).min().unwrap_or(0);
    let size = (smallest / chunk * chunk).checked_mul(lower.len() as u64);
    let Some(size) = size.filter(|size| *size > 0) else {
        return Err(format!(
            "the smallest disk has {smallest} bytes and a chunk {chunk}: use a smaller chunk"
        ));
    };
    let mut features = Features::CONCURRENT;
    features |=
        all().fold(Features::empty(), |some, one| some | one.features) & Features::OF_ANY_BELOW;
    features |= all().fold(Features::DISCARD, |both, one| both & one.features);
    Ok(Description { class: Class::Block, size, block_size, features })
}

impl Stripe {
    fn new(lower: Vec<Lower>, chunk: u64) -> Result<Stripe, String> {
        if lower.len() < 2 {
            return Err(String::from("stands on two or more: say on = [\"one\", \"other\"]"));
        }
        let description = describe(&lower, chunk)?;
        let layout = Layout { chunk, disks: lower.len() as u64 };
        Ok(Stripe { lower, layout, description, fan: Fan::new() })
    }

    /// How much of `len` bytes from `offset` on there is. `EINVAL` where they are misaligned.
    fn room(&self, offset: u64, len: u64) -> Result<u64, Errno> {
        if (offset | len) & (u64::from(self.description.block_size) - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.description.size.saturating_sub(offset)))
    }

    fn transfer<'s>(&'s self, mut request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        let len = match self.room(offset, request.len() as u64) {
            Ok(0) => return nothing(request),
            Ok(len) => len,
            Err(errno) => return request.done(errno),
        };
        let [start, before] = request.part().words();
        let saved = [offset, start, before];
        let place = self.layout.place(offset);
        if len <= place.left {
            if let Err(errno) = request.narrow(0..len as usize) {
                return request.done(errno);
            }
            request.body_mut().op = moved(request.body().op, place.offset);
            return request.forward(self, &self.lower[place.disk].port, saved);
        }
        let body = *request.body();
        let children = self.layout.pieces(offset, len).map(move |piece| Child {
            port: &self.lower[piece.disk].port,
            body: Body { op: moved(body.op, piece.offset), ..body },
            range: piece.range,
        });
        self.fan.forward(request, self, children, prefix, saved)
    }

    fn discard<'s>(&'s self, request: Request<'s>, offset: u64, len: u64) -> Outcome<'s, Body> {
        let len = match self.room(offset, len) {
            Ok(len) => len,
            Err(errno) => return request.done(errno),
        };
        let cred = request.body().cred;
        let children = self.lower.iter().enumerate().filter_map(move |(disk, lower)| {
            let (offset, len) = self.layout.share(offset, len, disk as u64)?;
            let op = Op::Discard { offset, len };
            Some(Child { port: &lower.port, body: Body::new(op, cred), range: 0..0 })
        });
        self.whole(request, children)
    }

    fn flush<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let body = *request.body();
        let children =
            self.lower.iter().map(move |lower| Child { port: &lower.port, body, range: 0..0 });
        self.whole(request, children)
    }

    /// Passes on what is no transfer, and leaves the request as it is.
    fn whole<'s>(
        &'s self,
        request: Request<'s>,
        children: impl Iterator<Item = Child<'s, Body>>,
    ) -> Outcome<'s, Body> {
        let [start, before] = request.part().words();
        self.fan.forward(request, self, children, prefix, [0, start, before])
    }
}

/// The same transfer elsewhere.
fn moved(op: Op, to: u64) -> Op {
    match op {
        Op::Read { node, .. } => Op::Read { node, offset: to },
        Op::Write { node, .. } => Op::Write { node, offset: to },
        other => other,
    }
}

/// A transfer of nothing, or one past the end.
fn nothing(request: Request<'_>) -> Outcome<'_, Body> {
    let full = !request.is_empty() && matches!(request.body().op, Op::Write { .. });
    request.done(if full { Errno::ENOSPC.into() } else { Status::OK })
}

impl Port<Body> for Stripe {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { node: Node::ROOT, offset } | Op::Write { node: Node::ROOT, offset } => {
                self.transfer(request, offset)
            }
            Op::Discard { offset, len } => self.discard(request, offset, len),
            Op::Flush { node: Node::ROOT } => self.flush(request),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => request.done(Errno::ESTALE),
            _ => request.done(Errno::EOPNOTSUPP),
        }
    }

    #[inline]
    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Body> {
        request.body_mut().op = moved(request.body().op, saved[0]);
        match request.restore(Part::from_words([saved[1], saved[2]])) {
            Ok(()) => request.done(status),
            Err(errno) => request.done(errno),
        }
    }
}

impl Driver for Stripe {
    fn describe(&self) -> Description {
        self.description
    }
}
