//! A namespace with daemons and clients in it.

use std::io::{PipeWriter, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use libredox::{Fd, call};
use service::{Beside, Service};
use syscall::CallFlags;

use crate::{Outcome, echo};

#[cfg(not(target_os = "redox"))]
#[path = "host.rs"]
mod place;
#[cfg(target_os = "redox")]
#[path = "redox.rs"]
mod place;

use place::Place;
pub use place::{Process, beside, catch_signals};

/// Names of schemes stay taken where their daemons have died.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Where processes are started. The test itself is one of them, and runs as root.
pub struct World {
    place: Place,
}

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with what its work gave.
    Gave(Outcome),
    /// With a panic.
    Panicked(String),
    /// By [`Process::kill`].
    Killed,
}

/// A process that serves a scheme, until this value goes.
pub struct Daemon {
    process: Option<Process>,
    /// Where the scheme is: `/scheme/NAME`.
    pub path: String,
}

/// Tells whoever started a daemon that it serves.
pub(crate) struct Ready(PipeWriter);

impl Ready {
    /// Tells.
    pub(crate) fn tell(mut self) {
        self.0.write_all(b"!").expect("the test waits");
    }
}

impl World {
    /// A world with nothing in it but the system's own schemes.
    #[expect(clippy::new_without_default, reason = "a world is made, not filled in")]
    pub fn new() -> World {
        World { place: Place::new() }
    }

    /// Does something in the test's own process.
    pub fn here<T>(&self, work: impl FnOnce() -> T) -> T {
        self.place.here(work)
    }

    /// Does something in a process of its own.
    pub fn spawn(&self, work: impl FnOnce() -> Outcome + Send + 'static) -> Process {
        self.spawn_as(0, work)
    }

    /// The same as another user, whose group has the same number.
    pub fn spawn_as(&self, id: u32, work: impl FnOnce() -> Outcome + Send + 'static) -> Process {
        self.place.spawn(id, None, |_| work())
    }

    /// The same with a descriptor of the test's, which becomes the process's.
    pub fn spawn_with(
        &self,
        id: u32,
        fd: Fd,
        work: impl FnOnce(Fd) -> Outcome + Send + 'static,
    ) -> Process {
        self.place.spawn(id, Some(fd), |fd| work(fd.expect("it was given one")))
    }

    /// A pipe of the test's, which passes descriptors as well: where to read, and where to write.
    pub fn pipe(&self) -> (Fd, Fd) {
        self.place.pipe()
    }

    /// The project's daemon, with a description.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn portd(&self, text: &'static str) -> Daemon {
        self.service(|name| portd::serve(name, text).expect("the description is good"))
    }

    /// Any service, made in a process of its own.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn service(&self, make: impl FnOnce(&str) -> Service + Send + 'static) -> Daemon {
        self.daemon(|name, ready| {
            let mut service = make(name);
            service.publish().expect("the name is free");
            service::enter_null_namespace().expect("there is a null namespace");
            ready.tell();
            service.run().expect("it serves until it is ended");
        })
    }

    /// A scheme without any of the project in it; see [`echo`].
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn echo(&self) -> Daemon {
        self.daemon(echo::serve)
    }

    /// A scheme whose creating thread is gone, although its process lives.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn orphan(&self) -> Daemon {
        self.daemon(echo::serve_orphan)
    }

    /// A service under a name of its own that has a guard; `make` is given the name, and who
    /// starts processes beside it.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn guarded(
        &self,
        make: impl FnOnce(&str, &dyn Beside) -> Service + Send + 'static,
    ) -> Daemon {
        self.guarded_as(&new_name(), make)
    }

    /// The same under the name of one that has died, or one that nobody has.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn guarded_as(
        &self,
        name: &str,
        make: impl FnOnce(&str, &dyn Beside) -> Service + Send + 'static,
    ) -> Daemon {
        self.here(|| place::free(name));
        self.daemon_as(name.into(), |name, ready| {
            let mut service = make(name, &*beside());
            service.publish().expect("the name is free");
            service::enter_null_namespace().expect("there is a null namespace");
            ready.tell();
            // One that is killed on the host has lost its descriptors.
            let _ = service.run();
        })
    }

    /// The project's daemon with its guard, started as init starts it: it passes its root through
    /// a pipe, and whoever started it registers the name.
    ///
    /// # Panics
    /// If it does not start, with its reason.
    pub fn portd_of_init(&self, text: &'static str) -> Daemon {
        let name = new_name();
        let path = format!("/scheme/{name}");
        let (notified, notify) = self.pipe();
        let own = name.clone();
        let process = self.spawn_with(0, notify, move |pipe| {
            let made = portd::serve_guarded(&own, text, &*beside());
            let mut service = made.expect("the description is good");
            service.publish_to(&pipe).expect("init waits");
            drop(pipe);
            service::enter_null_namespace().expect("there is a null namespace");
            let _ = service.run();
            Ok(0)
        });
        self.here(|| {
            let mut root = usize::MAX.to_ne_bytes();
            let flags = CallFlags::FD | CallFlags::FD_UPPER;
            let came = call::call_ro(notified.raw(), &mut root, flags, &[]);
            assert_eq!(came.map_err(|error| error.errno()), Ok(1), "{path} did not start");
            let namespace = call::getns().expect("the test has one");
            call::register_scheme_to_ns(namespace, &name, usize::from_ne_bytes(root))
                .expect("the name is free");
            drop(notified);
        });
        Daemon { process: Some(process), path }
    }

    fn daemon(&self, serve: impl FnOnce(&str, Ready) + Send + 'static) -> Daemon {
        self.daemon_as(new_name(), serve)
    }

    fn daemon_as(&self, name: String, serve: impl FnOnce(&str, Ready) + Send + 'static) -> Daemon {
        let path = format!("/scheme/{name}");
        let (mut reader, writer) = std::io::pipe().expect("the system has pipes");
        let process = self.spawn(move || {
            serve(&name, Ready(writer));
            Ok(0)
        });
        if reader.read(&mut [0]).ok() != Some(1) {
            panic!("{path} did not start: {:?}", process.wait());
        }
        Daemon { process: Some(process), path }
    }
}

fn new_name() -> String {
    format!("smoke{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Daemon {
    /// The scheme's name.
    pub fn name(&self) -> &str {
        self.path.trim_start_matches("/scheme/")
    }

    /// The path of something in the scheme.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Ends it at once, whatever it is about; its path stays to be looked at.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
            process.wait_until_it_has_nothing();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
