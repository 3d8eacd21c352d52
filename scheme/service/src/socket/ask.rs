//! A request. Its buffers are memory that the kernel lends until the answer, so they are reached
//! through the request, and by copies only.

use std::{marker::PhantomData, ops::Deref, ptr::NonNull};

use agent::{Access, Bytes, Errno, Lent, Message, Words};
use driver::{Body, Cred};
use syscall::schemev2::{Opcode, Sqe, SqeFlags};

/// A request. Its memory is the kernel's loan until it is answered, which consumes it.
pub(crate) struct Ask {
    sqe: Sqe,
}

/// A request's buffer, good until the answer.
pub(crate) struct Payload<'a> {
    lent: Lent,
    ask: PhantomData<&'a Ask>,
}

impl Deref for Payload<'_> {
    type Target = Lent;
    fn deref(&self) -> &Lent {
        &self.lent
    }
}

impl Ask {
    pub(super) fn new(sqe: Sqe) -> Ask {
        Ask { sqe }
    }

    /// What is asked; `None` for an opcode that this season's protocol has no name for.
    pub(crate) fn opcode(&self) -> Option<Opcode> {
        Opcode::try_from_raw(self.sqe.opcode)
    }

    /// True where this very opcode came.
    #[inline]
    pub(crate) fn is(&self, opcode: Opcode) -> bool {
        self.sqe.opcode == opcode as u8
    }

    /// True where no answer is expected. One would go to whichever request has the note's tag,
    /// and take its memory away while it is worked on.
    #[inline]
    pub(crate) fn is_note(&self) -> bool {
        let oneway = self.sqe.sqe_flags.contains(SqeFlags::ONEWAY);
        oneway || self.is(Opcode::CloseMsg) || self.is(Opcode::Detach)
    }

    /// The process that asks.
    pub(crate) fn pid(&self) -> u32 {
        self.sqe.caller as u32
    }

    /// Names the request until it is answered. Means nothing in a note.
    pub(crate) fn tag(&self) -> u32 {
        self.sqe.tag
    }

    pub(crate) fn arg(&self, index: usize) -> u64 {
        self.sqe.args[index]
    }

    /// The handle that the request is for.
    pub(crate) fn handle(&self) -> u64 {
        self.sqe.args[0]
    }

    /// The caller's ids. Only with opcodes of their own: `Call` and `StdFsCall` have other
    /// things in their place.
    pub(crate) fn cred(&self) -> Cred {
        let ids = self.sqe.args[5];
        Cred { uid: ids as u32, gid: (ids >> 32) as u32 }
    }

    /// The three metadata words of a `Call` or `StdFsCall`.
    pub(crate) fn words(&self) -> [u64; 3] {
        [self.sqe.args[3], self.sqe.args[4], self.sqe.args[5]]
    }

    /// The request for whoever answers it later on. This one here is not answered any more.
    pub(crate) fn hand_over(&self) -> Ask {
        Ask { sqe: self.sqe }
    }

    /// The sender's id for the message, where it is one.
    pub(crate) fn id(&self) -> Option<u32> {
        self.is(Opcode::Call).then(|| Words::decode(self.words()).id)
    }

    /// True where it is the message that aborts another one.
    #[inline]
    pub(crate) fn is_abort(&self) -> bool {
        self.is(Opcode::Call) && self.sqe.args[3] as u16 == Words::ABORT
    }

    /// True where the request has a buffer in its second and third word.
    fn has_buffer(&self) -> bool {
        use Opcode::{
            Call, Dup, Flink, Fpath, Frename, Fstat, Fstatvfs, Futimens, Getdents, OpenAt, Read,
            StdFsCall, UnlinkAt, Write,
        };
        matches!(
            self.opcode(),
            Some(
                Call | StdFsCall
                    | Read
                    | Write
                    | Dup
                    | OpenAt
                    | UnlinkAt
                    | Frename
                    | Flink
                    | Fpath
                    | Fstat
                    | Fstatvfs
                    | Futimens
                    | Getdents
            )
        )
    }

    /// Length of the buffer, in bytes.
    pub(crate) fn len(&self) -> usize {
        if self.has_buffer() { self.sqe.args[2] as usize } else { 0 }
    }

    /// True where a message has a buffer.
    #[inline]
    pub(crate) fn is_long(&self) -> bool {
        self.sqe.args[2] > 0
    }

    /// The buffer, to be accessed as `access` says; empty where the request has none.
    pub(crate) fn payload(&self, access: Access) -> Payload<'_> {
        Payload { lent: self.lent(access), ask: PhantomData }
    }

    /// Gives the buffer to a message, whose sender takes it out again before it answers the
    /// request.
    #[inline]
    pub(crate) fn lend_to(&self, message: &mut Message<Body>, access: Access) {
        message.set_data(Bytes::Lent(self.lent(access)));
    }

    #[inline]
    fn lent(&self, access: Access) -> Lent {
        let base = NonNull::new(self.sqe.args[1] as usize as *mut u8);
        let (base, len) = base.map_or((NonNull::dangling(), 0), |base| (base, self.len()));
        // SAFETY: the kernel (or, within one process, the caller that waits) lends the bytes
        // until the answer, which consumes the request. A payload borrows that; a message has its
        // data taken out before (`late`, which answers what is sent). A caller that asks to read
        // takes what is written there, and one that asks to write offers it. No Rust reference
        // to them is made.
        unsafe { Lent::new(base, len, access) }
    }

    /// A private copy of the buffer. `limit` errs where it is longer.
    pub(crate) fn copy(&self, longest: usize, too_long: Errno) -> Result<Vec<u8>, Errno> {
        if self.len() > longest {
            return Err(too_long);
        }
        let mut copy = vec![0; self.len()];
        self.payload(Access::FETCH).copy_out(0, &mut copy)?;
        Ok(copy)
    }
}

#[cfg(all(test, not(target_os = "redox")))]
mod tests {
    use super::*;

    impl Ask {
        /// A request as no kernel would send it.
        pub(crate) fn raw(sqe: Sqe) -> Ask {
            Ask { sqe }
        }
    }

    #[test]
    fn what_goes_one_way_is_a_note() {
        let ask = |opcode, sqe_flags| Ask::raw(Sqe { opcode, sqe_flags, ..Sqe::default() });
        assert!(ask(200, SqeFlags::ONEWAY).is_note());
        assert!(ask(Opcode::CloseMsg as u8, SqeFlags::empty()).is_note());
        assert!(!ask(Opcode::Call as u8, SqeFlags::empty()).is_note());
    }
}
