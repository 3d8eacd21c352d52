//! The second mode: a kernel in a program of its own.
//!
//! | module | job |
//! | --- | --- |
//! | `frame` | records, bytes and descriptors over a stream |
//! | `server` | the kernel's side: who connects, and what becomes of them |
//! | `programs` | processes: where they come from, and how they end |
//! | `session` | the kernel's half of a thread: its calls, one after the other |
//! | `line` | how that half sleeps: it hears its program meanwhile |
//! | `client` | the program's side: connections, calls |
//! | `party` | processes that this program has with the kernel |
//! | `mapping` | memory that is shared with the kernel and other programs |
//! | `signals` | signals while an answer is awaited |
//! | `fork`, `spawn` | what a copy of a process does; that a process has started a program |
//! | `watcher` | the kernel as a test sees it that is no process of it |
//!
//! A connection begins with [`Hello`]; then it is the client's turn: each [`Ask`] but
//! [`Ask::Interrupt`] gets one [`Reply`].

pub(crate) mod client;
mod fork;
mod frame;
mod line;
mod mapping;
pub(crate) mod party;
mod programs;
pub(crate) mod server;
mod session;
mod signals;
mod spawn;
pub(crate) mod watcher;

use serde::{Deserialize, Serialize};

use crate::Stats;
use crate::kernel::memory::Access;
use crate::kernel::process::Pid;
use crate::trap::Trap;

/// What a client says first.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Hello {
    /// A process begins, which lasts as long as the connection. Its arena is to be at `arena`.
    Process { origin: Origin, name: String, arena: usize },
    /// A thread of a process.
    Thread(Pid),
    /// Somebody who looks at processes from outside.
    Watcher,
}

/// Where a process comes from.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Origin {
    /// A program that was started by the one that Linux calls `parent`, perhaps with ids of its
    /// own.
    Program { parent: u32, uid: Option<u32>, gid: Option<u32> },
    /// A copy of a process.
    Fork(Pid),
    /// A process that a test makes, in the namespace of another or in one of its own.
    Test { near: Option<Pid>, uid: u32, gid: u32 },
}

/// What a client asks for.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Ask {
    /// A system call. A copy of the memory follows.
    Trap { trap: Trap, addr: usize, access: Access },
    /// Memory to map, for a descriptor or for one of all ones.
    Map { fd: usize, base: usize, size: usize, offset: usize, flags: usize },
    /// The end of mappings.
    Unmap { addr: usize, len: usize },
    /// The process has started a program, which Linux calls so.
    Spawned(Pid),
    /// The thread got a signal while it waits.
    Interrupt,
    /// A question from outside.
    Watch(Watch),
}

/// What one can ask about a process, and do to it, from outside.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Watch {
    /// Has it ended?
    IsDead(Pid),
    /// Ends it.
    Kill(Pid),
    /// Interrupts its threads.
    Interrupt(Pid),
    /// Waits until it has begun and so many of its threads sleep.
    WaitBlocked(Pid, usize),
    /// Waits until it has ended.
    WaitEnd(Pid),
    /// Gives `to` what `from` has open.
    Inherit { to: Pid, from: Pid, fd: usize },
    /// How many descriptors it has.
    OpenDescriptors(Pid),
    /// What its requests cost; everybody's without a process.
    Stats(Option<Pid>),
}

/// The kernel's answer. Results are a word or an errno.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Reply {
    /// Who the process is. The arena's descriptor comes with it.
    Welcome { pid: Pid, uid: u32, gid: u32 },
    /// The result of a call, and which parts of the memory were written to: where they begin, and
    /// how long they are. The bytes follow.
    Done { result: Result<usize, i32>, written: Vec<(usize, usize)> },
    /// What to map: its descriptor comes with it.
    Mapped { offset: u64 },
    /// What to unmap.
    Unmapped { parts: Vec<(usize, usize)> },
    /// Counts.
    Stats(Stats),
}
