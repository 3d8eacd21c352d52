//! The kernel's half of a thread: its calls, one after the other.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;

use syscall::data::Map;
use syscall::error::{EFAULT, Error, Result};
use syscall::flag::MapFlags;

use super::frame::{receive, send};
use super::line::Line;
use super::programs::Programs;
use super::{Ask, Reply};
use crate::kernel::memory::{Access, Buffer, PAGE};
use crate::kernel::mmap::{self, Window};
use crate::kernel::process::{Cx, Life, Pid, Task};
use crate::kernel::space::{Backing, Space};
use crate::trap::Trap;

/// A thread of a process in another program.
pub(super) struct Session {
    task: Arc<Task>,
    line: Arc<Line>,
    programs: Arc<Programs>,
    life: Arc<Life>,
}

/// An answer: the record, what follows it, and whose descriptor goes with it.
type Answer = (Reply, Vec<Vec<u8>>, Option<Backing>);

fn word(result: Result<usize>) -> Answer {
    let result = result.map_err(|error| error.errno);
    (Reply::Done { result, written: Vec::new() }, Vec::new(), None)
}

impl Session {
    pub(super) fn new(task: Arc<Task>, line: Arc<Line>, programs: Arc<Programs>) -> Self {
        Self { task, line, programs, life: Arc::new(Life) }
    }

    /// Carries calls out until the thread ends.
    pub(super) fn run(&self) -> io::Result<()> {
        while let Some(frame) = receive::<Ask>(&self.line.stream)? {
            let answer = match frame.head {
                // It came when the call it was about was over.
                Ask::Interrupt => continue,
                Ask::Trap { trap, addr, access } => self.trap(trap, addr, access, frame.body),
                Ask::Map { fd, base, size, offset, flags } => {
                    let flags = MapFlags::from_bits_truncate(flags);
                    self.map(fd, &Map { offset, size, flags, address: base })
                }
                Ask::Unmap { addr, len } => self.unmap(addr, len),
                Ask::Spawned(program) => self.spawned(program)?,
                Ask::Watch(_) => return Err(io::ErrorKind::InvalidData.into()),
            };
            self.answer(&answer)?;
        }
        Ok(())
    }

    fn answer(&self, (reply, bodies, backing): &Answer) -> io::Result<()> {
        let parts: Vec<_> = bodies.iter().map(|body| IoSlice::new(body)).collect();
        let file = backing.as_ref().map(|backing| backing.file.as_fd());
        send(&self.line.stream, reply, &parts, file)
    }

    fn enter(&self) -> Result<Cx> {
        self.task.enter_with(&self.life, Box::new(Arc::clone(&self.line)))
    }

    fn trap(&self, trap: Trap, addr: usize, access: Access, bytes: Vec<u8>) -> Answer {
        let memory = match Buffer::away(addr, bytes, access) {
            Ok(memory) => memory,
            Err(error) => return word(Err(error)),
        };
        let copy = memory.copy();
        let result = self.enter().and_then(|cx| trap.run(&cx, memory));
        let parts = copy.map(|copy| copy.written()).unwrap_or_default();
        let written = parts.iter().map(|(at, bytes)| (*at, bytes.len())).collect();
        let result = result.map_err(|error| error.errno);
        let bodies = parts.into_iter().map(|(_, bytes)| bytes).collect();
        (Reply::Done { result, written }, bodies, None)
    }

    /// The process maps what comes back at the address that it gave.
    fn map(&self, fd: usize, map: &Map) -> Answer {
        let mut behind = None;
        let done = self.enter().and_then(|cx| {
            mmap::mmap(&cx, fd, map, |window, private| {
                let (Window::Behind(backing), Space::Own(own)) = (window, &self.task.space) else {
                    return Err(Error::new(EFAULT));
                };
                if !private {
                    own.map(map.address, map.size.next_multiple_of(PAGE), backing.clone());
                }
                behind = Some(backing);
                Ok(map.address)
            })
        });
        match (done, behind) {
            (Ok(_), Some(backing)) => {
                (Reply::Mapped { offset: backing.offset }, Vec::new(), Some(backing))
            }
            (done, _) => word(done),
        }
    }

    /// Whether or not the program ever says a word, it is a process until it ends.
    fn spawned(&self, program: Pid) -> io::Result<Answer> {
        if let Some(program) = self.programs.spawned(&self.task, program) {
            let programs = Arc::clone(&self.programs);
            std::thread::Builder::new().spawn(move || {
                program.wait_death();
                programs.end(program);
            })?;
        }
        Ok(word(Ok(0)))
    }

    fn unmap(&self, addr: usize, len: usize) -> Answer {
        match self.enter().and_then(|cx| mmap::munmap(&cx, addr, len)) {
            Ok(parts) => (Reply::Unmapped { parts }, Vec::new(), None),
            Err(error) => word(Err(error)),
        }
    }
}
