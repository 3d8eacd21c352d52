//! The scheme protocol: a socket that gives requests and takes answers.
//!
//! This is the only place that knows how a request lies in memory, and the only one with unsafe
//! code: a request's buffers are memory that the kernel lends until the answer, so they are
//! reached through the request, and by copies only.

use std::{marker::PhantomData, ops::Deref, ptr::NonNull};

use agent::{Access, Bytes, Errno, Lent, Message, Words};
use driver::{Body, Cred};
use libredox::Fd;
use syscall::{
    CallFlags, EventFlags, SchemeSocketCall,
    data::NewFdParams,
    schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode, Sqe, SqeFlags},
};

/// Requests that are read at once.
const BATCH: usize = 32;

/// Errnos above this one would reach the caller as a count.
const LAST_ERRNO: u16 = 132;

/// How a request is answered with a word, in the flags of an answer.
const REGULAR: u16 = (CqeOpcode::RespondRegular as u16) << 8;

/// A scheme socket. The thread that makes it has to live on for as long as the scheme does.
pub(crate) struct Socket {
    fd: Fd,
}

/// A request. Its memory is the kernel's loan until it is answered, which consumes it.
pub(crate) struct Ask {
    sqe: Sqe,
}

/// Room for the requests that are read at once, used again and again.
pub(crate) struct Asks {
    sqes: [Sqe; BATCH],
    count: usize,
}

impl Asks {
    pub(crate) fn new() -> Asks {
        Asks { sqes: [Sqe::default(); BATCH], count: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those that were read, once.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Ask> {
        let count = std::mem::take(&mut self.count);
        self.sqes[..count].iter().map(|sqe| Ask { sqe: *sqe })
    }
}

/// Answers to be written at once; the room is used again and again.
#[derive(Default)]
pub(crate) struct Answers(Vec<Cqe>);

impl Answers {
    /// Adds the answer to a request, which ends with it; a note is let go of.
    #[inline]
    pub(crate) fn push(&mut self, ask: Ask, answer: Answer) {
        if !ask.is_note() {
            self.0.push(answer.encode(ask.sqe.tag));
        }
    }
}

/// What to answer, as it crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    result: u64,
    /// Those of a new handle; above them, how it is answered. Two words fit into registers.
    flags: u16,
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

impl Socket {
    /// A new scheme socket. `EACCES` for others than root.
    pub(crate) fn create() -> Result<Socket, Errno> {
        let flags = libredox::flag::O_CLOEXEC;
        let cap = Fd::open("/scheme/namespace/scheme-creation-cap", flags, 0)?;
        Ok(Socket { fd: Fd::new(cap.dup(b"create-scheme")?) })
    }

    /// A socket that another process has made.
    pub(crate) fn adopt(fd: Fd) -> Socket {
        Socket { fd }
    }

    /// Has reads of the socket not wait any more, whoever reads it.
    pub(crate) fn read_what_is_there(&self) {
        const F_SETFL: usize = 4;
        // Where that fails, they wait.
        let _ = libredox::call::fcntl(self.number(), F_SETFL, libredox::flag::O_NONBLOCK as usize);
    }

    /// Answers whatever may be outstanding, whoever took it: all requests below `tags`.
    pub(crate) fn refuse(&self, tags: u32, errno: Errno) {
        for tag in 0..tags {
            self.write(&[Answer::error(errno).encode(tag)]);
        }
    }

    /// The descriptor's number.
    pub(crate) fn number(&self) -> usize {
        self.fd.raw()
    }

    /// A descriptor of the scheme's own handle `number`, to be registered.
    pub(crate) fn root(&self, number: usize) -> Result<Fd, Errno> {
        self.descriptor(number, 0)
    }

    /// A descriptor of the scheme's own handle `number`, with the flags of its answer.
    pub(crate) fn descriptor(&self, number: usize, flags: u8) -> Result<Fd, Errno> {
        let params = NewFdParams { number, internal_flags: flags, ..NewFdParams::default() };
        // SAFETY: a plain C structure without padding at this layout's end that matters: the
        // bytes are only read, and are copied by the call.
        let bytes = unsafe {
            std::slice::from_raw_parts(
                (&raw const params).cast::<u8>(),
                std::mem::size_of::<NewFdParams>(),
            )
        };
        Ok(Fd::new(self.fd.dup(bytes)?))
    }

    /// Waits for requests and puts those that are there into `asks`. There are none where the
    /// socket is closed.
    pub(crate) fn read(&self, asks: &mut Asks) -> Result<(), Errno> {
        asks.count = 0;
        // SAFETY: `Sqe` is plain words, every bit pattern of which is good; the bytes are the
        // array's own.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(
                asks.sqes.as_mut_ptr().cast::<u8>(),
                size_of_val(&asks.sqes),
            )
        };
        asks.count = self.fd.read(bytes)? / size_of::<Sqe>();
        Ok(())
    }

    /// Tells the kernel that something is ready on a handle, for whoever wants to know.
    pub(crate) fn event(&self, handle: u64, ready: EventFlags) {
        let flags = CqeOpcode::SendFevent as u8;
        self.write(&[Cqe { flags, extra_raw: [0; 3], tag: ready.bits() as u32, result: handle }]);
    }

    /// The descriptor that came with a request, which is not answered yet.
    pub(crate) fn obtain(&self, ask: &Ask) -> Result<Fd, Errno> {
        let mut number = usize::MAX.to_ne_bytes();
        let words = [SchemeSocketCall::ObtainFd as u64, ask.tag().into()];
        self.fd.call_ro(&mut number, CallFlags::FD, &words)?;
        Ok(Fd::new(usize::from_ne_bytes(number)))
    }

    /// Answers one request; a note is let go of.
    pub(crate) fn answer(&self, ask: Ask, answer: Answer) {
        if !ask.is_note() {
            self.write(&[answer.encode(ask.sqe.tag)]);
        }
    }

    /// Sends the answers, in one write where that is possible, and empties them.
    #[inline]
    pub(crate) fn answer_all(&self, answers: &mut Answers) {
        self.write(&answers.0);
        answers.0.clear();
    }

    /// An answer that the kernel refuses (its caller is gone, say) is left out; the others go
    /// out.
    #[inline]
    fn write(&self, mut rest: &[Cqe]) {
        while !rest.is_empty() {
            // SAFETY: `Cqe` is plain bytes without padding, only read here.
            let bytes = unsafe {
                std::slice::from_raw_parts(rest.as_ptr().cast::<u8>(), size_of_val(rest))
            };
            let written = match self.fd.write(bytes) {
                Ok(count) => count / size_of::<Cqe>(),
                Err(error) if error.is_interrupt() => continue,
                Err(_) => 0,
            };
            rest = &rest[written.max(1)..];
        }
    }
}

impl Answer {
    /// A count.
    #[inline]
    pub(crate) fn count(count: usize) -> Answer {
        Answer { result: count as u64, flags: REGULAR }
    }

    /// An errno; `EIO` for one that would read as a count.
    #[inline]
    pub(crate) fn error(errno: Errno) -> Answer {
        let errno = if errno.0 > LAST_ERRNO { Errno::EIO } else { errno };
        Answer { result: u64::from(errno.0).wrapping_neg(), flags: REGULAR }
    }

    /// A new handle; the kernel keeps an offset for it where it is `positioned`.
    pub(crate) fn opened(handle: u64, positioned: bool) -> Answer {
        let flags = if positioned { NewFdFlags::POSITIONED } else { NewFdFlags::empty() };
        Answer { result: handle, flags: REGULAR | u16::from(flags.bits()) }
    }

    /// The number of a new handle, and its flags.
    pub(crate) fn handle(self) -> (u64, u8) {
        (self.result, self.flags as u8)
    }

    /// A descriptor of this process, which goes with the answer: its number stays to be closed.
    pub(crate) fn descriptor(number: usize) -> Answer {
        Answer { result: number as u64, flags: (CqeOpcode::RespondWithFd as u16) << 8 }
    }

    #[inline]
    fn encode(self, tag: u32) -> Cqe {
        let [extra, flags] = self.flags.to_le_bytes();
        Cqe { flags, extra_raw: [extra, 0, 0], tag, result: self.result }
    }
}

impl Ask {
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

    impl Answers {
        /// What would be sent: results, by tag.
        pub(crate) fn take(&mut self) -> Vec<(u32, u64)> {
            self.0.drain(..).map(|cqe| (cqe.tag, cqe.result)).collect()
        }
    }

    impl Ask {
        /// A request as no kernel would send it.
        pub(crate) fn raw(sqe: Sqe) -> Ask {
            Ask { sqe }
        }
    }

    #[test]
    fn an_errno_that_would_read_as_a_count_becomes_eio() {
        let word = |errno| Answer::error(Errno(errno)).encode(7).result;
        assert_eq!(word(LAST_ERRNO), u64::from(LAST_ERRNO).wrapping_neg());
        assert_eq!(word(LAST_ERRNO + 1), 5u64.wrapping_neg());
        assert_eq!(word(4095), 5u64.wrapping_neg());
    }

    #[test]
    fn what_goes_one_way_is_a_note() {
        let ask = |opcode, sqe_flags| Ask::raw(Sqe { opcode, sqe_flags, ..Sqe::default() });
        assert!(ask(200, SqeFlags::ONEWAY).is_note());
        assert!(ask(Opcode::CloseMsg as u8, SqeFlags::empty()).is_note());
        assert!(!ask(Opcode::Call as u8, SqeFlags::empty()).is_note());
    }
}
