//! Messages that come with `SYS_CALL`: words and payload to a message, and back.
//!
//! What comes is copied, checked, then used; objects are numbers in the handle's own table.

use agent::{Access, Call, Carries, Data, Errno, Origin, Words};
use driver::{Body, Node, Op, OpenFlags, PARCEL, Parcel, REPLY, Reply, describe_to};

use crate::{
    handle::Handle,
    mount::{Asker, Mount},
    serve::{Core, ROOT},
    socket::Ask,
};

/// The most data that a message brings, in bytes.
const MAX_PAYLOAD: usize = 16 << 20;
/// The longest parcel: arguments and two paths.
const MAX_PARCEL: usize = PARCEL + 2 * driver::MAX_PATH;

impl Core {
    /// Performs a message. `EBADF` for a handle that takes none; `ENOSYS` for an unknown
    /// operation; `EPROTO` for words that don't fit the payload; `EMSGSIZE` for too much of it;
    /// `EOPNOTSUPP` for a window; else the driver's answer.
    pub(crate) fn call(
        &self,
        handle: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        if ask.handle() == ROOT {
            return Err(Errno::EBADF);
        }
        let (mount, _, _) = handle.object()?;
        let words = Words::decode(ask.words());
        if words.window != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let carries = check_payload(ask, &words)?;
        let mut asker = Asker { mount, cred: handle.cred, origin };
        if carries == Carries::Parcel {
            return parcel(handle, words, ask, asker);
        }
        let access = if Parcel::fills(&words) { Access::FILL } else { Access::FETCH };
        // Empty where the message carries nothing.
        plain(handle, &words, Data::lent(&ask.payload(access)), &mut asker)
    }
}

/// Performs a message that is all in its words, but for data.
#[inline]
fn plain(
    handle: &Handle,
    words: &Words,
    data: Data<'_>,
    asker: &mut Asker<'_>,
) -> Result<usize, Errno> {
    let node = handle.node(words.object.into())?;
    let op = Parcel::plain(words, node).ok_or(Errno::EPROTO)?;
    check_rights(handle, words, &op)?;
    let count = asker.send(&mut Call::new(Body::new(op, asker.cred), data))?;
    if let Op::Open { flags, .. } = op {
        handle.opened(words.object.into(), flags)?;
    }
    Ok(count)
}

/// Performs a message whose payload has arguments and names, and takes the reply's values.
#[inline(never)]
fn parcel(handle: &Handle, words: Words, ask: &Ask, mut asker: Asker<'_>) -> Result<usize, Errno> {
    if Parcel::asks_description(&words) {
        ask.payload(Access::FILL).copy_in(0, &describe_to(&asker.mount.description))?;
        return Ok(REPLY);
    }
    let bytes = ask.copy(MAX_PARCEL, Errno::EMSGSIZE)?;
    let mut parcel = Parcel::unpack(&words, &bytes, handle.cred)?;
    translate_nodes(handle, &mut parcel.body.op)?;
    check_rights(handle, &words, &parcel.body.op)?;
    let names: Vec<&[u8]> = parcel.names.iter().map(Vec::as_slice).collect();
    let (count, body) = asker.ask(parcel.body.op, Data::NONE, &names)?;
    if let Op::Create { flags, .. } = body.op {
        created(handle, &body, flags, &mut asker)?;
    }
    let reply = number_reply(handle, body.reply, asker.mount)?;
    ask.payload(Access::FILL).copy_in(0, &reply.encode())?;
    Ok(count)
}

/// The payload has to be what the operation carries.
#[inline]
fn check_payload(ask: &Ask, words: &Words) -> Result<Carries, Errno> {
    let carries = Parcel::carries(words)?;
    let fits = match carries {
        Carries::Nothing => ask.len() == 0 && words.len == 0,
        Carries::Data => words.len as usize == ask.len(),
        Carries::Parcel => words.len as usize == ask.len() && ask.len() >= REPLY,
    };
    if !fits {
        return Err(Errno::EPROTO);
    }
    if ask.len() > MAX_PAYLOAD {
        return Err(Errno::EMSGSIZE);
    }
    Ok(carries)
}

/// The sender's numbers become the driver's nodes.
fn translate_nodes(handle: &Handle, op: &mut Op) -> Result<(), Errno> {
    for node in op.nodes_mut().into_iter().flatten() {
        *node = handle.node(node.0)?;
    }
    Ok(())
}

/// Data is read and written with the rights that its object was opened with, and closed as often
/// as it was opened.
#[inline]
fn check_rights(handle: &Handle, words: &Words, op: &Op) -> Result<(), Errno> {
    let object = u64::from(words.object);
    match op {
        Op::Read { .. } | Op::Readdir { .. } => handle.may_on(object, OpenFlags::READ),
        Op::Write { .. } | Op::Truncate { .. } | Op::Discard { .. } => {
            handle.may_on(object, OpenFlags::WRITE)
        }
        Op::Close { .. } => handle.closed(object),
        _ => Ok(()),
    }
}

/// The handle remembers what was made and opened. What it has no room for is closed again.
fn created(
    handle: &Handle,
    body: &Body,
    flags: OpenFlags,
    asker: &mut Asker<'_>,
) -> Result<(), Errno> {
    let node = body.node().ok_or(Errno::EPROTO)?;
    let number = handle.give(node).inspect_err(|_| asker.close(node))?;
    handle.opened(number.into(), flags)
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
