//! The processes in other programs: where they come from, and how they end.
//!
//! A process that is a program of its own lasts as long as Linux says that the program does. While
//! it becomes another program (`exec`), or before it is one at all, there is no connection.

use std::collections::HashMap;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use syscall::error::{EBADF, Error, Result};

use super::Origin;
use super::line::Line;
use crate::kernel::process::{Pid, Task};
use crate::kernel::space::{Own, Space};
use crate::kernel::{self, INIT, namespaces};
use crate::sync::lock;

/// A process in another program.
pub(super) struct Program {
    pub(super) task: Arc<Task>,
    lines: Mutex<Lines>,
    /// No line is left.
    quiet: Condvar,
    /// Linux's descriptor for it, if it is a program of its own.
    linux: Option<OwnedFd>,
}

/// The connections of a process's threads.
#[derive(Default)]
struct Lines {
    open: Vec<Arc<Line>>,
    /// There will be no more of them.
    over: bool,
}

/// All of them, by number.
#[derive(Default)]
pub(super) struct Programs {
    list: Mutex<List>,
    /// One has begun, or ended.
    changed: Condvar,
}

type List = HashMap<Pid, Arc<Program>>;

/// Linux's descriptor for a program. None if it is gone, or if Linux has no such descriptors.
fn descriptor(program: Pid) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(program as i32)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

impl Program {
    fn new(task: Arc<Task>) -> Arc<Self> {
        let linux = task.program.and_then(descriptor);
        Arc::new(Self { task, lines: Mutex::default(), quiet: Condvar::new(), linux })
    }

    /// Lets a thread in. EBADF once the process has ended.
    pub(super) fn open(&self, line: &Arc<Line>) -> Result<()> {
        let mut lines = lock(&self.lines);
        if lines.over {
            return Err(Error::new(EBADF));
        }
        lines.open.push(Arc::clone(line));
        Ok(())
    }

    /// The thread's half has ended: the list holds the connection's last reference.
    pub(super) fn close(&self, line: Arc<Line>) {
        let gone = Arc::as_ptr(&line);
        drop(line);
        lock(&self.lines).open.retain(|other| Arc::as_ptr(other) != gone);
        self.quiet.notify_all();
    }

    /// The program has no threads any more. Returns when the kernel's halves of them have ended.
    pub(super) fn hang_up(&self) {
        let mut lines = lock(&self.lines);
        lines.over = true;
        for line in &lines.open {
            // A copy of the process may hold the other end; who is cut off already is so.
            let _ = line.stream.shutdown(Shutdown::Both);
        }
        while !lines.open.is_empty() {
            lines = self.quiet.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns when Linux's process has ended; at once if there is none.
    pub(super) fn wait_death(&self) {
        let Some(linux) = &self.linux else { return };
        let mut fds = [PollFd::new(linux, PollFlags::IN)];
        while poll(&mut fds, None) == Err(rustix::io::Errno::INTR) {}
    }
}

impl Programs {
    pub(super) fn get(&self, pid: Pid) -> Result<Arc<Program>> {
        lock(&self.list).get(&pid).cloned().ok_or(Error::new(EBADF))
    }

    /// A process begins, in the program that Linux calls `peer`.
    pub(super) fn begin(
        &self,
        peer: Option<Pid>,
        origin: &Origin,
        name: &str,
        arena: usize,
    ) -> Result<Arc<Program>> {
        let mut list = lock(&self.list);
        let (task, before) = match *origin {
            Origin::Program { parent, uid, gid } => {
                started(&list, peer, parent, [uid, gid], name, arena)?
            }
            Origin::Fork(parent) => (forked(&list, peer, parent, arena)?, None),
            Origin::Test { near, uid, gid } => {
                (made(&list, peer, near, [uid, gid], name, arena)?, None)
            }
        };
        let program = self.add(&mut list, task);
        drop(list);
        if let Some(before) = before {
            // What it had open the new program has, or was to be closed.
            before.task.kill();
        }
        Ok(program)
    }

    fn add(&self, list: &mut MutexGuard<'_, List>, task: Arc<Task>) -> Arc<Program> {
        let program = Program::new(task);
        list.insert(program.task.pid, Arc::clone(&program));
        self.changed.notify_all();
        program
    }

    /// A process has started a program, which inherits what is not close-on-exec: from now on,
    /// whether it ever says a word here or not. None if the program has begun already, or is gone.
    pub(super) fn spawned(&self, parent: &Task, program: Pid) -> Option<Arc<Program>> {
        let mut list = lock(&self.list);
        if find(&list, program).is_some() || descriptor(program).is_none() {
            return None;
        }
        let task = kernel::spawn_away(Some(program), None, |pid| {
            let task = parent.inherit(pid, &parent.name, Space::Here, true);
            task.of_program(Some(program))
        });
        Some(self.add(&mut list, task))
    }

    /// The process has ended: what it had open closes.
    pub(super) fn end(&self, program: Arc<Program>) {
        program.task.kill();
        program.task.sleepers.close();
        program.hang_up();
        kernel::forget(&program.task);
        let (pid, gone) = (program.task.pid, Arc::as_ptr(&program));
        drop(program);
        let mut list = lock(&self.list);
        if list.get(&pid).is_some_and(|now| Arc::as_ptr(now) == gone) {
            list.remove(&pid);
        }
        drop(list);
        self.changed.notify_all();
    }

    /// Waits until there is such a process.
    pub(super) fn wait_begin(&self, pid: Pid) -> Arc<Program> {
        let mut list = lock(&self.list);
        loop {
            if let Some(program) = list.get(&pid) {
                return Arc::clone(program);
            }
            list = self.changed.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is no such process.
    pub(super) fn wait_end(&self, pid: Pid) {
        let mut list = lock(&self.list);
        while list.contains_key(&pid) {
            list = self.changed.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The process that is the program which Linux calls so.
fn find(list: &List, program: Pid) -> Option<&Arc<Program>> {
    list.values().find(|other| other.task.program == Some(program))
}

/// A program that somebody started: it is what was a process before, or has what its parent has
/// open, or is a child of `init`. Also gives what it was before.
fn started(
    list: &List,
    peer: Option<Pid>,
    parent: Pid,
    [uid, gid]: [Option<u32>; 2],
    name: &str,
    arena: usize,
) -> Result<(Arc<Task>, Option<Arc<Program>>)> {
    let before = peer.and_then(|peer| find(list, peer)).cloned();
    let from = before.as_ref().or_else(|| find(list, parent)).map(|from| &from.task);
    let space = Space::Own(Own::new(arena)?);
    let replaced = before.as_ref().map(|before| before.task.pid);
    let task = kernel::spawn_away(peer, replaced, |pid| {
        let mut task = match from {
            Some(from) => from.inherit(pid, name, space, true),
            None => Task::bare(pid, name, [0, 0], space),
        };
        task.uid = uid.unwrap_or(task.uid);
        task.gid = gid.unwrap_or(task.gid);
        task.program = peer;
        if let Some(before) = &before {
            task.sleepers = Arc::clone(&before.task.sleepers);
        }
        task
    });
    if let (None, Some(init)) = (from, kernel::task(INIT)) {
        task.share_namespace(&init)?;
    }
    Ok((task, before))
}

/// A copy of a process.
fn forked(list: &List, peer: Option<Pid>, parent: Pid, arena: usize) -> Result<Arc<Task>> {
    let parent = &list.get(&parent).ok_or(Error::new(EBADF))?.task;
    let own = match &parent.space {
        Space::Own(own) => own.fork(arena)?,
        Space::Here => Own::new(arena)?,
    };
    Ok(kernel::spawn_away(peer, None, |pid| {
        let task = parent.inherit(pid, &parent.name, Space::Own(own), false);
        task.of_program(peer)
    }))
}

/// A process that a test makes, beside others in its program.
fn made(
    list: &List,
    peer: Option<Pid>,
    near: Option<Pid>,
    ids: [u32; 2],
    name: &str,
    arena: usize,
) -> Result<Arc<Task>> {
    let near = near.map(|pid| list.get(&pid).ok_or(Error::new(EBADF))).transpose()?;
    // A thread belongs to the program, and not to one of these, until it uses a descriptor.
    let program = peer.and_then(|peer| find(list, peer));
    let space = Space::Own(match program.map(|program| &program.task.space) {
        Some(Space::Own(own)) => own.within(arena)?,
        Some(Space::Here) | None => Own::new(arena)?,
    });
    let task = kernel::spawn_away(None, None, |pid| Task::bare(pid, name, ids, space));
    match near {
        Some(near) => task.share_namespace(&near.task)?,
        None => namespaces().found(&task),
    }
    Ok(task)
}
