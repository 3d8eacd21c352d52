//! Processes, made by `fork`. What one has to say comes back through a pipe.

use std::{
    io::{PipeReader, PipeWriter, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    sync::{Arc, Mutex, PoisonError},
};

/// A process, which ends with this value.
pub(crate) struct Process {
    pid: libc::pid_t,
    said: PipeReader,
}

/// What a process says once all is well.
const DONE: u8 = b'+';

/// Where a process says that all is well, while it goes on.
pub(crate) struct Tell(PipeWriter);

impl Tell {
    /// Says it.
    pub(crate) fn done(&mut self) {
        self.0.write_all(&[DONE]).expect("the test waits");
    }
}

impl Process {
    /// Does something in a process of its own.
    pub(crate) fn start(work: impl FnOnce(&mut Tell)) -> Process {
        let (said, writer) = std::io::pipe().expect("the system has pipes");
        // SAFETY: the suite has no other thread when it forks; the child never returns.
        match unsafe { libc::fork() } {
            0 => {
                drop(said);
                child(Tell(writer), work)
            }
            pid if pid > 0 => Process { pid, said },
            _ => panic!("can't fork: {}", std::io::Error::last_os_error()),
        }
    }

    /// Waits until it says that all is well.
    ///
    /// # Panics
    /// If it does not, with what it said instead.
    pub(crate) fn wait_done(&mut self) {
        let mut first = [0];
        if self.said.read(&mut first).ok() == Some(1) && first[0] == DONE {
            return;
        }
        let mut text = String::new();
        // Whatever can be read of it is what can be said.
        let _ = self.said.read_to_string(&mut text);
        panic!("{}{text}", first[0] as char);
    }
}

/// Does something as a user, and nothing else after that.
#[cfg(target_os = "redox")]
pub(crate) fn as_user(uid: u32, work: impl FnOnce()) {
    if uid != 0 {
        // SAFETY: plain numbers.
        let result = unsafe { libc::setresgid(uid, uid, uid) | libc::setresuid(uid, uid, uid) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
    work();
}

/// The same by the host's kernel, to which Linux's users are nobody.
#[cfg(not(target_os = "redox"))]
pub(crate) fn as_user(uid: u32, work: impl FnOnce()) {
    host::Process::new("user", uid, uid).enter(work);
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: a child that has not been waited for.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // The pipe ends with the process. On Redox, waiting for it before that might last for ever.
        let _ = self.said.read_to_end(&mut Vec::new());
        let mut status = 0;
        // SAFETY: the child's own id, and a place for its status.
        while unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } == 0 {
            std::thread::yield_now();
        }
    }
}

/// Does a child's work, says how it went, and ends the child.
fn child(mut tell: Tell, work: impl FnOnce(&mut Tell)) -> ! {
    let text = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&text);
    set_hook(Box::new(move |info| {
        let mut text = noted.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&format!("{info}\n"));
    }));
    if catch_unwind(AssertUnwindSafe(|| work(&mut tell))).is_err() {
        let text = text.lock().unwrap_or_else(PoisonError::into_inner);
        // The test sees a process that said nothing.
        let _ = tell.0.write_all(text.as_bytes());
    }
    // SAFETY: ends the process; whatever is its own goes with it.
    unsafe { libc::_exit(0) }
}
