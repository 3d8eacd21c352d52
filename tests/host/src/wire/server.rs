//! The kernel's side: who connects, and what becomes of them.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use syscall::error::{Error, Result};

use super::frame::{receive, send};
use super::line::Line;
use super::party::raise_limit;
use super::programs::Programs;
use super::session::Session;
use super::{Ask, Hello, Origin, Reply, Watch};
use crate::kernel::process::{Pid, Task};
use crate::kernel::space::Space;
use crate::kernel::stats::total;

/// The kernel, as seen from its socket.
#[derive(Clone, Default)]
struct Server {
    programs: Arc<Programs>,
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
    raise_limit();
    let server = Server::default();
    loop {
        let (stream, _) = listener.accept()?;
        let server = server.clone();
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

    /// A process, which says nothing after its welcome. The end of the connection is the end of
    /// what the program was; a process that is a program of its own may become another one.
    fn process(
        &self,
        stream: UnixStream,
        origin: &Origin,
        name: &str,
        arena: usize,
    ) -> io::Result<()> {
        let peer = rustix::net::sockopt::socket_peercred(&stream).ok();
        let peer = peer.map(|peer| peer.pid.as_raw_nonzero().get() as Pid);
        let program = self.programs.begin(peer, origin, name, arena).map_err(refused)?;
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
        program.hang_up();
        drop(stream);
        program.wait_death();
        self.programs.end(program);
        welcomed
    }

    fn thread(&self, pid: Pid, stream: UnixStream) -> io::Result<()> {
        let program = self.programs.get(pid).map_err(refused)?;
        let line = Line::new(stream)?;
        program.open(&line).map_err(refused)?;
        let programs = Arc::clone(&self.programs);
        let done = Session::new(Arc::clone(&program.task), Arc::clone(&line), programs).run();
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
                    let program = self.programs.get(pid);
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
                Ok(self.programs.get(pid).map_or(1, |program| program.task.is_dead().into()))
            }
            Watch::Kill(pid) => {
                self.programs.get(pid).map(|program| program.task.kill()).map(|()| 0)
            }
            Watch::Interrupt(pid) => Ok(self.programs.get(pid)?.task.interrupt()),
            Watch::WaitBlocked(pid, n) => {
                self.programs.wait_begin(pid).task.sleepers.wait_for(n);
                Ok(0)
            }
            Watch::WaitEnd(pid) => {
                self.programs.wait_end(pid);
                Ok(0)
            }
            Watch::Inherit { to, from, fd } => {
                let file = self.programs.get(from)?.task.file(fd)?;
                self.programs.get(to)?.task.install(file)
            }
            Watch::OpenDescriptors(pid) => {
                Ok(self.programs.get(pid)?.task.table(|table| table.open_count()))
            }
            Watch::Stats(_) => Ok(0),
        }
    }
}
