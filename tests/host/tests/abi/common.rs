//! A daemon that a test plays by hand, and one that echoes, straight on `libredox` and the
//! scheme protocol's records.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::mpsc;
use std::thread::JoinHandle;

use host::Process;
use libredox::errno::EINVAL;
use libredox::{call, flag};
use syscall::data::NewFdParams;
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode, Sqe};
use syscall::{CallFlags, Error};

/// The handle of every daemon's root.
pub(crate) const ROOT: usize = 1000;
/// The size of a page.
pub(crate) const PAGE: usize = 4096;

/// An errno, or what a call gave.
pub(crate) type Outcome<T = usize> = Result<T, i32>;

/// The errno of a call.
pub(crate) fn errno<T>(result: libredox::error::Result<T>) -> Outcome<T> {
    result.map_err(|error| error.errno())
}

/// The errno of one of the host's own functions.
pub(crate) fn host_errno<T>(result: syscall::Result<T>) -> Outcome<T> {
    result.map_err(|error| error.errno)
}

/// Creates a scheme socket in the calling thread's process.
pub(crate) fn create_socket() -> Outcome {
    let cap = libredox::Fd::open("/scheme/namespace/scheme-creation-cap", flag::O_CLOEXEC, 0);
    errno(errno(cap)?.dup(b"create-scheme"))
}

/// Makes a descriptor of a socket's scheme.
pub(crate) fn create_handle(socket: usize, number: usize) -> Outcome {
    let params = NewFdParams { offset: 0, number, flags: 0, internal_flags: 0 };
    // SAFETY: the record is plain words; its padding is never looked at.
    let bytes = unsafe {
        std::slice::from_raw_parts((&raw const params).cast::<u8>(), size_of::<NewFdParams>())
    };
    errno(call::dup(socket, bytes))
}

/// Registers a root in the calling thread's namespace.
pub(crate) fn register(name: &str, root: usize) -> Outcome<()> {
    errno(call::register_scheme_to_ns(errno(call::getns())?, name, root))
}

/// Reads one request.
pub(crate) fn next(socket: usize) -> Outcome<Sqe> {
    let mut sqe = Sqe::default();
    let count = errno(call::read(socket, &mut sqe))?;
    assert_eq!(count, size_of::<Sqe>());
    Ok(sqe)
}

/// A word that answers a request.
pub(crate) fn word(tag: u32, result: Outcome) -> Cqe {
    let result = Error::mux(result.map_err(Error::new)) as u64;
    Cqe { flags: CqeOpcode::RespondRegular as u8, tag, result, ..Cqe::default() }
}

/// The bytes of several answers.
pub(crate) fn bytes(answers: &[Cqe]) -> Vec<u8> {
    answers.iter().flat_map(|answer| answer.to_vec()).collect()
}

/// A daemon that the test plays by hand, in the test's own thread.
pub(crate) struct Daemon {
    /// Its process.
    pub(crate) process: Process,
    /// Its socket.
    pub(crate) socket: usize,
    /// Its name.
    pub(crate) name: String,
}

impl Daemon {
    /// In a namespace of its own, registered under a name.
    pub(crate) fn new(name: &str) -> Self {
        let process = Process::isolated(name, 0, 0);
        let socket = process.enter(|| {
            let socket = create_socket().unwrap();
            register(name, create_handle(socket, ROOT).unwrap()).unwrap();
            socket
        });
        Self { process, socket, name: name.to_owned() }
    }

    /// A client in the daemon's namespace.
    pub(crate) fn client(&self) -> Process {
        self.process.child("client", 1001, 1002)
    }

    /// The path of something in the scheme.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/scheme/{}/{rest}", self.name)
    }

    /// The next request.
    pub(crate) fn next(&self) -> Sqe {
        self.process.enter(|| next(self.socket)).unwrap()
    }

    /// The next request, which has to be of this kind.
    pub(crate) fn expect(&self, opcode: Opcode) -> Sqe {
        let sqe = self.next();
        assert_eq!(sqe.opcode, opcode as u8, "{sqe:?}");
        sqe
    }

    /// What is queued, without waiting.
    pub(crate) fn poll(&self) -> Outcome<Sqe> {
        self.process.enter(|| {
            errno(call::fcntl(self.socket, 4, flag::O_NONBLOCK as usize))?;
            let sqe = next(self.socket);
            errno(call::fcntl(self.socket, 4, 0))?;
            sqe
        })
    }

    /// Writes answers.
    pub(crate) fn write(&self, answers: &[Cqe]) -> Outcome {
        self.process.enter(|| errno(call::write(self.socket, &bytes(answers))))
    }

    /// Answers a request with a word.
    pub(crate) fn answer(&self, sqe: &Sqe, result: Outcome) {
        assert_eq!(self.write(&[word(sqe.tag, result)]), Ok(size_of::<Cqe>()));
    }

    /// Lets a client open something, under a handle of the test's choice.
    pub(crate) fn open(
        &self,
        client: &Process,
        rest: &str,
        number: usize,
        flags: NewFdFlags,
    ) -> usize {
        let path = self.path(rest);
        let opening = client.spawn(move || errno(call::open(path, flag::O_RDWR, 0)));
        let sqe = self.expect(Opcode::OpenAt);
        let extra_raw = [flags.bits(), 0, 0];
        self.write(&[Cqe { extra_raw, ..word(sqe.tag, Ok(number)) }]).unwrap();
        opening.join().unwrap().unwrap()
    }
}

/// The bytes that a request lends.
///
/// # Safety
/// The request isn't answered yet, and args 1 and 2 are address and length.
pub(crate) unsafe fn lent<'a>(sqe: &Sqe) -> &'a mut [u8] {
    let [_, addr, len, ..] = sqe.args;
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(addr as *mut u8, len as usize) }
}

/// A daemon with a thread of its own: a call adds one to every byte of its payload, and gives the
/// sum of its metadata.
pub(crate) struct Echo {
    /// Its process.
    pub(crate) process: Process,
    thread: JoinHandle<()>,
}

impl Echo {
    /// In a namespace of its own, under the name `echo`.
    pub(crate) fn start() -> Self {
        let process = Process::isolated("echo", 0, 0);
        let (ready, wait) = mpsc::channel();
        let thread = process.spawn(move || {
            let socket = create_socket().unwrap();
            register("echo", create_handle(socket, ROOT).unwrap()).unwrap();
            ready.send(()).unwrap();
            while let Ok(sqe) = next(socket) {
                serve(socket, &sqe);
            }
        });
        wait.recv().unwrap();
        Self { process, thread }
    }

    /// A client with the scheme open.
    pub(crate) fn client(&self) -> (Process, usize) {
        let client = self.process.child("client", 1001, 1002);
        let fd = client.enter(|| call::open("/scheme/echo/x", flag::O_RDWR, 0)).unwrap();
        (client, fd)
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        self.process.kill();
        self.thread.join().unwrap();
    }
}

/// Answers one request as [`Echo`] does.
pub(crate) fn serve(socket: usize, sqe: &Sqe) {
    let result = match Opcode::try_from_raw(sqe.opcode) {
        Some(Opcode::OpenAt) => Ok(1),
        Some(Opcode::Call) => {
            // SAFETY: the request isn't answered yet.
            let payload = if sqe.args[2] == 0 { &mut [] } else { unsafe { lent(sqe) } };
            payload.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            Ok(sqe.args[3..].iter().sum::<u64>() as usize)
        }
        Some(Opcode::CloseMsg | Opcode::Cancel) => return,
        _ => Err(EINVAL),
    };
    errno(call::write(socket, &word(sqe.tag, result))).unwrap();
}

/// A call in both directions.
pub(crate) fn call_rw(fd: usize, payload: &mut [u8], metadata: &[u64]) -> Outcome {
    errno(call::call_rw(fd, payload, CallFlags::empty(), metadata))
}

/// Has a client do something; the daemon answers its requests one after the other, with the
/// answers given. The requests, with the memory they lent, and what the client got.
pub(crate) fn script<T: Send + 'static>(
    daemon: &Daemon,
    client: &Process,
    answers: &[Outcome],
    work: impl FnOnce() -> T + Send + 'static,
) -> (Vec<(Sqe, Vec<u8>)>, T) {
    let working = client.spawn(work);
    let mut seen = Vec::new();
    for answer in answers {
        let sqe = loop {
            let sqe = daemon.next();
            if sqe.opcode != Opcode::CloseMsg as u8 {
                break sqe;
            }
        };
        let lends = sqe.args[1] >= PAGE as u64 && sqe.args[1] < 1 << 47;
        // SAFETY: the request isn't answered yet.
        let memory = if lends { unsafe { lent(&sqe) }.to_vec() } else { Vec::new() };
        daemon.answer(&sqe, *answer);
        seen.push((sqe, memory));
    }
    (seen, working.join().unwrap())
}

/// The opcodes of requests.
pub(crate) fn opcodes(seen: &[(Sqe, Vec<u8>)]) -> Vec<u8> {
    seen.iter().map(|(sqe, _)| sqe.opcode).collect()
}
