//! The Redox ABI on a Linux host, for tests and demonstrations.
//!
//! `libredox` and `redox_event` reach the system through plain C symbols. This crate defines
//! those symbols over a small kernel for user schemes, so that daemons, tools and clients run
//! unchanged on x86_64 Linux, with stable Rust. A program that links it says `use host as _;` if
//! it uses nothing else of it.
//!
//! It is test equipment, and therefore strict: what today's Redox kernel refuses, it refuses, with
//! the same errno. [`Process`] stands for a process: a table of descriptors with credentials and a
//! namespace. Threads belong to processes; see below.
//!
//! # Threads
//! A thread belongs to the process whose [`Process::enter`] or [`Process::spawn`] it is in. One
//! that is in none is adopted by the process whose descriptor it first uses; until then, whatever
//! needs no descriptor it does as `init`, process 1, which runs as root. A daemon's own worker
//! threads thus find their process, as long as they begin with a descriptor. A thread that belongs
//! to one process and uses another's number gets EBADF: numbers hold the process id.
//!
//! # Two modes
//! Without `HOST_KERNEL` in the environment the kernel is in the program itself, and processes
//! are what [`Process`] makes. With it, the kernel is in a program of its own that
//! [`serve`]s the Unix socket of that name, and the program is one process of many:
//! - **A system call** is a trap: a small record and one piece of the caller's memory. The C
//!   symbols make them; `Trap::run` carries one out. The second mode sends the record and a copy
//!   of the memory over a connection, and gets the result and what was written to the memory.
//! - **Each thread has a connection** with a thread of the kernel's behind it, so calls that wait
//!   hold nobody up, and a socket dies with its thread. A signal that arrives while a thread waits
//!   is passed on over the connection: the kernel sends the daemon Cancel, as on Redox. Signals
//!   are let in only while the answer is awaited, so none is missed.
//! - **Each process has one more connection**, which says nothing. It closes when the program ends,
//!   however that happens. Once Linux says that the program is gone, the kernel closes what the
//!   process had open.
//! - **Lent memory** lies in the daemon's *arena*: a memory descriptor that daemon and kernel share
//!   from the start. The kernel copies payloads into it and out of it, so that a request holds an
//!   address of the daemon's, and a guard can answer for a daemon that is gone.
//! - **Windows** are parts of memory that the daemon got from `mmap`. All such memory has a
//!   descriptor behind it, and the client maps that: truly shared.
//! - **fork** gives the child the parent's descriptors, under the same numbers; a program that a
//!   process starts, or becomes, has those that are not close-on-exec. So a guard that is started
//!   with a scheme's socket holds it. Any other program begins as a child of `init`; `HOST_UID` and
//!   `HOST_GID` say as whom, root if they are not set. Process ids are Linux's.
//! - The kernel believes what its clients say of themselves: it is no boundary against them.
//!
//! In one terminal `cargo run -- kernel /tmp/k`, in others, with `HOST_KERNEL=/tmp/k` set,
//! `cargo run -- portd --config recipe/portd.toml` and `cargo run -- portctl ls`.
//!
//! A test's [`Process`]es work in the second mode as in the first; each has connections of its own.
//!
//! # A daemon's first steps
//! ```
//! use host::Process;
//! use libredox::{Fd, call, flag};
//! use syscall::data::NewFdParams;
//!
//! Process::isolated("exampled", 0, 0).enter(|| {
//!     let cap = Fd::open("/scheme/namespace/scheme-creation-cap", flag::O_CLOEXEC, 0)?;
//!     let socket = cap.dup(b"create-scheme")?;
//!     let params = NewFdParams { number: 1, ..NewFdParams::default() };
//!     // SAFETY: the record is plain words.
//!     let params = unsafe { std::slice::from_raw_parts((&raw const params).cast(), 32) };
//!     let root = call::dup(socket, params)?;
//!     call::register_scheme_to_ns(call::getns()?, "example", root)
//! })?;
//! # Ok::<(), libredox::error::Error>(())
//! ```
//!
//! # Where it differs from Redox
//! - **Memory on loan is copied**, into a fresh mapping at the same place in its page, when the
//!   request is queued; what the daemon wrote is copied back when the caller has its answer, and
//!   the mapping goes. Redox shares the whole pages and copies only the ragged ends, so there
//!   both sides see each other's changes while the request is under way. [`Stats`] counts what
//!   Redox would have done. The ragged ends of a payload are always copied back, so that a ragged
//!   payload in read-only memory gives EFAULT here too; whole pages in read-only memory are
//!   refused only if the daemon changed them.
//! - **One address space** lies under all processes: a pointer that crosses on its own can be
//!   followed, a window is mapped at the daemon's own address, with the daemon's protection, and
//!   `munmap` of any part of it ends it as a whole. A private mapping of a window is a copy made
//!   at once.
//!
//!   In the second mode each program has its own, and a pointer that crosses on its own means
//!   nothing. Memory that a daemon did not get from `mmap`, or two mappings of it at once, can't be
//!   a window: EFAULT. What it got from `mmap` it shares with a copy of itself (`fork`). A daemon
//!   that looks at a payload later finds zeros, and is not kept from writing to one that it was to
//!   read only. At most 1 GiB is on loan to a process at a time: ENOMEM.
//! - **A killed process's threads go on**: sleeping ones come back with EINTR, and whatever they
//!   try then gives EBADF. On Redox, and of a program that is killed, they are gone.
//! - **[`Process::interrupt`]** interrupts all threads of a process that sleep; a signal, one. No
//!   handler runs, and nothing is restarted. A signal that Linux sends to a program runs its handler
//!   while the thread waits, so before the call ends; on Redox, afterwards.
//! - **Namespaces** are kept by the kernel, where Redox has a daemon, with the same answers. There
//!   is no working directory: a relative path gives ENOENT. Linux's own files are not served; a
//!   path outside `/scheme` belongs to the scheme `file`, and is ENODEV unless somebody registers
//!   that.
//! - **One table of descriptors** a process, where Redox has a lower and an upper one. The first
//!   three slots are never given out. Descriptors that are received are never close-on-exec.
//! - **Flags** of `libredox::flag` are Linux's numbers on the host. They are translated at open
//!   and `fcntl`; schemes are told Redox's. `O_SYMLINK` and `O_STAT` pass as they are
//!   ([`sys::O_SYMLINK`], [`sys::O_STAT`]). `libredox::call::openat` has no room for a mode on the
//!   host; [`sys::openat`] has.
//! - **Calls on two descriptors** (and with them `relpathat`) are always EINVAL.
//! - **Kernel schemes**: `event`, `memory` (`zeroed` only), `namespace`, `pipe` and `time`.
//!   `waitpid`, signal masks and handlers are ENOSYS: programs use Linux's own.
//! - Time has the host's clocks. An alarm that is set is forgotten only once it rang.
//!
//! # Where it is faithful, and that surprises
//! - A descriptor that is closed while a call on it is under way is never reported as closed to
//!   its scheme ([`Stats::lost_closes`]); nor is one that is received without a number to put it
//!   behind.
//! - A pipe hands descriptors out with `CallFlags::FD_UPPER` only; without it they are lost.
//! - A scheme's socket dies with the *thread* that created it: opens, and calls with a payload,
//!   give ESRCH from then on.
//! - A caller whose daemon dies stays blocked, unless somebody else has the socket and answers.
//! - The close of a dead scheme's handle gives ENODEV, and its number stays taken until it is
//!   closed again, which gives EBADF.
//! - A number whose descriptor was given away with an answer stays taken until its owner closes
//!   it, which gives EBADF.
//! - An event queue's timeout argument is ignored; `EVENT_TIMEOUT_ID` works.

mod abi;
mod kernel;
mod process;
mod rt;
mod sync;
pub mod sys;
mod thread;
mod trap;
mod wire;

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;

pub use kernel::stats::Stats;
pub use process::{Process, interrupt};
pub use wire::watcher::Kernel;

/// What all requests to user schemes have cost so far.
///
/// # Panics
/// If the kernel is in another program that can't be reached.
pub fn stats() -> Stats {
    match wire::party::kernel() {
        None => kernel::stats::total(),
        Some(_) => wire::client::stats(None).expect("the kernel is there"),
    }
}

/// A socket for [`serve`], ready to be connected to. One that a dead kernel left behind is
/// replaced; one that a living kernel has is refused.
pub fn listen(socket: &Path) -> io::Result<UnixListener> {
    wire::server::listen(socket)
}

/// Is the kernel for whoever connects: the other side of the second mode. Returns only if no
/// connection can be taken any more.
pub fn serve(listener: &UnixListener) -> io::Result<()> {
    wire::server::serve(listener)
}
