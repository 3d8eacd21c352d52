//! A scheme straight on the protocol's records, with none of the project in it.
//!
//! A call's first word says what to do; see [`Ask`]. A read gives bytes that depend on their
//! place only ([`byte_at`]); a write takes everything.

use libredox::errno::{ECANCELED, EINVAL, EOPNOTSUPP};
use libredox::{Fd, call, flag};
use syscall::data::NewFdParams;
use syscall::flag::O_SYMLINK;
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode, Sqe};
use syscall::{CallFlags, Error};

use crate::world::Ready;
use crate::{Outcome, errno};

/// What a call asks of the scheme.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Adds one to every byte of the payload, and gives the sum of the next two words.
    Add = 1,
    /// Gives the word of the request whose index is the next word.
    Word,
    /// Is answered with the next word, as it is.
    Raw,
    /// Waits for a signal, and then gives ECANCELED.
    Hold,
    /// Waits for a signal, and then gives the next word.
    HoldOn,
    /// Waits until [`Seen`], the next word, is at least the word after it, and gives it.
    Await,
    /// Gives the errno with which the kernel refused the last answer that it refused.
    Refused,
    /// Gives a word of [`Told`], whose index is the next word.
    Last,
    /// Answers a tag that nobody waits with, the next word; gives 0.
    Stray,
}

/// What the scheme counts.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// Calls that it holds, or held.
    Holds,
    /// Cancellations.
    Cancels,
    /// Handles that were closed.
    Closes,
}

/// What the scheme was told in the last request that is neither a call nor a close: opcode,
/// handle, length of the buffer, and the three words after it.
pub type Told = [usize; 6];

/// A client's handle.
pub struct Handle(pub Fd);

impl Handle {
    /// Opens one.
    pub fn open(path: &str) -> Outcome<Handle> {
        errno(Fd::open(&format!("{path}/x"), flag::O_RDWR | flag::O_CLOEXEC, 0)).map(Handle)
    }

    /// Asks for something, with a payload that may be read and written.
    pub fn ask(&self, ask: Ask, words: &[u64], payload: &mut [u8]) -> Outcome {
        let words = [&[ask as u64], words].concat();
        errno(call::call_rw(self.0.raw(), payload, CallFlags::empty(), &words))
    }

    /// Waits until the scheme has seen something so often.
    pub fn wait_for(&self, seen: Seen, times: u64) -> Outcome {
        self.ask(Ask::Await, &[seen as u64, times], &mut [])
    }

    /// What the scheme was told last.
    pub fn told(&self) -> Outcome<Told> {
        let mut told = Told::default();
        for (index, word) in (0..).zip(&mut told) {
            *word = self.ask(Ask::Last, &[index], &mut [])?;
        }
        Ok(told)
    }

    /// How often the scheme has seen something.
    pub fn count(&self, seen: Seen) -> Outcome {
        self.wait_for(seen, 0)
    }
}

/// The byte that a read finds at a place.
pub fn byte_at(offset: u64) -> u8 {
    (offset * 31 + offset / 251) as u8
}

struct Echo {
    socket: Fd,
    handles: usize,
    seen: [u64; 3],
    /// Tags, and what they are answered with.
    held: Vec<(u32, Outcome)>,
    /// Tags, what they wait for, and how often.
    waiting: Vec<(u32, usize, u64)>,
    refused: usize,
    told: Told,
}

/// Serves the scheme until it is ended.
pub(crate) fn serve(name: &str, ready: Ready) {
    serve_on(create(&capability()), name, ready);
}

/// Serves a scheme whose socket was created by a thread that is gone.
pub(crate) fn serve_orphan(name: &str, ready: Ready) {
    let capability = capability();
    let socket = std::thread::scope(|scope| scope.spawn(|| create(&capability)).join());
    serve_on(socket.expect("the thread does not panic"), name, ready);
}

/// What schemes are created with.
fn capability() -> Fd {
    let path = "/scheme/namespace/scheme-creation-cap";
    Fd::open(path, flag::O_CLOEXEC, 0).expect("the namespace has it")
}

/// A new scheme's socket.
fn create(capability: &Fd) -> Fd {
    Fd::new(capability.dup(b"create-scheme").expect("root makes schemes"))
}

fn serve_on(socket: Fd, name: &str, ready: Ready) {
    register(&socket, name).expect("the name is free");
    let mut echo = Echo {
        socket,
        handles: 0,
        seen: [0; 3],
        held: Vec::new(),
        waiting: Vec::new(),
        refused: 0,
        told: Told::default(),
    };
    ready.tell();
    let mut sqe = Sqe::default();
    while let Ok(1..) = echo.socket.read(&mut sqe) {
        echo.take(&sqe);
        echo.answer_waiting();
    }
}

/// Makes a scheme known under a name.
fn register(socket: &Fd, name: &str) -> Outcome<()> {
    let params = NewFdParams::default();
    // SAFETY: the record is plain words; its padding is never looked at.
    let bytes = unsafe {
        std::slice::from_raw_parts((&raw const params).cast::<u8>(), size_of::<NewFdParams>())
    };
    let root = errno(socket.dup(bytes))?;
    errno(call::register_scheme_to_ns(errno(call::getns())?, name, root))
}

impl Echo {
    fn take(&mut self, sqe: &Sqe) {
        self.note(sqe);
        let answer = match Opcode::try_from_raw(sqe.opcode) {
            Some(Opcode::OpenAt) => return self.open(sqe),
            Some(Opcode::CloseMsg) => return self.seen[Seen::Closes as usize] += 1,
            Some(Opcode::Cancel) => return self.cancel(sqe.tag),
            Some(Opcode::Call) => match self.call(sqe) {
                Some(answer) => answer,
                None => return,
            },
            Some(Opcode::Read) => Ok(read(sqe)),
            Some(Opcode::Write) => Ok(sqe.args[2] as usize),
            _ => Err(EOPNOTSUPP),
        };
        self.answer(sqe.tag, answer);
    }

    fn note(&mut self, sqe: &Sqe) {
        let apart = [Opcode::Call, Opcode::CloseMsg, Opcode::Cancel];
        if !apart.iter().any(|opcode| *opcode as u8 == sqe.opcode) {
            let [handle, _, len, one, two, three] = sqe.args;
            self.told =
                [sqe.opcode.into(), handle, len, one, two, three].map(|word: u64| word as usize);
        }
    }

    fn open(&mut self, sqe: &Sqe) {
        self.handles += 1;
        let extra_raw = [NewFdFlags::POSITIONED.bits(), 0, 0];
        self.write(Cqe { extra_raw, ..word(sqe.tag, Ok(self.handles)) });
    }

    fn call(&mut self, sqe: &Sqe) -> Option<Outcome> {
        let [_, _, len, ask, one, two] = sqe.args;
        if ask == Ask::Add as u64 {
            // SAFETY: the request isn't answered yet.
            let bytes = if len == 0 { &mut [] } else { unsafe { lent(sqe) } };
            bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            return Some(Ok((one + two) as usize));
        }
        if ask == Ask::Hold as u64 || ask == Ask::HoldOn as u64 {
            let end = if ask == Ask::Hold as u64 { Err(ECANCELED) } else { Ok(one as usize) };
            self.seen[Seen::Holds as usize] += 1;
            self.held.push((sqe.tag, end));
            return None;
        }
        self.report(sqe, ask, one, two)
    }

    fn report(&mut self, sqe: &Sqe, ask: u64, one: u64, two: u64) -> Option<Outcome> {
        match ask {
            _ if ask == Ask::Word as u64 => {
                sqe.args.get(one as usize).map(|&word| Ok(word as usize))
            }
            _ if ask == Ask::Raw as u64 => {
                self.write(Cqe { result: one, ..word(sqe.tag, Ok(0)) });
                None
            }
            _ if ask == Ask::Await as u64 => {
                self.waiting.push((sqe.tag, one as usize, two));
                None
            }
            _ if ask == Ask::Refused as u64 => Some(Ok(self.refused)),
            _ if ask == Ask::Last as u64 => self.told.get(one as usize).map(|&word| Ok(word)),
            _ if ask == Ask::Stray as u64 => {
                self.answer(one as u32, Ok(7));
                Some(Ok(0))
            }
            _ => Some(Err(EINVAL)),
        }
    }

    fn cancel(&mut self, tag: u32) {
        self.seen[Seen::Cancels as usize] += 1;
        if let Some(at) = self.held.iter().position(|held| held.0 == tag) {
            let (tag, end) = self.held.swap_remove(at);
            self.answer(tag, end);
        }
    }

    fn answer_waiting(&mut self) {
        let seen = self.seen;
        let ready = self.waiting.extract_if(.., |(_, what, times)| seen[*what] >= *times);
        for (tag, what, _) in ready.collect::<Vec<_>>() {
            self.answer(tag, Ok(seen[what] as usize));
        }
    }

    fn answer(&mut self, tag: u32, result: Outcome) {
        self.write(word(tag, result));
    }

    fn write(&mut self, answer: Cqe) {
        if let Err(error) = self.socket.write(&answer) {
            self.refused = error.errno() as usize;
        }
    }
}

/// A word that answers a request.
fn word(tag: u32, result: Outcome) -> Cqe {
    let result = Error::mux(result.map_err(Error::new)) as u64;
    Cqe { flags: CqeOpcode::RespondRegular as u8, tag, result, ..Cqe::default() }
}

/// Fills what is to be read. A link is short, or its reader would ask for ever more of it.
fn read(sqe: &Sqe) -> usize {
    let link = sqe.args[4] as usize & O_SYMLINK != 0;
    // SAFETY: the request isn't answered yet.
    let bytes = unsafe { lent(sqe) };
    let count = if link { bytes.len().min(6) } else { bytes.len() };
    (sqe.args[3]..).zip(&mut bytes[..count]).for_each(|(at, byte)| *byte = byte_at(at));
    count
}

/// The bytes that a request lends.
///
/// # Safety
/// The request isn't answered yet, and words 1 and 2 are address and length.
unsafe fn lent<'a>(sqe: &Sqe) -> &'a mut [u8] {
    let [_, address, len, ..] = sqe.args;
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(address as *mut u8, len as usize) }
}
