//! The kernel's side: who connects, and what becomes of them.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use syscall::error::{EBADF, Error, Result};

use super::frame::{receive, send};
use super::line::Line;
use super::session::Session;
use super::{Ask, Hello, Origin, Reply, Watch};
use crate::kernel::process::{Pid, Task};
use crate::kernel::space::{Own, Space};
use crate::kernel::stats::total;
use crate::kernel::{self, INIT, namespaces};
use crate::sync::lock;

/// A process in another program.
struct Program {
    task: Arc<Task>,
    lines: Mutex<Lines>,
    /// No line is left.
    quiet: Condvar,
}

/// The connections of a process's threads.
#[derive(Default)]
struct Lines {
    open: Vec<Arc<Line>>,
    /// There will be no more of them.
    over: bool,
}

impl Program {
    /// Lets a thread in. EBADF once the process has ended.
    fn open(&self, line: &Arc<Line>) -> Result<()> {
        let mut lines = lock(&self.lines);
        if lines.over {
            return Err(Error::new(EBADF));
        }
        lines.open.push(Arc::clone(line));
        Ok(())
    }

    /// The thread's half has ended: the list holds the connection's last reference.
    fn close(&self, line: Arc<Line>) {
        let gone = Arc::as_ptr(&line);
        drop(line);
        lock(&self.lines).open.retain(|other| Arc::as_ptr(other) != gone);
        self.quiet.notify_all();
    }

    /// Ends the process: what it had open closes. Returns when its threads' halves have ended.
    fn end(&self) {
        self.task.kill();
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
}

/// The processes in other programs.
#[derive(Default)]
struct Server {
    programs: Mutex<HashMap<Pid, Arc<Program>>>,
    /// A process has begun, or ended.
    changed: Condvar,
}

/// A listening socket. One that nobody listens to any more is replaced.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let refused = UnixStream::connect(path).map_err(|error| error.kind());
            if refused.err() != Some(io::ErrorKind::ConnectionRefused) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        done => done,
    }
}

/// The connection closes: there is nobody that it could be for.
fn refused(error: Error) -> io::Error {
    io::Error::from_raw_os_error(error.errno)
}

/// Serves whoever connects, for as long as connections can be taken.
pub(crate) fn serve(listener: &UnixListener) -> io::Result<()> {
    let server = Arc::<Server>::default();
    loop {
        let (stream, _) = listener.accept()?;
        let server = Arc::clone(&server);
        std::thread::Builder::new().spawn(move || {
            // A client that doesn't keep to the protocol is one that is gone.
            let _ = server.welcome(stream);
        })?;
    }
}

impl Server {
    fn welcome(&self, stream: UnixStream) -> io::Result<()> {
        let Some(frame) = receive::<Hello>(&stream)? else { return Ok(()) };
        match frame.head {
            Hello::Process { origin, name, arena } => self.process(stream, &origin, &name, arena),
            Hello::Thread(pid) => self.thread(pid, stream),
            Hello::Watcher => self.watcher(&stream),
        }
    }

    fn program(&self, pid: Pid) -> Result<Arc<Program>> {
        lock(&self.programs).get(&pid).cloned().ok_or(Error::new(EBADF))
    }

    /// A process: it lives as long as the connection, on which nothing is said after the welcome.
    fn process(
        &self,
        stream: UnixStream,
        origin: &Origin,
        name: &str,
        arena: usize,
    ) -> io::Result<()> {
        let program = self.begin(&stream, origin, name, arena).map_err(refused)?;
        let Task { pid, uid, gid, .. } = *program.task;
        let welcomed = match &program.task.space {
            Space::Own(own) => {
                let file = own.arena().file().as_fd();
                send(&stream, &Reply::Welcome { pid, uid, gid }, &[], Some(file))
            }
            Space::Here => Ok(()),
        };
        if welcomed.is_ok() {
            // An end, an error, or something that is not to be said: it is over.
            let _ = receive::<Ask>(&stream);
        }
        program.end();
        kernel::forget(pid);
        drop((stream, program));
        lock(&self.programs).remove(&pid);
        self.changed.notify_all();
        welcomed
    }

    fn begin(
        &self,
        stream: &UnixStream,
        origin: &Origin,
        name: &str,
        arena: usize,
    ) -> Result<Arc<Program>> {
        let peer = rustix::net::sockopt::socket_peercred(stream).ok();
        let peer = peer.map(|peer| peer.pid.as_raw_nonzero().get() as Pid);
        let task = match *origin {
            Origin::Program { parent, uid, gid } => {
                self.started(peer, parent, [uid, gid], name, arena)
            }
            Origin::Fork(parent) => self.forked(peer, parent, arena),
            Origin::Test { near, uid, gid } => self.made(near, [uid, gid], name, arena),
        }?;
        let (lines, quiet) = (Mutex::default(), Condvar::new());
        let program = Arc::new(Program { task, lines, quiet });
        lock(&self.programs).insert(program.task.pid, Arc::clone(&program));
        self.changed.notify_all();
        Ok(program)
    }

    /// A program that somebody started: with what its parent has open, or as a child of `init`.
    fn started(
        &self,
        peer: Option<Pid>,
        parent: u32,
        [uid, gid]: [Option<u32>; 2],
        name: &str,
        arena: usize,
    ) -> Result<Arc<Task>> {
        let parent = lock(&self.programs)
            .values()
            .find(|program| program.task.program == Some(parent))
            .map(|program| Arc::clone(&program.task));
        let space = Space::Own(Own::new(arena)?);
        let task = kernel::spawn_away(peer, |pid| {
            let mut task = match &parent {
                Some(parent) => parent.inherit(pid, name, space, true),
                None => Task::bare(pid, name, [0, 0], space),
            };
            task.uid = uid.unwrap_or(task.uid);
            task.gid = gid.unwrap_or(task.gid);
            task.program = peer;
            Arc::new(task)
        });
        if let (None, Some(init)) = (parent, kernel::task(INIT)) {
            task.share_namespace(&init)?;
        }
        Ok(task)
    }

    /// A copy of a process.
    fn forked(&self, peer: Option<Pid>, parent: Pid, arena: usize) -> Result<Arc<Task>> {
        let parent = self.program(parent)?;
        let own = match &parent.task.space {
            Space::Own(own) => own.fork(arena)?,
            Space::Here => Own::new(arena)?,
        };
        Ok(kernel::spawn_away(peer, |pid| {
            let mut task = parent.task.inherit(pid, &parent.task.name, Space::Own(own), false);
            task.program = peer;
            Arc::new(task)
        }))
    }

    /// A process that a test makes, beside others in its program.
    fn made(
        &self,
        near: Option<Pid>,
        ids: [u32; 2],
        name: &str,
        arena: usize,
    ) -> Result<Arc<Task>> {
        let near = near.map(|pid| self.program(pid)).transpose()?;
        let space = Space::Own(Own::new(arena)?);
        let task = kernel::spawn_away(None, |pid| Task::new(pid, name, ids, space));
        match near {
            Some(near) => task.share_namespace(&near.task)?,
            None => namespaces().found(&task),
        }
        Ok(task)
    }

    fn thread(&self, pid: Pid, stream: UnixStream) -> io::Result<()> {
        let program = self.program(pid).map_err(refused)?;
        let line = Line::new(stream)?;
        program.open(&line).map_err(refused)?;
        let done = Session::new(Arc::clone(&program.task), Arc::clone(&line)).run();
        program.close(line);
        done
    }

    fn watcher(&self, stream: &UnixStream) -> io::Result<()> {
        while let Some(frame) = receive::<Ask>(stream)? {
            let Ask::Watch(watch) = frame.head else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let reply = match watch {
                Watch::Stats(None) => Reply::Stats(total()),
                Watch::Stats(Some(pid)) => {
                    let program = self.program(pid);
                    Reply::Stats(program.map(|it| it.task.counters.read()).unwrap_or_default())
                }
                watch => {
                    let result = self.watch(watch).map_err(|error| error.errno);
                    Reply::Done { result, written: Vec::new() }
                }
            };
            send(stream, &reply, &[], None)?;
        }
        Ok(())
    }

    fn watch(&self, watch: Watch) -> Result<usize> {
        match watch {
            Watch::IsDead(pid) => {
                Ok(self.program(pid).map_or(1, |program| program.task.is_dead().into()))
            }
            Watch::Kill(pid) => self.program(pid).map(|program| program.task.kill()).map(|()| 0),
            Watch::Interrupt(pid) => Ok(self.program(pid)?.task.interrupt()),
            Watch::WaitBlocked(pid, n) => {
                self.wait_begin(pid).task.sleepers.wait_for(n);
                Ok(0)
            }
            Watch::WaitEnd(pid) => {
                self.wait_end(pid);
                Ok(0)
            }
            Watch::Inherit { to, from, fd } => {
                let file = self.program(from)?.task.file(fd)?;
                self.program(to)?.task.install(file)
            }
            Watch::OpenDescriptors(pid) => {
                Ok(self.program(pid)?.task.table(|table| table.open_count()))
            }
            Watch::Stats(_) => Ok(0),
        }
    }

    fn wait_begin(&self, pid: Pid) -> Arc<Program> {
        let mut programs = lock(&self.programs);
        loop {
            if let Some(program) = programs.get(&pid) {
                return Arc::clone(program);
            }
            programs = self.changed.wait(programs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_end(&self, pid: Pid) {
        let mut programs = lock(&self.programs);
        while programs.contains_key(&pid) {
            programs = self.changed.wait(programs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
