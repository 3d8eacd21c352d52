//! Records, bytes and descriptors over a stream.
//!
//! A frame is the length of its record, the length of what follows it, the record, and that.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::space::ARENA;

const PREFIX: usize = 12;
/// Longest record.
const LONGEST: usize = 1 << 20;

/// What came.
pub(crate) struct Frame<T> {
    /// The record.
    pub(crate) head: T,
    /// What followed it.
    pub(crate) body: Vec<u8>,
    /// A descriptor that came with it.
    pub(crate) file: Option<OwnedFd>,
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Sends a record, what follows it, and a descriptor.
pub(crate) fn send<T: Serialize>(
    stream: &UnixStream,
    head: &T,
    body: &[IoSlice<'_>],
    file: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let record = postcard::to_allocvec(head).map_err(io::Error::other)?;
    let len: usize = body.iter().map(|part| part.len()).sum();
    let mut prefix = [0; PREFIX];
    prefix[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
    prefix[4..].copy_from_slice(&(len as u64).to_le_bytes());
    let mut parts = vec![IoSlice::new(&prefix), IoSlice::new(&record)];
    parts.extend(body.iter().filter(|part| !part.is_empty()).copied());
    send_all(stream, &mut parts, file)
}

fn send_all(
    stream: &UnixStream,
    mut parts: &mut [IoSlice<'_>],
    file: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let fds = file.as_slice();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(broken("no room for a descriptor"));
    }
    while !parts.is_empty() {
        let sent = retry_on_intr(|| sendmsg(stream, parts, &mut control, SendFlags::NOSIGNAL))?;
        IoSlice::advance_slices(&mut parts, sent);
        control = SendAncillaryBuffer::default();
    }
    Ok(())
}

/// The next record; none if the other side has ended. What isn't a frame is an error.
pub(crate) fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<Option<Frame<T>>> {
    let mut prefix = [0; PREFIX];
    let Some(file) = begin(stream, &mut prefix)? else { return Ok(None) };
    let (record, len) = prefix.split_first_chunk().ok_or(broken("no prefix"))?;
    let record = u32::from_le_bytes(*record) as usize;
    let len = u64::from_le_bytes(*len.first_chunk().ok_or(broken("no prefix"))?);
    if record > LONGEST || len > ARENA as u64 {
        return Err(broken("a frame is too long"));
    }
    let record = exactly(stream, record)?;
    let head = postcard::from_bytes(&record).map_err(io::Error::other)?;
    let body = exactly(stream, len as usize)?;
    Ok(Some(Frame { head, body, file }))
}

/// The prefix, and the descriptor with it. None at the end of the stream.
fn begin(mut stream: &UnixStream, prefix: &mut [u8]) -> io::Result<Option<Option<OwnedFd>>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut parts = [IoSliceMut::new(prefix)];
        match recvmsg(stream.as_fd(), &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            done => break done?.bytes,
        }
    };
    if got == 0 {
        return Ok(None);
    }
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut files) = message {
            file = files.next();
        }
    }
    stream.read_exact(&mut prefix[got..])?;
    Ok(Some(file))
}

/// So many bytes. They are taken as they come, so that a length alone costs no memory.
fn exactly(stream: &UnixStream, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len.min(LONGEST));
    stream.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() == len { Ok(bytes) } else { Err(broken("a frame ends early")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn a_frame_arrives_with_its_descriptor() {
        let (one, other) = pair();
        let parts = [IoSlice::new(b"by"), IoSlice::new(b""), IoSlice::new(b"tes")];
        send(&one, &(1_u32, "two"), &parts, Some(one.as_fd())).unwrap();
        send(&one, &(2_u32, ""), &[], None).unwrap();
        drop(one);
        let first = receive::<(u32, String)>(&other).unwrap().unwrap();
        assert_eq!((first.head, first.body.as_slice()), ((1, "two".into()), b"bytes".as_slice()));
        let second = receive::<(u32, String)>(&other).unwrap().unwrap();
        assert!(second.file.is_none() && second.body.is_empty());
        // The descriptor that travelled keeps the other end open.
        drop(first.file.unwrap());
        assert!(receive::<(u32, String)>(&other).unwrap().is_none());
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        let long = [&u32::MAX.to_le_bytes()[..], &[0; 8]].concat();
        let longer = [&[0; 4][..], &u64::MAX.to_le_bytes()].concat();
        let nonsense = [&1_u32.to_le_bytes()[..], &[0; 8], &[0xff]].concat();
        let early = [&9_u32.to_le_bytes()[..], &[0; 8], &[0; 8]].concat();
        for bytes in [&b"short"[..], &long, &longer, &nonsense, &early] {
            let (mut one, other) = pair();
            one.write_all(bytes).unwrap();
            drop(one);
            assert!(receive::<super::super::Ask>(&other).is_err(), "{bytes:?}");
        }
    }
}
