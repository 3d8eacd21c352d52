//! What a host of drivers puts around each: containment of panics, a serializer.

use std::{
    fmt,
    fs::File,
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use agent::{Catch, Contained, Direct, Errno, Outcome, Port, Serialized};
use driver::{Body, Built, Context, Description, Driver, Features, Request, Secret, Time};
use stack::Environment;

use crate::{opener::Opener, remote::Remote, wait::PARK};

/// The host of drivers on a system with threads, for [`stack::Plan::build`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

/// Bytes of a file that holds a secret.
const LARGEST_SECRET: usize = 4096;

/// The time of day.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time { sec: since.as_secs(), nsec: since.subsec_nanos() }
}

/// Nanoseconds since some moment of this process.
pub fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

impl Environment for Host {
    fn context(&self) -> Context {
        Context { now, wait: &PARK }
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        connected(Remote::connect(path))
    }

    fn secret(&self, path: &str) -> Result<Secret, String> {
        // Room for all of it from the start: a vector that grows leaves copies behind.
        let mut bytes = Vec::with_capacity(LARGEST_SECRET + 1);
        let read = File::open(path)
            .and_then(|file| file.take(LARGEST_SECRET as u64 + 1).read_to_end(&mut bytes));
        let secret = Secret::new(bytes);
        match read {
            Ok(len) if len > LARGEST_SECRET => {
                Err(format!("is larger than {LARGEST_SECRET} bytes: name a file with a key only"))
            }
            Ok(_) => Ok(secret),
            Err(error) => Err(format!("can't be read: {error}")),
        }
    }

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        let made = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            Err(format!("gave up on what it found: {}", message(panic.as_ref())))
        })?;
        Ok(contained(name, made))
    }
}

fn connected(remote: Result<Remote, Errno>) -> Result<Arc<dyn Driver>, String> {
    let remote =
        remote.map_err(|errno| format!("{errno}; is the service there, and is it a port?"))?;
    // With a window names and attributes go through it. Without they go all the same.
    let _ = remote.buffer(0);
    Ok(Arc::new(remote))
}

/// [`Host`], for a daemon that gives its namespace up: an opener opens the ports of other
/// processes for it.
pub struct Opening(pub Arc<Opener>);

impl Environment for Opening {
    fn context(&self) -> Context {
        Host.context()
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        connected(Remote::connect_by(&self.0, path))
    }

    fn secret(&self, path: &str) -> Result<Secret, String> {
        Host.secret(path)
    }

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        Host.place(name, make)
    }
}

/// The driver, contained, behind a serializer where it may not run concurrently.
pub(crate) fn contained(name: &str, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let catch = Arc::new(Catches::new(name));
    let described = Described { driver: driver.into(), broken: AtomicBool::new(false) };
    if described.describe().features.contains(Features::CONCURRENT) {
        Arc::new(Placed(Contained::new(described, catch)))
    } else {
        Arc::new(OneAtATime(Serialized::contained(described, catch)))
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// Ends a panic at the driver of this name, and says so.
pub(crate) struct Catches {
    name: String,
}

impl Catch for Catches {
    #[inline]
    fn catch(&self, run: &mut dyn FnMut()) -> bool {
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| self.report(panic.as_ref())).is_ok()
    }

    fn is_unwinding(&self) -> bool {
        std::thread::panicking()
    }
}

impl Catches {
    pub(crate) fn new(name: &str) -> Catches {
        Catches { name: name.to_string() }
    }

    #[cold]
    fn report(&self, panic: &(dyn std::any::Any + Send)) {
        let reason = message(panic);
        eprintln!("driver \"{}\" failed and answers EIO from here on: {reason}", self.name);
    }
}

/// A driver as a port of a known size.
struct Described {
    driver: Direct<dyn Driver>,
    /// It has panicked outside of a message.
    broken: AtomicBool,
}

impl Described {
    /// Asks the driver something that is no message. What it panics at is not asked again.
    fn aside<T>(&self, otherwise: T, ask: impl FnOnce(&dyn Driver) -> T) -> T {
        if self.broken.load(Relaxed) {
            return otherwise;
        }
        catch_unwind(AssertUnwindSafe(|| ask(&*self.driver))).unwrap_or_else(|_| {
            self.broken.store(true, Relaxed);
            otherwise
        })
    }
}

impl Port<Body> for Described {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.driver.begin(request)
    }

    fn fail(&self) {
        self.driver.fail();
    }
}

impl Driver for Described {
    fn describe(&self) -> Description {
        self.driver.describe()
    }

    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.aside(Ok(()), |driver| driver.report(out))
    }

    fn tend(&self) -> bool {
        self.aside(false, |driver| driver.tend())
    }

    fn tends(&self) -> bool {
        self.driver.tends()
    }

    fn passes_data(&self) -> bool {
        self.driver.passes_data()
    }
}

/// A driver that may be entered by several messages at a time.
struct Placed(Contained<Body, Described, Catches>);

impl Port<Body> for Placed {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.0.begin(request)
    }
}

impl Driver for Placed {
    fn describe(&self) -> Description {
        self.0.inner().describe()
    }

    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.0.inner().report(out)
    }

    fn tend(&self) -> bool {
        self.0.inner().tend()
    }

    fn tends(&self) -> bool {
        self.0.inner().tends()
    }

    fn passes_data(&self) -> bool {
        self.0.inner().passes_data()
    }
}

/// A driver that is entered by one message at a time.
struct OneAtATime(Serialized<Body, Described, Catches>);

impl Port<Body> for OneAtATime {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.0.begin(request)
    }
}

impl Driver for OneAtATime {
    fn describe(&self) -> Description {
        self.0.inner().describe()
    }

    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.0.inner().report(out)
    }

    fn tend(&self) -> bool {
        self.0.inner().tend()
    }

    fn tends(&self) -> bool {
        self.0.inner().tends()
    }

    fn passes_data(&self) -> bool {
        self.0.inner().passes_data()
    }
}
