//! What a host of drivers puts around each: containment of panics, a serializer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use agent::{Catch, Errno, Outcome, Port, Serialized};
use driver::{Body, Built, Context, Description, Driver, Features, Request, Time};
use stack::Environment;

use crate::{remote::Remote, wait::PARK};

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
        let remote = Remote::connect(path)
            .map_err(|errno| format!("{errno}; is the service there, and is it a port?"))?;
        Ok(Arc::new(remote))
    }

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        let made = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            Err(format!("gave up on what it found: {}", message(panic.as_ref())))
        })?;
        Ok(contained(name, made))
    }
}

/// The driver, contained, behind a serializer where it may not run concurrently.
pub(crate) fn contained(name: &str, driver: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let concurrent = driver.describe().features.contains(Features::CONCURRENT);
    let contained = Contained { name: name.to_string(), driver, failed: AtomicBool::new(false) };
    if concurrent { Arc::new(contained) } else { Arc::new(OneAtATime(Serialized::new(contained))) }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// A driver whose panics end with the driver: the message that met one gets `EIO`, and so do all
/// that come after.
struct Contained {
    name: String,
    driver: Arc<dyn Driver>,
    failed: AtomicBool,
}

impl Catch for Contained {
    #[inline]
    fn catch(&self, run: &mut dyn FnMut()) -> bool {
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| self.fail(panic.as_ref())).is_ok()
    }
}

impl Contained {
    #[cold]
    fn fail(&self, panic: &(dyn std::any::Any + Send)) {
        self.failed.store(true, Ordering::Relaxed);
        let reason = message(panic);
        eprintln!("driver \"{}\" failed and answers EIO from here on: {reason}", self.name);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Port<Body> for Contained {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        if self.has_failed() {
            return request.done(Errno::EIO);
        }
        request.contain(self, &*self.driver)
    }
}

impl Driver for Contained {
    fn describe(&self) -> Description {
        self.driver.describe()
    }
}

/// A driver that is entered by one message at a time.
struct OneAtATime(Serialized<Body, Contained>);

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
