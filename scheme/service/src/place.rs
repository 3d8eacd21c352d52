//! What a host of drivers puts around each: containment of panics, a serializer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use agent::{Catch, Contained, Direct, Errno, Outcome, Port, Serialized};
use driver::{Body, Built, Context, Description, Driver, Features, Request, Time};
use stack::Environment;

use crate::{opener::Opener, remote::Remote, wait::PARK};

/// The host of drivers on a system with threads, for [`stack::Plan::build`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

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

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        let made = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            Err(format!("gave up on what it found: {}", message(panic.as_ref())))
        })?;
        Ok(contained(name, made))
    }
}

fn connected(remote: Result<Remote, Errno>) -> Result<Arc<dyn Driver>, String> {
    let failed = |errno| format!("{errno}; is the service there, and is it a port?");
    Ok(Arc::new(remote.map_err(failed)?))
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

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        Host.place(name, make)
    }
}

/// The driver, contained, behind a serializer where it may not run concurrently.
pub(crate) fn contained(name: &str, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let catch = Arc::new(Catches { name: name.to_string() });
    let described = Described(driver.into());
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
struct Catches {
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
    #[cold]
    fn report(&self, panic: &(dyn std::any::Any + Send)) {
        let reason = message(panic);
        eprintln!("driver \"{}\" failed and answers EIO from here on: {reason}", self.name);
    }
}

/// A driver as a port of a known size.
struct Described(Direct<dyn Driver>);

impl Port<Body> for Described {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.0.begin(request)
    }

    fn fail(&self) {
        self.0.fail();
    }
}

impl Driver for Described {
    fn describe(&self) -> Description {
        self.0.describe()
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
}
