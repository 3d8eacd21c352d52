//! The service: the loop over its socket, and who works on a request.

use std::{sync::Arc, time::Duration};

use agent::{Counts, Errno, Neighbour, Origin, Port};
use driver::{Body, Cred, Driver, Node, Op};
use libredox::Fd;
use stack::{Made, Stack};
use syscall::schemev2::Opcode;

use crate::{
    abort::Flights,
    calls::bare,
    chores::{self, Chores},
    guard::Life,
    handle::{Handle, Handles, Place},
    init::{self, Failure},
    late::{Asked, Spare, Then, Work},
    limits::Limits,
    minter::{self, Minter},
    mount::{Asker, Mount},
    ops::Std,
    place::contained,
    port::Ports,
    reader::{self, Readers},
    scheme::{IntoScheme, Scheme},
    socket::{Answer, Answers, Ask, Asks, Socket},
    stats::Stats,
    stop::Stop,
    window::Budget,
    worker::Worker,
};

/// The number of the scheme's root handle.
pub(crate) const ROOT: u64 = 0;

/// A scheme that serves one driver, or a directory of them.
pub struct Service {
    core: Arc<Core>,
    name: String,
    root: Option<Fd>,
}

/// What a service's threads share.
pub(crate) struct Core {
    pub(crate) socket: Arc<Socket>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) root: Root,
    pub(crate) handles: Handles,
    pub(crate) flights: Flights,
    pub(crate) readers: Readers,
    pub(crate) windows: Arc<Budget>,
    pub(crate) stats: Stats,
    pub(crate) plan: String,
    pub(crate) chores: Chores,
    pub(crate) scheme: String,
    pub(crate) root_handle: Arc<Handle>,
    /// Ends with the socket.
    _life: Option<Life>,
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

impl Service {
    /// A scheme (a name, or one that is made already) whose root is `driver`, which is placed as
    /// [`Host`](crate::Host) places the drivers of a stack: its panics end there, and it is
    /// entered by one message at a time unless it may run concurrently.
    pub fn single(scheme: impl IntoScheme, driver: Arc<dyn Driver>) -> Result<Service, Failure> {
        let scheme = scheme.into_scheme()?;
        let name = scheme.name.clone();
        let description = driver.describe();
        let agent = Some(Arc::clone(&driver));
        let driver = contained(&name, driver);
        let port: Arc<dyn Port<Body>> = Arc::<dyn Driver>::clone(&driver);
        let mount = Mount::new(&name, Neighbour::new(port, 1), description, agent);
        let (rows, drivers) = (vec!["scheme".into(), name.clone()], vec![(name, driver)]);
        Service::new(scheme, Root::Single(mount), rows, String::new(), drivers)
    }

    /// A scheme whose root is the driver `top` of a stack.
    pub fn top(
        scheme: impl IntoScheme,
        stack: &Stack,
        top: &str,
        plan: String,
    ) -> Result<Service, Failure> {
        let scheme = scheme.into_scheme()?;
        let made = stack
            .get(top)
            .ok_or_else(|| Failure::new("find a driver to serve", top, Errno::ENOENT))?;
        let root = Root::Single(mount(&scheme.name, made));
        Service::new(scheme, root, rows(stack), plan, chores::of(stack))
    }

    /// A scheme whose root is a directory of the stack's drivers.
    pub fn directory(
        scheme: impl IntoScheme,
        stack: &Stack,
        plan: String,
    ) -> Result<Service, Failure> {
        let mounts = stack.drivers.iter().map(|made| mount(&made.name, made));
        let root = Root::Directory(mounts.collect());
        Service::new(scheme.into_scheme()?, root, rows(stack), plan, chores::of(stack))
    }

    fn new(
        scheme: Scheme,
        root: Root,
        rows: Vec<String>,
        plan: String,
        drivers: Vec<(String, Arc<dyn Driver>)>,
    ) -> Result<Service, Failure> {
        let Scheme { name, socket, life } = scheme;
        let chores = Chores::start(drivers)
            .map_err(|error| Failure::io("start a thread for the chores of", &name, &error))?;
        let failed = |errno| Failure::new("make the root of", &name, errno);
        let descriptor = socket.root(ROOT as usize).map_err(failed)?;
        let socket = Arc::new(socket);
        let core = Arc::new(Core {
            ports: Ports::new(&socket),
            socket,
            root_handle: Arc::new(minter::root_handle(&root)),
            root,
            handles: Handles::default(),
            flights: Flights::default(),
            readers: reader::readers(),
            windows: Arc::default(),
            stats: Stats::new(rows),
            plan,
            chores,
            scheme: name.clone(),
            _life: life,
        });
        for mount in core.mounts().iter().filter(|mount| mount.blocks()) {
            let worker = Worker::start(&core, &mount.name)
                .map_err(|error| Failure::io("start a thread for", &mount.name, &error))?;
            let _ = mount.worker.set(worker);
        }
        Ok(Service { core, name, root: Some(descriptor) })
    }

    /// Sets how long the holder of a port that is connected to directly may take to answer an
    /// open; then that is answered `ETIMEDOUT`. And how long who makes a port may take to use it;
    /// after that it is gone when somebody asks for its name. Five seconds otherwise.
    pub fn set_connect_limit(&self, limit: Duration) {
        self.core.ports.set_connect_limit(limit);
    }

    /// Sets how much handles and messages of ports may take; see [`Limits`]. What there is stays.
    pub fn set_limits(&self, limits: Limits) {
        self.core.handles.set_bound(limits.handles);
        self.core.ports.set_bound(limits.messages);
    }

    /// Makes handles of this service for others to be given.
    pub fn minter(&self) -> Minter {
        Minter::new(&self.core)
    }

    /// Makes the scheme known: through init where that asked for it (by `INIT_NOTIFY`), else in
    /// the namespace. `EEXIST` where the name is taken. Done once; again is no error.
    pub fn publish(&mut self) -> Result<(), Failure> {
        match init::pipe() {
            Some(pipe) => self.publish_to(&pipe),
            None => self.root.take().map_or(Ok(()), |root| init::register(&self.name, root)),
        }
    }

    /// Makes the scheme known to the init that waits at the other end of `pipe`: it receives the
    /// scheme's root, and registers it under the name that its unit says.
    pub fn publish_to(&mut self, pipe: &Fd) -> Result<(), Failure> {
        self.root.take().map_or(Ok(()), |root| init::notify(&self.name, root, pipe))
    }

    /// Serves requests until the socket is closed. Several threads may do it.
    pub fn run(&self) -> Result<(), Failure> {
        self.run_until(&Stop::new())
    }

    /// Serves requests until the socket is closed or `stop` is asked. Then what was taken is
    /// answered, what waits for a driver is answered `ENODEV`, and the drivers are flushed.
    pub fn run_until(&self, stop: &Stop) -> Result<(), Failure> {
        let ended = self.serve_until(stop);
        self.core.end_ports();
        ended
    }

    fn serve_until(&self, stop: &Stop) -> Result<(), Failure> {
        stop.watch(self.core.socket.number());
        self.core.readers.join();
        self.core.serve(stop)
    }
}

/// What drivers keep is asked back: nobody is left to be answered.
impl Drop for Service {
    fn drop(&mut self) {
        self.core.flights.abort_all();
    }
}

fn mount(name: &str, made: &Made) -> Arc<Mount> {
    Mount::new(name, made.port.clone(), made.description, made.agent.clone())
}

fn rows(stack: &Stack) -> Vec<String> {
    let mut rows = stack.rows.clone();
    if let Some(first) = rows.first_mut() {
        *first = "scheme".into();
    }
    rows
}

impl Core {
    /// Serves requests, as [`Service::run_until`].
    pub(crate) fn serve(self: &Arc<Core>, stop: &Stop) -> Result<(), Failure> {
        let (mut asks, mut tray) = (Asks::new(), Tray::default());
        loop {
            match self.socket.read(&mut asks) {
                Ok(()) if asks.is_empty() => return Ok(()),
                Ok(()) => {}
                Err(Errno::EINTR | Errno::EAGAIN) if stop.asked() => return self.wind_up(),
                Err(Errno::EINTR | Errno::EAGAIN) => continue,
                Err(Errno::EBADF | Errno::ENODEV) => return Ok(()),
                Err(errno) => return Err(Failure::new("read requests for", &self.scheme, errno)),
            }
            for ask in asks.drain() {
                // What comes after a request that may wait comes after it: a close, say.
                match tray.put_off.is_empty() {
                    true => self.dispatch(ask, &mut tray),
                    false => tray.put_off.push(ask),
                }
            }
            self.socket.answer_all(&mut tray.answers);
            if !tray.put_off.is_empty() {
                self.perform_put_off(&mut tray);
            }
        }
    }

    /// Ends the workers, then makes safe what was written.
    fn wind_up(&self) -> Result<(), Failure> {
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
            // A window stays until its handle is closed.
            Opcode::Munmap => Ok(0),
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

    /// Answers requests, and empties the list.
    pub(crate) fn answer_all(&self, answers: &mut Answers) {
        self.socket.answer_all(answers);
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
