//! Clocks as files: reading gives the time, writing sets an alarm that is an event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use syscall::data::TimeSpec;
use syscall::error::{EACCES, EBADF, EINVAL, ENOENT, Error, Result};
use syscall::flag::{CLOCK_MONOTONIC, CLOCK_REALTIME, EventFlags};

use super::description::Opened;
use super::events;
use super::memory::Buffer;
use super::process::Cx;
use super::scheme::{self, Scheme, no_position};
use crate::sync::lock;

/// The number of the scheme's root.
pub(crate) const ROOT: usize = usize::MAX;
const SPEC_SIZE: usize = size_of::<TimeSpec>();

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Default,
    Gettime,
    Getres,
    Timer,
}

#[derive(Clone, Copy)]
struct Clock {
    id: usize,
    kind: Kind,
}

/// The open clocks by number.
#[derive(Default)]
pub(crate) struct TimeScheme {
    clocks: Mutex<HashMap<usize, Clock>>,
    next: AtomicUsize,
}

/// Now, by one of the host's clocks.
pub(crate) fn now(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}

fn nanos(clock: usize) -> u128 {
    let host = if clock == CLOCK_REALTIME { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
    let time = now(host);
    time.tv_sec as u128 * 1_000_000_000 + time.tv_nsec as u128
}

impl TimeScheme {
    fn clock(&self, number: usize) -> Result<Clock> {
        lock(&self.clocks).get(&number).copied().ok_or(Error::new(EBADF))
    }
}

fn parse(path: &str) -> Option<Clock> {
    let mut parts = path.split('/');
    let id = parts.next()?.parse().ok()?;
    let kind = match parts.next() {
        None | Some("") => Kind::Default,
        Some("gettime") => Kind::Gettime,
        Some("getres") => Kind::Getres,
        Some("timer") => Kind::Timer,
        Some(_) => return None,
    };
    matches!(id, CLOCK_REALTIME | CLOCK_MONOTONIC).then_some(Clock { id, kind })
}

impl Scheme for TimeScheme {
    fn openat(
        &self,
        _cx: &Cx,
        number: usize,
        path: &str,
        _flags: usize,
        _fcntl_flags: u32,
    ) -> Result<Opened> {
        if number != ROOT {
            return Err(Error::new(EACCES));
        }
        let clock = parse(path).ok_or(Error::new(ENOENT))?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.clocks).insert(number, clock);
        Ok(Opened::Local { number, positioned: false })
    }

    fn read(&self, _cx: &Cx, number: usize, to: Buffer, offset: u64, _flags: u32) -> Result<usize> {
        no_position(offset)?;
        let clock = self.clock(number)?;
        let time = match clock.kind {
            Kind::Default | Kind::Gettime => nanos(clock.id),
            Kind::Getres => 1,
            Kind::Timer => return Err(Error::new(EINVAL)),
        };
        let count = to.len() / SPEC_SIZE;
        (0..count).for_each(|n| {
            to.skip(n * SPEC_SIZE).write(&TimeSpec::from_nanos(time));
        });
        Ok(count * SPEC_SIZE)
    }

    fn write(
        &self,
        _cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        _flags: u32,
    ) -> Result<usize> {
        no_position(offset)?;
        let clock = self.clock(number)?;
        if !matches!(clock.kind, Kind::Default | Kind::Timer) {
            return Err(Error::new(EINVAL));
        }
        let mut done = 0;
        while let Ok(bytes) = from.skip(done).array::<SPEC_SIZE>() {
            let mut time = TimeSpec::default();
            time.copy_from_slice(&bytes);
            ALARMS.set(Alarm { number, clock: clock.id, at: time.to_nanos() });
            done += SPEC_SIZE;
        }
        Ok(done)
    }

    fn fpath(&self, _cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        let clock = self.clock(number)?;
        let kind = match clock.kind {
            Kind::Default => "",
            Kind::Gettime => "gettime",
            Kind::Getres => "getres",
            Kind::Timer => "timer",
        };
        Ok(to.write(format!("/scheme/time/{}/{kind}", clock.id).as_bytes()))
    }

    fn fevent(&self, _cx: &Cx, number: usize, _flags: EventFlags) -> Result<EventFlags> {
        self.clock(number).map(|_| EventFlags::empty())
    }

    fn close(&self, number: usize) -> Result<()> {
        lock(&self.clocks).remove(&number);
        Ok(())
    }
}

struct Alarm {
    number: usize,
    clock: usize,
    at: u128,
}

/// Alarms that are set, and the thread that rings them.
struct Alarms {
    set: Mutex<Vec<Alarm>>,
    changed: Condvar,
}

static ALARMS: LazyLock<Arc<Alarms>> = LazyLock::new(|| {
    let alarms = Arc::new(Alarms { set: Mutex::default(), changed: Condvar::new() });
    let ringing = Arc::clone(&alarms);
    std::thread::spawn(move || ringing.ring());
    alarms
});

impl Alarms {
    fn set(&self, alarm: Alarm) {
        lock(&self.set).push(alarm);
        self.changed.notify_all();
    }

    fn ring(&self) {
        let mut set = lock(&self.set);
        loop {
            let due: Vec<_> = set.extract_if(.., |alarm| alarm.at <= nanos(alarm.clock)).collect();
            if due.is_empty() {
                set = self.wait(set);
                continue;
            }
            drop(set);
            for alarm in due {
                events().trigger(scheme::TIME, alarm.number, EventFlags::EVENT_READ);
            }
            set = lock(&self.set);
        }
    }

    fn wait<'a>(
        &self,
        set: std::sync::MutexGuard<'a, Vec<Alarm>>,
    ) -> std::sync::MutexGuard<'a, Vec<Alarm>> {
        let left = |alarm: &Alarm| alarm.at.saturating_sub(nanos(alarm.clock));
        let Some(next) = set.iter().map(left).min() else {
            return self.changed.wait(set).unwrap_or_else(PoisonError::into_inner);
        };
        let next = Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX));
        self.changed.wait_timeout(set, next).unwrap_or_else(PoisonError::into_inner).0
    }
}
