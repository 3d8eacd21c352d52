//! A service, as its program has it: made, made known, run, ended.

use std::{sync::Arc, time::Duration};

use agent::{Errno, Neighbour, Port};
use driver::{Body, Driver};
use libredox::Fd;
use stack::{Made, Stack};

use crate::{
    abort::Flights,
    chores::{self, Chores},
    handle::Handles,
    init::{self, Failure},
    leader::Leader,
    limits::{Budget, Limits},
    minter::{self, Minter},
    mount::Mount,
    place::contained,
    port::{Ports, RANGELOCK},
    reader,
    scheme::{IntoScheme, Scheme},
    serve::{Core, ROOT, Root},
    stats::Stats,
    stop::Stop,
    worker::Worker,
};

/// A scheme that serves one driver, or a directory of them.
pub struct Service {
    pub(crate) core: Arc<Core>,
    name: String,
    root: Option<Fd>,
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
        let (locks, drivers): (Vec<_>, Vec<_>) =
            stack.drivers.iter().partition(|made| made.kind == RANGELOCK.name);
        let mounts = drivers.iter().map(|made| mount(&made.name, made));
        let root = Root::Directory(mounts.collect());
        let service =
            Service::new(scheme.into_scheme()?, root, rows(stack), plan, chores::of(stack))?;
        for made in locks {
            let failed = |errno| Failure::new("make the port of", &made.name, errno);
            service.core.ports.serve_locks(&made.name).map_err(failed)?;
        }
        Ok(service)
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
            flights: Flights::new(),
            readers: reader::readers(),
            leader: Leader::default(),
            windows: Budget::new(Limits::default().windows),
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

    /// Sets how much handles, and what comes by them, may take; see [`Limits`]. What there is
    /// stays.
    pub fn set_limits(&self, limits: Limits) {
        self.core.handles.set_limits(&limits);
        self.core.ports.set_bound(limits.messages);
        self.core.windows.set_bound(limits.windows);
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

    /// Serves requests until the socket is closed. Of several threads that do, one reads at a time.
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
        self.core.serve(Some(stop))
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
