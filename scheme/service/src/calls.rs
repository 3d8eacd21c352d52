//! Messages that come with `SYS_CALL`: words and payload to a message, and back.
//!
//! What comes is copied, checked, then used; objects are numbers in the handle's own table.

use agent::{Bytes, Carries, Errno, Words};
use driver::{Node, Op, OpenFlags, PARCEL, Parcel, REPLY, describe_to};
use syscall::schemev2::Opcode;

use crate::{
    handle::Handle,
    late::{Asked, Then, Work, put, take},
    serve::{Core, ROOT},
    socket::Ask,
};

/// The most data that a message brings, in bytes.
const MAX_PAYLOAD: usize = 16 << 20;
/// The longest parcel: arguments and two paths.
const MAX_PARCEL: usize = PARCEL + 2 * driver::MAX_PATH;

impl Core {
    /// What a message asks. `EBADF` for a handle that takes none; `ENOSYS` for an unknown
    /// operation; `EPROTO` for words that don't fit the payload; `EMSGSIZE` for too much of it;
    /// `EFAULT` for a window, or a part of one, that is not there; else the driver's answer.
    #[inline]
    pub(crate) fn call<'a>(&self, work: &mut Work<'a>) -> Result<Asked<'a>, Errno> {
        let Work { handle, ask, .. } = *work;
        if ask.handle() == ROOT {
            return Err(Errno::EBADF);
        }
        let (mount, _, _) = handle.object()?;
        let words = Words::decode(ask.words());
        let carries = check_payload(ask, &words)?;
        if carries == Carries::Parcel {
            return parcel(work, words);
        }
        let object = object(&words);
        let op = Parcel::plain(&words, handle.node(object.into())?).ok_or(Errno::EPROTO)?;
        check_rights(handle, object, &op)?;
        let mut message = work.message(op);
        if let Carries::Data(access) = carries {
            match words.window {
                0 => ask.lend_to(&mut message, access),
                _ => drop(message.set_data(Bytes::Lent(handle.windows.part(&words, access)?))),
            }
        }
        let then = match op {
            Op::Open { flags, .. } => Then::Opened(object, flags),
            _ => Then::Count,
        };
        Ok(Asked::Message(mount, message, then))
    }
}

/// A message whose payload, or part of a window, has arguments and names, and takes the reply's
/// values. It is copied once, before anybody looks at it.
#[inline(never)]
fn parcel<'a>(work: &mut Work<'a>, words: Words) -> Result<Asked<'a>, Errno> {
    let Work { handle, ask, .. } = *work;
    let (mount, _, _) = handle.object()?;
    if Parcel::asks_description(&words) {
        put(handle, ask, &words, &describe_to(&mount.description))?;
        return Ok(Asked::Answered(REPLY));
    }
    let bytes = take(handle, ask, &words, MAX_PARCEL)?;
    let mut parcel = Parcel::unpack(&words, &bytes, handle.cred)?;
    translate_nodes(handle, &mut parcel.body.op)?;
    check_rights(handle, object(&words), &parcel.body.op)?;
    let mut message = work.message(parcel.body.op);
    message.set_names(parcel.names);
    Ok(Asked::Message(mount, message, Then::Values))
}

/// What a message asks that is all in its words: the shortest way through the service.
#[inline]
pub(crate) fn bare(ask: &Ask, node: Node) -> Option<Op> {
    if !ask.is(Opcode::Call) || ask.is_long() || ask.handle() == ROOT {
        return None;
    }
    Parcel::bare(&Words::decode(ask.words()), node)
}

/// The object that the words name. With a window they name none, and the handle's own is meant.
#[inline]
fn object(words: &Words) -> u32 {
    if words.window == 0 { words.object } else { 0 }
}

/// The payload has to be what the operation carries.
#[inline]
fn check_payload(ask: &Ask, words: &Words) -> Result<Carries, Errno> {
    let carries = Parcel::carries(words)?;
    let len = match words.window {
        0 => ask.len(),
        _ if ask.len() > 0 => return Err(Errno::EPROTO),
        _ => words.len as usize,
    };
    let fits = match carries {
        Carries::Nothing => len == 0 && words.len == 0 && words.window == 0,
        Carries::Data(_) => words.len as usize == len,
        Carries::Parcel => words.len as usize == len && len >= REPLY,
    };
    if !fits {
        return Err(Errno::EPROTO);
    }
    if len > MAX_PAYLOAD {
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
fn check_rights(handle: &Handle, object: u32, op: &Op) -> Result<(), Errno> {
    let object = u64::from(object);
    match op {
        Op::Read { .. } | Op::Readdir { .. } => handle.may_on(object, OpenFlags::READ),
        Op::Write { .. } | Op::Truncate { .. } | Op::Discard { .. } => {
            handle.may_on(object, OpenFlags::WRITE)
        }
        Op::Close { .. } => handle.closed(object),
        _ => Ok(()),
    }
}
