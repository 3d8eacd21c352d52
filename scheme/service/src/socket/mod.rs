//! The scheme protocol: a socket that gives requests and takes answers.
//!
//! This is the only place that knows how requests and answers lie in memory, and the only one with
//! unsafe code: [`Ask`] is a request, [`Answer`] what becomes of it.

mod answer;
mod ask;

use agent::Errno;
use libredox::Fd;
use syscall::{
    CallFlags, EventFlags, SchemeSocketCall,
    data::NewFdParams,
    schemev2::{Cqe, CqeOpcode, Sqe},
};

pub(crate) use self::{
    answer::{Answer, Answers},
    ask::{Ask, Payload},
};

/// Requests that are read at once.
const BATCH: usize = 32;

/// A scheme socket. The thread that makes it has to live on for as long as the scheme does.
pub(crate) struct Socket {
    fd: Fd,
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
        self.sqes[..count].iter().map(|sqe| Ask::new(*sqe))
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
            self.write(&[answer.encode(ask.tag())]);
        }
    }

    /// Sends the answers, in one write where that is possible, and empties them.
    #[inline]
    pub(crate) fn answer_all(&self, answers: &mut Answers) {
        self.write(answers.as_slice());
        answers.clear();
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
