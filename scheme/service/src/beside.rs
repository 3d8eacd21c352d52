//! Processes beside a daemon: copies of it that are made before it has any thread or driver, each
//! with one small job and the descriptors for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use agent::Errno;
use libredox::{Fd, call};

/// What a process beside a daemon does, with descriptors for what it was given, in order.
pub type Job = Box<dyn FnOnce(Vec<Fd>) + Send>;

/// Starts processes beside a daemon.
pub trait Beside {
    /// Has `job` done by a process of its own, which is given copies of the descriptors `share`
    /// and ends with its job. The caller's stay the caller's. The errors are the system's.
    fn start(&self, share: &[usize], job: Job) -> Result<(), Errno>;
}

/// By `fork`: the process is small and holds nothing that others wait for, as long as the daemon
/// is small. So it is for a program's first steps, when it has neither threads nor drivers: a
/// thread that waits would not be woken any more (a page is copied when it is written to, and
/// Redox knows a futex by its page), and what is open then the copy has, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fork;

impl Beside for Fork {
    fn start(&self, share: &[usize], job: Job) -> Result<(), Errno> {
        // SAFETY: the copy has this thread only. It does its job and never returns from here,
        // so nothing that another thread has locked is missed: there is no other thread yet.
        match unsafe { libc::fork() } {
            0 => copy(share, job),
            pid if pid > 0 => Ok(()),
            _ => Err(std::io::Error::last_os_error().raw_os_error().map_or(Errno::EAGAIN, errno)),
        }
    }
}

fn errno(code: i32) -> Errno {
    Errno(u16::try_from(code).unwrap_or(Errno::EIO.0))
}

fn copy(share: &[usize], job: Job) -> ! {
    // What asks the daemon to end is not for its copies: they end after it.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let share = share.to_vec();
    // Whatever happens, the daemon's own code must not go on here.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        close_others(&share);
        job(share.iter().map(|fd| Fd::new(*fd)).collect());
    }));
    // SAFETY: ends the process, without a word to whoever shares its buffers.
    unsafe { libc::_exit(0) }
}

/// Whoever waits for the end of something that the daemon has open is not to wait for its copies.
/// The last one left is where errors are said.
#[cfg(target_os = "redox")]
fn close_others(share: &[usize]) {
    const ERRORS: usize = 2;
    /// A program that begins has no more.
    const OPEN: usize = 128;
    let others = (0..OPEN).filter(|fd| *fd != ERRORS && !share.contains(fd));
    others.for_each(|fd| {
        // Most numbers are nobody's.
        let _ = call::close(fd);
    });
}

/// The same on a host, whose own descriptors are others than those of its Redox ABI, among them
/// the way to its kernel.
#[cfg(not(target_os = "redox"))]
fn close_others(_: &[usize]) {
    for fd in [0, 1] {
        // SAFETY: the copy neither reads nor prints.
        unsafe { libc::close(fd) };
    }
}

/// A pipe: where it is read, and where it is written.
pub(crate) fn pipe() -> Result<(Fd, Fd), Errno> {
    let reader = Fd::open("/scheme/pipe", libredox::flag::O_CLOEXEC, 0)?;
    let writer = Fd::new(reader.dup(b"write")?);
    const F_SETFD: usize = 2;
    // What the daemon starts must not keep it alive in its guard's eyes.
    call::fcntl(writer.raw(), F_SETFD, libredox::flag::O_CLOEXEC as usize)?;
    Ok((reader, writer))
}
