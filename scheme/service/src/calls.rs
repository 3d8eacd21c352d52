//! Messages that come with `SYS_CALL`: words and payload to a message, and back.
//!
//! What comes is copied, checked, then used; objects are numbers in the handle's own table.

use agent::{Access, Carries, Data, Errno, Origin, Words};
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
    pub(crate) fn call(&self, ask: &Ask, origin: &mut Origin) -> Result<usize, Errno> {
        if ask.handle() == ROOT {
            return Err(Errno::EBADF);
        }
        let handle = self.handle(ask.handle())?;
        let (mount, _, _) = handle.object()?;
        let words = Words::decode(ask.words());
        if words.window != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let carries = check_payload(ask, &words)?;
        if Parcel::asks_description(&words) {
            ask.payload(Access::FILL).copy_in(0, &describe_to(&mount.description))?;
            return Ok(REPLY);
        }
        let bytes = match carries {
            Carries::Parcel => ask.copy(MAX_PARCEL, Errno::EMSGSIZE)?,
            _ => Vec::new(),
        };
        let mut parcel = Parcel::unpack(&words, &bytes, handle.cred)?;
        translate_nodes(&handle, &mut parcel.body.op)?;
        check_rights(&handle, &words, &parcel.body.op)?;
        let asker = &mut Asker { mount, cred: handle.cred, origin };
        let (count, body) = ask_driver(asker, ask, &words, &parcel)?;
        after(&handle, &words, &body, asker)?;
        if carries == Carries::Parcel {
            let reply = number_reply(&handle, body.reply, asker.mount)?;
            ask.payload(Access::FILL).copy_in(0, &reply.encode())?;
        }
        Ok(count)
    }
}

/// The payload has to be what the operation carries.
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

fn ask_driver(
    asker: &mut Asker<'_>,
    ask: &Ask,
    words: &Words,
    parcel: &Parcel,
) -> Result<(usize, Body), Errno> {
    let access = if Parcel::fills(words) { Access::FILL } else { Access::FETCH };
    let payload = ask.payload(access);
    let data = match Parcel::carries(words)? {
        Carries::Data => Data::lent(&payload),
        _ => Data::NONE,
    };
    let names: Vec<&[u8]> = parcel.names.iter().map(Vec::as_slice).collect();
    asker.ask(parcel.body.op, data, &names)
}

/// The sender's numbers become the driver's nodes.
fn translate_nodes(handle: &Handle, op: &mut Op) -> Result<(), Errno> {
    let translate = |node: &mut Node| {
        *node = handle.node(node.0)?;
        Ok(())
    };
    match op {
        Op::Read { node, .. }
        | Op::Write { node, .. }
        | Op::Flush { node }
        | Op::Open { node, .. }
        | Op::Close { node }
        | Op::Getattr { node }
        | Op::Setattr { node, .. }
        | Op::Readdir { node, .. }
        | Op::Readlink { node }
        | Op::Truncate { node, .. } => translate(node),
        Op::Lookup { parent, .. }
        | Op::Create { parent, .. }
        | Op::Mkdir { parent, .. }
        | Op::Symlink { parent }
        | Op::Unlink { parent, .. } => translate(parent),
        Op::Link { node, parent } => translate(node).and_then(|()| translate(parent)),
        Op::Rename { parent, to } => translate(parent).and_then(|()| translate(to)),
        Op::Discard { .. } | Op::Poll { .. } | Op::Statfs => Ok(()),
    }
}

/// Data is read and written with the rights that its object was opened with, and closed as often
/// as it was opened.
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

/// What the handle has to remember of an operation that went well. What it has no room for is
/// closed again.
fn after(handle: &Handle, words: &Words, body: &Body, asker: &mut Asker<'_>) -> Result<(), Errno> {
    match body.op {
        Op::Open { flags, .. } => handle.opened(words.object.into(), flags),
        Op::Create { flags, .. } => {
            let node = body.node().ok_or(Errno::EPROTO)?;
            let number = handle.give(node).inspect_err(|_| asker.close(node))?;
            handle.opened(number.into(), flags)
        }
        _ => Ok(()),
    }
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
