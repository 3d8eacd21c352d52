//! The program's side of a call.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::mem::ManuallyDrop;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use syscall::data::Map;
use syscall::error::{EFAULT, ENODEV, ENOMEM, Error, Result};
use syscall::flag::MapFlags;

use super::frame::{Frame, receive, send};
use super::mapping::{self, Room};
use super::party::{Remote, connect, connect_to, kernel, known_program, lost};
use super::signals::{self, Held, Waited};
use super::{Ask, Hello, Reply, Watch};
use crate::Stats;
use crate::kernel::memory::{Access, Buffer, copy_checked};
use crate::kernel::mmap::check;
use crate::kernel::process::Pid;
use crate::kernel::space::ARENA;
use crate::trap::Trap;

/// The number of no process.
const NOBODY: Pid = 0;

/// A thread's connection for a process. When the thread ends, the kernel's half has ended, too.
struct Line {
    pid: Pid,
    stream: UnixStream,
}

impl Drop for Line {
    fn drop(&mut self) {
        // The kernel closes its end when its half is gone; or it has gone itself.
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = receive::<Reply>(&self.stream);
    }
}

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Takes the thread's connection for a process, or makes one: while the thread has none yet, in
/// a signal's handler, and while its storage is being destroyed.
fn take_line(pid: Pid) -> io::Result<Line> {
    let kept = LINES.try_with(|lines| {
        let mut lines = lines.try_borrow_mut().ok()?;
        let at = lines.iter().position(|line| line.pid == pid)?;
        Some(lines.swap_remove(at))
    });
    match kept.ok().flatten() {
        Some(line) => Ok(line),
        None => Ok(Line { pid, stream: connect(&Hello::Thread(pid))? }),
    }
}

fn keep_line(line: Line) {
    let mut line = Some(line);
    // What can't be kept is closed.
    let _ = LINES.try_with(|lines| {
        if let Ok(mut lines) = lines.try_borrow_mut() {
            lines.extend(line.take());
        }
    });
}

/// Closes the calling thread's connections, which are the parent's, without a word.
pub(super) fn disown_lines() {
    let _ = LINES.try_with(|lines| {
        for line in lines.take() {
            let line = ManuallyDrop::new(line);
            // SAFETY: the line is never used again.
            drop(unsafe { std::ptr::read(&line.stream) });
        }
    });
}

/// Asks, and gives the answer to `work` while signals are still held back.
fn ask<T>(
    remote: &Remote,
    ask: &Ask,
    body: &[IoSlice<'_>],
    work: impl FnOnce(Frame<Reply>) -> Result<T>,
) -> Result<T> {
    let held = signals::hold();
    let failed = |error: io::Error| match error.raw_os_error() {
        Some(libc::EFAULT) => Error::new(EFAULT),
        _ => lost(&error),
    };
    let line = take_line(remote.pid()).map_err(failed)?;
    // A line on which something went wrong is not kept.
    let reply = exchange(&held, &line.stream, ask, body).map_err(failed)?;
    keep_line(line);
    work(reply)
}

fn exchange(
    held: &Held,
    stream: &UnixStream,
    ask: &Ask,
    body: &[IoSlice<'_>],
) -> io::Result<Frame<Reply>> {
    send(stream, ask, body, None)?;
    while held.wait(stream) == Waited::Signal {
        send(stream, &Ask::Interrupt, &[], None)?;
    }
    receive(stream)?.ok_or(io::ErrorKind::ConnectionReset.into())
}

fn nonsense() -> Error {
    lost(&io::ErrorKind::InvalidData.into())
}

/// Makes a system call. Besides what the call gives: EFAULT for memory that is not there or, if
/// it was written to, read-only; ENOMEM for more than can be lent; ENODEV if the kernel is gone.
pub(crate) fn call(remote: &Remote, trap: Trap, memory: &Buffer) -> Result<usize> {
    if memory.len() > ARENA {
        return Err(Error::new(ENOMEM));
    }
    let (addr, access) = (memory.addr(), memory.access());
    let bytes = match memory.is_empty() {
        true => &[][..],
        // SAFETY: the memory is valid while the call lasts, as whoever made the buffer promised;
        // only Linux looks at the bytes.
        false => unsafe { std::slice::from_raw_parts(addr as *const u8, memory.len()) },
    };
    let body = [IoSlice::new(bytes)];
    ask(remote, &Ask::Trap { trap, addr, access }, &body, |frame| match frame.head {
        Reply::Done { result, written } => {
            put_back(memory, &written, &frame.body)?;
            result.map_err(Error::new)
        }
        _ => Err(nonsense()),
    })
}

/// Writes what the kernel has written where it belongs.
fn put_back(memory: &Buffer, written: &[(usize, usize)], mut bytes: &[u8]) -> Result<()> {
    for &(at, len) in written {
        let (part, rest) = bytes.split_at_checked(len).ok_or_else(nonsense)?;
        if at.checked_add(len).is_none_or(|end| end > memory.len()) {
            return Err(nonsense());
        }
        bytes = rest;
        match memory.access() {
            Access::Read => return Err(nonsense()),
            Access::Write => drop(memory.skip(at).write(part)),
            // SAFETY: the part is within the memory, which may be read-only.
            Access::Both => unsafe { copy_checked(part.as_ptr(), memory.addr() + at, len) }?,
        }
    }
    Ok(())
}

/// Maps a handle's window, or fresh memory for a descriptor of all ones.
pub(crate) fn map(remote: &Remote, fd: usize, map: &Map) -> Result<usize> {
    check(map)?;
    let room = Room::of(map)?;
    let (base, size, offset) = (room.base(), map.size, map.offset);
    let request = Ask::Map { fd, base, size, offset, flags: map.flags.bits() };
    ask(remote, &request, &[], |frame| match (frame.head, frame.file) {
        (Reply::Mapped { offset }, Some(file)) => {
            let fresh = fd == usize::MAX;
            // Fresh memory may become a window, so others have to see what is written to it.
            let shared = if fresh { MapFlags::MAP_SHARED } else { MapFlags::empty() };
            room.fill(&file, offset, map.flags | shared)
        }
        (Reply::Done { result: Err(errno), .. }, _) => Err(Error::new(errno)),
        _ => Err(nonsense()),
    })
}

/// Unmaps.
pub(crate) fn unmap(remote: &Remote, addr: usize, len: usize) -> Result<usize> {
    ask(remote, &Ask::Unmap { addr, len }, &[], |frame| match frame.head {
        Reply::Unmapped { parts } => {
            parts.iter().for_each(|(base, size)| mapping::unmap(*base, *size));
            Ok(0)
        }
        Reply::Done { result, .. } => result.map_err(Error::new),
        _ => Err(nonsense()),
    })
}

/// Tells the kernel that this program has started another.
pub(super) fn tell_spawned(program: Pid) {
    if let Some(remote) = known_program() {
        // Without a kernel there is nothing to inherit.
        let _ = ask(remote, &Ask::Spawned(program), &[], |_| Ok(()));
    }
}

/// Asks about a process, or does something to it, from outside.
fn look_at(kernel: &Path, watch: Watch) -> io::Result<Reply> {
    let held = signals::hold();
    let line = Line { pid: NOBODY, stream: connect_to(kernel, &Hello::Watcher)? };
    exchange(&held, &line.stream, &Ask::Watch(watch), &[]).map(|frame| frame.head)
}

/// The same, of this program's kernel.
fn look(watch: Watch) -> Result<Reply> {
    let path = kernel().ok_or(Error::new(ENODEV))?;
    look_at(path, watch).map_err(|error| lost(&error))
}

/// Waits for something about a process in another program.
pub(crate) fn wait(kernel: &Path, watch: Watch) -> io::Result<()> {
    look_at(kernel, watch).map(drop)
}

/// The same, for a word.
pub(crate) fn watch(watch: Watch) -> Result<usize> {
    match look(watch)? {
        Reply::Done { result, .. } => result.map_err(Error::new),
        _ => Err(nonsense()),
    }
}

/// What a process's requests cost, or everybody's.
pub(crate) fn stats(pid: Option<Pid>) -> Result<Stats> {
    match look(Watch::Stats(pid))? {
        Reply::Stats(stats) => Ok(stats),
        _ => Err(nonsense()),
    }
}
