//! The service: who works on a request.

use std::sync::Arc;

use agent::{Counts, Errno, Origin};
use driver::{Cred, Node, Op};
use syscall::schemev2::Opcode;

use crate::{
    abort::Flights,
    calls::bare,
    chores::Chores,
    guard::Life,
    handle::{Handle, Handles, Place},
    init::Failure,
    late::{Asked, Spare, Then, Work},
    leader::Leader,
    limits::Budget,
    mount::{Asker, Mount},
    ops::Std,
    port::Ports,
    reader::Readers,
    socket::{Answer, Answers, Ask, Socket},
    stats::Stats,
    worker::Worker,
};

/// The number of the scheme's root handle.
pub(crate) const ROOT: u64 = 0;

/// What a service's threads share.
pub(crate) struct Core {
    pub(crate) socket: Arc<Socket>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) root: Root,
    pub(crate) handles: Handles,
    pub(crate) flights: Flights,
    pub(crate) readers: Readers,
    pub(crate) leader: Leader,
    pub(crate) windows: Arc<Budget>,
    pub(crate) stats: Stats,
    pub(crate) plan: String,
    pub(crate) chores: Chores,
    pub(crate) scheme: String,
    pub(crate) root_handle: Arc<Handle>,
    /// Ends with the socket.
    pub(crate) _life: Option<Life>,
}

/// What a thread that reads requests has before it.
#[derive(Default)]
pub(crate) struct Tray {
    /// Those that go out together.
    pub(crate) answers: Answers,
    /// What is performed once they are out.
    pub(crate) put_off: Vec<Ask>,
    pub(crate) spare: Spare,
}

/// What the scheme's root is.
pub(crate) enum Root {
    /// A directory of names.
    Directory(Vec<Arc<Mount>>),
    /// A driver.
    Single(Arc<Mount>),
}

impl Core {
    /// Ends the workers, then makes safe what was written.
    pub(crate) fn wind_up(&self) -> Result<(), Failure> {
        let mut failure = Ok(());
        self.flights.abort_all();
        self.chores.stop();
        for mount in self.mounts() {
            mount.worker.get().into_iter().for_each(Worker::stop);
            let mut origin = Origin::root();
            let mut asker = Asker { mount, cred: Cred::ROOT, origin: &mut origin };
            match asker.count(Op::Flush { node: Node::ROOT }, agent::Data::NONE) {
                Ok(_) | Err(Errno::EOPNOTSUPP) => {}
                Err(errno) => failure = Err(Failure::new("flush", &mount.name, errno)),
            }
        }
        failure
    }

    pub(crate) fn mounts(&self) -> &[Arc<Mount>] {
        match &self.root {
            Root::Directory(mounts) => mounts,
            Root::Single(mount) => std::slice::from_ref(mount),
        }
    }

    /// The handle of this number, if there is one.
    #[inline]
    fn handle(&self, number: u64) -> Option<Arc<Handle>> {
        if number == ROOT {
            return Some(Arc::clone(&self.root_handle));
        }
        self.handles.get(number)
    }

    /// Performs a request, or passes it to whom it is for: what is no more than a message to a
    /// driver that does not block, which is the hot path, takes the first way.
    #[inline]
    pub(crate) fn dispatch(self: &Arc<Core>, ask: Ask, tray: &mut Tray) {
        let handle = self.handle(ask.handle());
        if let Some(handle) = &handle
            && let Place::Object { mount, node, .. } = &handle.place
            && mount.worker.get().is_none()
            && sends(&ask)
            && !ask.is_abort()
        {
            let mut work = Work { handle, ask: &ask, origin: None, spare: &mut tray.spare };
            let answer = if self.stats.are_read() {
                self.perform(Some(handle), &ask, work.spare)
            } else if let Some(op) = bare(&ask, *node) {
                let message = work.message(op);
                self.send(work, mount, message, Then::Count)
            } else {
                self.attempt(work)
            };
            if let Some(answer) = answer {
                tray.answers.push(ask, answer);
            }
            return;
        }
        self.pass(handle, ask, tray);
    }

    /// Passes a request to the worker of the driver that it is for, or performs it here: one that
    /// may wait for the driver once the others are answered.
    #[inline(never)]
    fn pass(self: &Arc<Core>, handle: Option<Arc<Handle>>, ask: Ask, tray: &mut Tray) {
        if ask.is(Opcode::Cancel) {
            self.flights.abort_tag(ask.tag());
            return self.ports.cancel(ask.tag());
        }
        // A window stays until its handle is closed, so no driver need know. And who unmaps may be
        // the caller of a daemon that died with the window mapped: it is not to wait for a driver.
        if ask.is(Opcode::Munmap) {
            return tray.answers.push(ask, Answer::count(0));
        }
        if ask.is(Opcode::CloseMsg) {
            self.flights.abort_named(ask.handle(), None);
        }
        if let Some(handle) = handle.as_deref()
            && handle.mount().is_none()
            && self.concerns_ports(handle, &ask)
        {
            return self.port_request(ask.handle(), handle, ask, &mut tray.answers);
        }
        if ask.is_abort() {
            let count = self.abort(handle.as_deref(), &ask);
            return tray.answers.push(ask, count.map_or_else(Answer::error, Answer::count));
        }
        let mount = handle.as_deref().and_then(|handle| self.home(handle, &ask));
        let Some(worker) = mount.and_then(|mount| mount.worker.get()) else {
            if mount.is_some_and(|_| waits(handle.as_deref(), &ask)) {
                if !ask.is_note() {
                    self.flights.put_off(ask.name());
                }
                return tray.put_off.push(ask);
            }
            if let Some(answer) = self.perform(handle.as_ref(), &ask, &mut tray.spare) {
                tray.answers.push(ask, answer);
            }
            return;
        };
        if let Err(ask) = worker.send(&self.flights, ask) {
            tray.answers.push(ask, Answer::error(Errno::EAGAIN));
        }
    }

    /// The mount that a request is for, if it gets as far as one.
    #[inline]
    fn home<'a>(&'a self, handle: &'a Handle, ask: &Ask) -> Option<&'a Mount> {
        handle.mount().map(Arc::as_ref).or_else(|| self.home_of_path(ask))
    }

    #[cold]
    fn home_of_path(&self, ask: &Ask) -> Option<&Mount> {
        match ask.opcode() {
            Some(Opcode::OpenAt | Opcode::UnlinkAt) => {
                let path = ask.copy(driver::MAX_PATH, Errno::ENAMETOOLONG).ok()?;
                self.resolve(&path).ok().map(|(mount, _)| &**mount)
            }
            _ => None,
        }
    }

    /// Performs a request that was put off, or a worker's. None where it is answered later on.
    pub(crate) fn perform_late(self: &Arc<Core>, ask: &Ask, spare: &mut Spare) -> Option<Answer> {
        self.perform(self.handle(ask.handle()).as_ref(), ask, spare)
    }

    /// Performs a request on its handle, if it has one, and adds up what it costs while somebody
    /// wants to know. None where it is answered later on.
    #[inline(never)]
    fn perform(
        self: &Arc<Core>,
        handle: Option<&Arc<Handle>>,
        ask: &Ask,
        spare: &mut Spare,
    ) -> Option<Answer> {
        if ask.opcode().is_none() {
            return Some(Answer::error(Errno::EOPNOTSUPP));
        }
        let Some(handle) = handle else { return Some(Answer::error(Errno::EBADF)) };
        let mut origin = Origin::root();
        self.stats.begin(&mut origin);
        let answer = self.attempt(Work { handle, ask, origin: Some(&mut origin), spare })?;
        if origin.is_metered() {
            count_boundary(ask, &mut origin);
            self.stats.fold(origin);
        }
        Some(answer)
    }

    /// Messages, reads and writes are the hot path, and what a driver may keep; the others are
    /// kept out of line.
    #[inline(never)]
    fn attempt(self: &Arc<Core>, mut work: Work<'_>) -> Option<Answer> {
        let asked = if work.ask.is(Opcode::Call) {
            self.call(&mut work)
        } else if work.ask.is(Opcode::Read) {
            self.read(&mut work)
        } else if work.ask.is(Opcode::Write) {
            self.write(&mut work)
        } else if Std::lists(work.ask) {
            self.list(&mut work)
        } else {
            return Some(self.at_once(work));
        };
        match asked {
            Ok(Asked::Message(mount, message, then)) => self.send(work, mount, message, then),
            Ok(Asked::Answered(count)) => Some(Answer::count(count)),
            Err(errno) => Some(Answer::error(errno)),
        }
    }

    /// Performs a request, waiting for whatever it waits for.
    #[inline(never)]
    fn at_once(&self, work: Work<'_>) -> Answer {
        let Work { handle, ask, .. } = work;
        let mut nobody = Origin::root();
        let origin = work.origin.unwrap_or(&mut nobody);
        let Some(opcode) = ask.opcode() else { return Answer::error(Errno::EOPNOTSUPP) };
        let count = match opcode {
            Opcode::OpenAt => return self.open(handle, ask, origin).unwrap_or_else(Answer::error),
            Opcode::CloseMsg => {
                self.close(ask.handle(), origin);
                Ok(0)
            }
            Opcode::Detach => Ok(0),
            Opcode::UnlinkAt => self.unlink(handle, ask, origin),
            Opcode::MmapPrep => self.map(handle, ask),
            opcode => self.standard(opcode, handle, ask, origin),
        };
        count.map_or_else(Answer::error, Answer::count)
    }

    /// Ends a handle: what it left open is closed.
    #[inline(never)]
    pub(crate) fn close(&self, number: u64, origin: &mut Origin) {
        let Some(handle) = self.handles.remove(number) else { return };
        match &handle.place {
            Place::Text { figures: Some(figures), .. } => self.stats.close(*figures),
            Place::Object { mount, node, .. } if mount.is_file_system() => {
                let mut asker = Asker { mount, cred: handle.cred, origin };
                handle.left_open().into_iter().chain([*node]).for_each(|node| asker.close(node));
            }
            _ => {}
        }
    }

    /// Answers a request late.
    pub(crate) fn answer(&self, ask: Ask, answer: Answer) {
        self.socket.answer(ask, answer);
    }
}

/// True where a request is more than one message that is sent, and so may wait.
#[inline]
fn waits(handle: Option<&Handle>, ask: &Ask) -> bool {
    !sends(ask) || handle.is_some_and(|handle| matches!(handle.place, Place::NewLink { .. }))
}

/// True for what is a message to a driver, where its handle is open on one.
#[inline]
fn sends(ask: &Ask) -> bool {
    let sends = ask.is(Opcode::Call) || ask.is(Opcode::Read) || ask.is(Opcode::Write);
    sends || Std::lists(ask)
}

/// A request crossed a boundary. A message was translated by its sender's agent on the way here,
/// and is on the way back; a standard operation both times by this service.
pub(crate) fn count_boundary(ask: &Ask, origin: &mut Origin) {
    let message = matches!(ask.opcode(), Some(Opcode::Call));
    origin.count(Counts {
        messages: 1,
        crossings: u32::from(!message),
        translations: if message || ask.is_note() { 1 } else { 2 },
        maps: u32::from(ask.len() > 0),
        ..Counts::default()
    });
}

#[cfg(all(test, not(target_os = "redox")))]
mod tests {
    use syscall::schemev2::Sqe;

    use super::*;
    use crate::Service;

    #[test]
    fn an_opcode_that_nobody_knows_is_not_supported() {
        let daemon = host::Process::isolated("daemon", 0, 0);
        daemon.enter(|| {
            let service = Service::single("null", Arc::new(driver_null::Null)).unwrap();
            let unknown = (0..=u8::MAX).filter(|raw| Opcode::try_from_raw(*raw).is_none());
            let (mut count, mut tray) = (0, Tray::default());
            for opcode in unknown {
                let ask = Ask::raw(Sqe { opcode, tag: 7, args: [u64::MAX; 6], ..Sqe::default() });
                service.core.dispatch(ask, &mut tray);
                let refused = u64::from(Errno::EOPNOTSUPP.0).wrapping_neg();
                assert_eq!(tray.answers.take(), [(7, refused)], "{opcode}");
                count += 1;
            }
            assert!(count > 100);
        });
        daemon.exit();
    }
}
