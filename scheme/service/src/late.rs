//! Messages to drivers on behalf of a request. One that is completed at once is answered by who
//! sent it; one that a driver keeps is answered whenever it comes back. Nobody waits.

use std::sync::{Arc, Weak};

use agent::{Access, Bytes, Discard, Errno, Message, Origin, ReplyPort, Words};
use driver::{Body, Cred, Node, Op, OpenFlags, Reply};

use crate::{
    handle::{Handle, Mutex, lock},
    mount::Mount,
    ops::LONGEST,
    serve::{Core, count_boundary},
    socket::{Answer, Ask},
};

/// What a reply leads to.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The count is the answer.
    Count,
    /// The object of this number has been opened.
    Opened(u32, OpenFlags),
    /// A listing has begun in little room.
    Listed,
    /// The reply's values go where the parcel came from.
    Values,
    /// So much of what was read into private room goes to the request's buffer, from this place
    /// on.
    Cut { skip: u32, len: u32 },
}

/// A message that its thread uses again and again.
#[derive(Default)]
pub(crate) struct Spare(Option<Message<Body>>);

impl Spare {
    /// A message that asks this, without data and names.
    #[inline(always)]
    fn take(&mut self, op: Op, cred: Cred) -> Message<Body> {
        let Some(mut message) = self.0.take() else { return Message::new(Body::new(op, cred)) };
        let body = message.body_mut();
        (body.op, body.cred, body.reply) = (op, cred, Reply::Nothing);
        message
    }
}

/// What a request comes to.
pub(crate) enum Asked<'a> {
    /// A message, and what its reply leads to.
    Message(&'a Arc<Mount>, Message<Body>, Then),
    /// A count, without one.
    Answered(usize),
}

/// A request that is performed, and what its messages are made of.
pub(crate) struct Work<'a> {
    pub(crate) handle: &'a Arc<Handle>,
    pub(crate) ask: &'a Ask,
    /// Where costs go to, while somebody reads them.
    pub(crate) origin: Option<&'a mut Origin>,
    pub(crate) spare: &'a mut Spare,
}

impl<'a> Work<'a> {
    /// A message that asks this, without data and names.
    #[inline(always)]
    pub(crate) fn message(&mut self, op: Op) -> Message<Body> {
        self.spare.take(op, self.handle.cred)
    }

    /// The same on the request's buffer.
    #[inline]
    pub(crate) fn message_on(&mut self, op: Op, access: Access) -> Message<Body> {
        let mut message = self.message(op);
        self.ask.lend_to(&mut message, access);
        message
    }
}

impl Core {
    /// Sends the message. The request's answer, or none: it comes late.
    #[inline(always)]
    pub(crate) fn send(
        self: &Arc<Core>,
        work: Work<'_>,
        mount: &Arc<Mount>,
        message: Message<Body>,
        then: Then,
    ) -> Option<Answer> {
        let Work { handle, ask, origin, spare } = work;
        let back = message.begin(origin, &mount.port, |ticket| {
            self.flights.kept(ask.name(), ticket);
            self.late(handle, mount, ask, then)
        });
        let mut message = back?;
        let answer = finish(handle, mount, ask, then, &mut message);
        // What it carried has been taken out.
        spare.0 = Some(message);
        Some(answer)
    }

    /// Where a message comes back to that a driver keeps.
    #[cold]
    fn late(
        self: &Arc<Core>,
        handle: &Arc<Handle>,
        mount: &Arc<Mount>,
        ask: &Ask,
        then: Then,
    ) -> Arc<dyn ReplyPort<Body>> {
        let (core, handle, mount) = (Arc::downgrade(self), handle.clone(), mount.clone());
        let ask = Mutex::new(Some(ask.hand_over()));
        Arc::new(Late { core, handle, mount, ask, then })
    }
}

/// Takes out what the message carried, and acts on its reply.
#[inline(always)]
fn finish(
    handle: &Handle,
    mount: &Arc<Mount>,
    ask: &Ask,
    then: Then,
    message: &mut Message<Body>,
) -> Answer {
    let result = message.status().result();
    if let Then::Count = then {
        message.drop_data();
        return result.map_or_else(Answer::error, Answer::count);
    }
    let count = act(handle, mount, ask, then, message, result);
    count.map_or_else(Answer::error, Answer::count)
}

#[inline(never)]
fn act(
    handle: &Handle,
    mount: &Arc<Mount>,
    ask: &Ask,
    then: Then,
    message: &mut Message<Body>,
    result: Result<usize, Errno>,
) -> Result<usize, Errno> {
    let data = message.take_data();
    message.set_names([]);
    let count = result?;
    match then {
        Then::Count => {}
        Then::Opened(object, flags) => opened(handle, mount, message.body(), object, flags)?,
        // Perhaps there is more than fits.
        Then::Listed if ask.len().saturating_sub(count) < LONGEST => return Err(Errno::EINVAL),
        Then::Listed => {}
        Then::Values => values(handle, mount, ask, message.body())?,
        Then::Cut { skip, len } => {
            return cut(ask, &data, skip as usize, len as usize, count);
        }
    }
    Ok(count)
}

/// A private copy of a parcel. `EMSGSIZE` where it is longer than `longest`, `EFAULT` for a part
/// of a window that is not there.
pub(crate) fn take(
    handle: &Handle,
    ask: &Ask,
    words: &Words,
    longest: usize,
) -> Result<Vec<u8>, Errno> {
    if words.window == 0 {
        return ask.copy(longest, Errno::EMSGSIZE);
    }
    let lent = handle.windows.part(words, Access::FETCH)?;
    if lent.len() > longest {
        return Err(Errno::EMSGSIZE);
    }
    let mut copy = vec![0; lent.len()];
    lent.copy_out(0, &mut copy)?;
    Ok(copy)
}

/// Puts bytes where a parcel is. `EINVAL` where there is no room for them.
pub(crate) fn put(handle: &Handle, ask: &Ask, words: &Words, bytes: &[u8]) -> Result<(), Errno> {
    match words.window {
        0 => ask.payload(Access::FILL).copy_in(0, bytes),
        _ => handle.windows.part(words, Access::FILL)?.copy_in(0, bytes),
    }
}

/// Puts the reply's values where the parcel came from.
fn values(handle: &Handle, mount: &Arc<Mount>, ask: &Ask, body: &Body) -> Result<(), Errno> {
    if let Op::Create { flags, .. } = body.op {
        created(handle, mount, body, flags)?;
    }
    let words = Words::decode(ask.words());
    put(handle, ask, &words, &number_reply(handle, body.reply, mount)?.encode())
}

/// Passes on what was read into private room, of which `read` bytes are there.
fn cut(ask: &Ask, data: &Bytes, skip: usize, len: usize, read: usize) -> Result<usize, Errno> {
    let Bytes::Sink(buffer) = data else { return Err(Errno::EIO) };
    let len = len.min(read.saturating_sub(skip));
    let bytes = buffer.get(skip..skip + len).ok_or(Errno::EPROTO)?;
    ask.payload(Access::FILL).copy_in(0, bytes)?;
    Ok(len)
}

/// The handle remembers what was opened. What it forgot meanwhile is closed again.
fn opened(
    handle: &Handle,
    mount: &Arc<Mount>,
    body: &Body,
    object: u32,
    flags: OpenFlags,
) -> Result<(), Errno> {
    handle.opened(object.into(), flags).inspect_err(|_| {
        if let Op::Open { node, .. } = body.op {
            let_go(mount, node, body.cred);
        }
    })
}

/// The handle remembers what was made and opened. What it has no room for is closed again.
fn created(
    handle: &Handle,
    mount: &Arc<Mount>,
    body: &Body,
    flags: OpenFlags,
) -> Result<(), Errno> {
    let node = body.node().ok_or(Errno::EPROTO)?;
    let number = handle.give(node).inspect_err(|_| let_go(mount, node, body.cred))?;
    handle.opened(number.into(), flags).inspect_err(|_| let_go(mount, node, body.cred))
}

/// Ends one open of a node, and does not wait for it.
fn let_go(mount: &Mount, node: Node, cred: Cred) {
    let close = Message::new(Body::new(Op::Close { node }, cred));
    close.send(mount.port.port(), &(Arc::new(Discard) as Arc<dyn ReplyPort<Body>>));
}

/// Nodes in a reply become numbers of the handle's.
fn number_reply(handle: &Handle, reply: Reply, mount: &Mount) -> Result<Reply, Errno> {
    match reply {
        Reply::Entry { node, attr } if mount.is_file_system() => {
            Ok(Reply::Entry { node: Node(handle.give(node)?.into()), attr })
        }
        other => Ok(other),
    }
}

/// Answers a request once its message is back.
struct Late {
    core: Weak<Core>,
    handle: Arc<Handle>,
    mount: Arc<Mount>,
    ask: Mutex<Option<Ask>>,
    then: Then,
}

impl ReplyPort<Body> for Late {
    fn reply(&self, mut message: Message<Body>) {
        let (core, ask) = (self.core.upgrade(), lock(&self.ask).take());
        // Without a service there is no socket to answer at.
        let Some((core, ask)) = core.zip(ask) else { return drop(message.take_data()) };
        let mut origin = Origin::root();
        origin.set_meter(message.set_meter(None));
        let answer = finish(&self.handle, &self.mount, &ask, self.then, &mut message);
        if origin.is_metered() {
            count_boundary(&ask, &mut origin);
            core.stats.fold(origin);
        }
        core.flights.over(ask.tag());
        core.answer(ask, answer);
    }
}
