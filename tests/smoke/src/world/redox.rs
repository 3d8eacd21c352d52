//! Real processes, made by `fork`. Their result comes back through a pipe.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::IntoRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Arc, Mutex, PoisonError};

use libredox::Fd;
use service::{Beside, Fork};

use super::End;
use crate::Outcome;

/// The namespace that the test was started in.
pub(super) struct Place;

/// A process. It goes on where this value is dropped.
pub struct Process {
    pid: libc::pid_t,
    result: PipeReader,
    status: Option<i32>,
}

impl Place {
    pub(super) fn new() -> Place {
        Place
    }

    pub(super) fn here<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    pub(super) fn spawn(
        &self,
        id: u32,
        fd: Option<Fd>,
        work: impl FnOnce(Option<Fd>) -> Outcome + Send + 'static,
    ) -> Process {
        let (result, writer) = std::io::pipe().expect("the system has pipes");
        // SAFETY: no other thread works while a test starts a process: the suite runs one test
        // at a time, and its main thread waits. The child never returns from here.
        match unsafe { libc::fork() } {
            0 => {
                drop(result);
                become_user(id);
                child(writer, || work(fd))
            }
            pid if pid > 0 => Process { pid, result, status: None },
            _ => panic!("can't fork: {}", std::io::Error::last_os_error()),
        }
    }

    pub(super) fn pipe(&self) -> (Fd, Fd) {
        let (reader, writer) = std::io::pipe().expect("the system has pipes");
        let fd = |raw: i32| Fd::new(raw as usize);
        (fd(reader.into_raw_fd()), fd(writer.into_raw_fd()))
    }
}

/// Gives up what root may do, for what this user may.
fn become_user(id: u32) {
    if id != 0 {
        // SAFETY: plain numbers.
        let result = unsafe { libc::setresgid(id, id, id) | libc::setresuid(id, id, id) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

/// Starts processes beside the calling one.
pub fn beside() -> Box<dyn Beside> {
    Box::new(Fork)
}

/// A daemon takes over a dead one's name by itself.
pub(super) fn free(_: &str) {}

/// Does a child's work, says what came of it, and ends the child.
fn child(mut writer: PipeWriter, work: impl FnOnce() -> Outcome) -> ! {
    let text = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&text);
    set_hook(Box::new(move |info| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let record = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => format!("+{value}"),
        Ok(Err(errno)) => format!("-{errno}"),
        Err(_) => format!("!{}", text.lock().unwrap_or_else(PoisonError::into_inner)),
    };
    // The test sees a process that said nothing.
    let _ = writer.write_all(record.as_bytes());
    // SAFETY: ends the process; whatever is its own goes with it.
    unsafe { libc::_exit(0) }
}

impl Process {
    /// Its id.
    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Sends it signals that it catches, until it ends: one that comes before it waits is lost.
    pub fn signal_until_it_ends(&mut self) {
        while !self.has_ended() {
            self.signal();
            std::thread::yield_now();
        }
    }

    /// Sends it a signal that it catches.
    pub fn signal(&self) {
        self.send(libc::SIGUSR1);
    }

    /// Ends it.
    pub fn kill(&self) {
        self.send(libc::SIGKILL);
    }

    fn send(&self, signal: i32) {
        // SAFETY: a child that has not been waited for.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            let mut status = 0;
            // SAFETY: the child's own id, and a place for its status.
            let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
            assert!(pid >= 0, "{}", std::io::Error::last_os_error());
            self.status = (pid == self.pid).then_some(status);
        }
        self.status.is_some()
    }

    /// Waits until all that it had open is closed. `waitpid` may not tell of one that was killed
    /// while a thread of it waited in a call before that is answered.
    pub fn wait_until_it_has_nothing(mut self) {
        self.result.read_to_end(&mut Vec::new()).expect("the pipe is there");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it ended in a way that no work does.
    pub fn wait(mut self) -> End {
        let mut record = String::new();
        // The pipe ends with the process. Waiting for the process itself could last for ever:
        // a `waitpid` that is there before a signal ends the child may not be told.
        self.result.read_to_string(&mut record).expect("the pipe is there");
        while !self.has_ended() {
            std::thread::yield_now();
        }
        let status = self.status.unwrap_or_default();
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL {
            return End::Killed;
        }
        parse(&record).unwrap_or_else(|| panic!("status {status}, said {record:?}"))
    }
}

fn parse(record: &str) -> Option<End> {
    let (kind, rest) = record.split_at_checked(1)?;
    match kind {
        "+" => rest.parse().ok().map(|value| End::Gave(Ok(value))),
        "-" => rest.parse().ok().map(|errno| End::Gave(Err(errno))),
        _ => Some(End::Panicked(rest.to_string())),
    }
}

/// Lets signals interrupt calls, and do nothing else.
///
/// # Panics
/// If the system does not let the process catch them.
pub fn catch_signals() {
    extern "C" fn nothing(_: i32) {}
    // SAFETY: the structure is plain words, for which 0 is a value; the handler does nothing.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
