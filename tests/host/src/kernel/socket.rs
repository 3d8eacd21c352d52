//! Scheme sockets: where daemons take requests and leave answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use syscall::data::NewFdParams;
use syscall::error::{EACCES, EBADF, EINVAL, EOPNOTSUPP, Error, Result};
use syscall::flag::{CallFlags, EventFlags, O_NONBLOCK, SchemeSocketCall};

use super::description::{Description, Opened, positioned};
use super::memory::Buffer;
use super::process::Cx;
use super::scheme::{self, Scheme, install_all, no_position};
use super::user::UserScheme;
use crate::sync::lock;

/// The number of the right to create schemes.
pub(crate) const CREATION_CAP: usize = 0;
const CREATE: &[u8; 13] = b"create-scheme";
const PARAMS_SIZE: usize = size_of::<NewFdParams>();

/// The sockets by number, which is the id of their scheme.
#[derive(Default)]
pub(crate) struct SocketScheme {
    sockets: Mutex<HashMap<usize, Arc<UserScheme>>>,
}

impl SocketScheme {
    /// EBADF unless the number is a socket's.
    fn socket(&self, number: usize) -> Result<Arc<UserScheme>> {
        lock(&self.sockets).get(&number).cloned().ok_or(Error::new(EBADF))
    }

    /// EINVAL unless asked to create a scheme, EACCES unless root asks.
    fn create(&self, cx: &Cx, verb: Buffer) -> Result<Opened> {
        if verb.array()? != *CREATE {
            return Err(Error::new(EINVAL));
        }
        if cx.task.uid != 0 {
            return Err(Error::new(EACCES));
        }
        let scheme = scheme::add(|id| UserScheme::new(id, cx));
        let number = scheme.id();
        lock(&self.sockets).insert(number, scheme);
        Ok(Opened::Local { number, positioned: false })
    }
}

/// A new description of a scheme, as its daemon describes it. EINVAL for too few bytes.
fn new_handle(scheme: usize, params: Buffer) -> Result<Opened> {
    let bytes: [u8; PARAMS_SIZE] = params.array()?;
    let word = |n: usize| u64::from_ne_bytes(bytes.as_chunks().0[n]);
    let (offset, number, flags) = (word(0), word(1) as usize, word(2) as u32);
    let positioned = positioned(bytes[3 * size_of::<u64>()])?;
    Ok(Opened::Other(Description::new(scheme, number, offset, flags, positioned)))
}

/// The tag that a call on a socket is about. EINVAL unless the call is `wanted` with just a tag.
fn tag(metadata: &[u64], wanted: SchemeSocketCall) -> Result<usize> {
    match *metadata {
        [verb, tag] if verb == wanted as u64 => Ok(tag as usize),
        _ => Err(Error::new(EINVAL)),
    }
}

impl Scheme for SocketScheme {
    fn dup(&self, cx: &Cx, number: usize, verb: Buffer) -> Result<Opened> {
        if number == CREATION_CAP {
            return self.create(cx, verb);
        }
        new_handle(self.socket(number)?.id(), verb)
    }

    fn read(&self, cx: &Cx, number: usize, to: Buffer, _offset: u64, flags: u32) -> Result<usize> {
        self.socket(number)?.read(cx, to, flags & O_NONBLOCK as u32 != 0)
    }

    fn write(
        &self,
        cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        _flags: u32,
    ) -> Result<usize> {
        no_position(offset)?;
        self.socket(number)?.write(cx, from)
    }

    fn fpath(&self, _cx: &Cx, _number: usize, to: Buffer) -> Result<usize> {
        Ok(to.write(b"/scheme"))
    }

    fn fsync(&self, _cx: &Cx, number: usize) -> Result<()> {
        self.socket(number).map(drop)
    }

    fn fevent(&self, _cx: &Cx, number: usize, flags: EventFlags) -> Result<EventFlags> {
        Ok(self.socket(number)?.ready(flags))
    }

    fn call(&self, _cx: &Cx, _number: usize, _payload: Buffer, _metadata: &[u64]) -> Result<usize> {
        // Writing answers and reading requests in one call came later.
        Err(Error::new(EOPNOTSUPP))
    }

    fn fd_write(
        &self,
        _cx: &Cx,
        number: usize,
        files: Vec<Arc<Description>>,
        _flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        let socket = self.socket(number)?;
        socket.give(tag(metadata, SchemeSocketCall::MoveFd)?, files)
    }

    fn fd_read(
        &self,
        cx: &Cx,
        number: usize,
        payload: Buffer,
        _flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        let socket = self.socket(number)?;
        let files = socket.obtain(tag(metadata, SchemeSocketCall::ObtainFd)?)?;
        install_all(cx, files, payload)
    }

    fn close(&self, number: usize) -> Result<()> {
        if lock(&self.sockets).remove(&number).is_some() {
            scheme::remove(number);
        }
        Ok(())
    }
}
