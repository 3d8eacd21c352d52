//! The opener: a process beside a daemon that keeps the namespace which the daemon gives up, and
//! opens for it the paths of its configuration, and no others.
//!
//! It is not the guard: an open may wait for the service that is opened, and a guard must not.

use std::sync::{Mutex, PoisonError};

use agent::{Errno, open_port};
use libredox::{
    Fd,
    call::{call_ro, call_wo},
};
use syscall::CallFlags;

use crate::beside::{Beside, pipe};

/// Opens paths for a process that has no namespace any more.
pub struct Opener {
    paths: Vec<String>,
    line: Mutex<Line>,
}

/// The daemon's ends of two pipes: a path's index goes out; a word comes back, the errno or 0,
/// and a descriptor before a 0.
struct Line {
    ask: Fd,
    answer: Fd,
}

/// The opener's ends.
struct Desk {
    asks: Fd,
    answers: Fd,
}

impl Opener {
    /// Has an opener for `paths` started by `by`; see [`Fork`](crate::Fork) for when. It ends
    /// after the daemon.
    pub fn start(paths: Vec<String>, by: &dyn Beside) -> Result<Opener, Errno> {
        let ((asks, ask), (answer, answers)) = (pipe()?, pipe()?);
        let theirs = paths.clone();
        let job = move |fds: Vec<Fd>| {
            if let Ok([asks, answers, ask, answer]) = <[Fd; 4]>::try_from(fds) {
                // The copy's copies of the daemon's ends.
                drop((ask, answer));
                Desk { asks, answers }.serve(&theirs);
            }
        };
        let share = [asks.raw(), answers.raw(), ask.raw(), answer.raw()];
        by.start(&share, Box::new(job))?;
        Ok(Opener { paths, line: Mutex::new(Line { ask, answer }) })
    }

    /// A handle on the port at `path`. `EPERM` for a path that is not the opener's; `ENODEV`
    /// where the opener is gone; else the open's errors. Waits as the open does.
    pub fn open(&self, path: &str) -> Result<Fd, Errno> {
        let index = self.paths.iter().position(|known| known == path).ok_or(Errno::EPERM)?;
        let index = u16::try_from(index).map_err(|_| Errno::EPERM)?;
        self.line.lock().unwrap_or_else(PoisonError::into_inner).exchange(index)
    }
}

/// Reads two bytes: a signal is nothing, and the end is `ENODEV`.
fn read(from: &Fd) -> Result<u16, Errno> {
    let mut word = [0; 2];
    loop {
        return match from.read(&mut word) {
            Ok(2) => Ok(u16::from_le_bytes(word)),
            Ok(_) => Err(Errno::ENODEV),
            Err(error) if error.is_interrupt() => continue,
            Err(error) => Err(error.into()),
        };
    }
}

impl Line {
    fn exchange(&self, index: u16) -> Result<Fd, Errno> {
        self.ask.write(&index.to_le_bytes()).map_err(|_| Errno::ENODEV)?;
        match read(&self.answer)? {
            0 => {}
            errno => return Err(Errno(errno)),
        }
        let mut number = usize::MAX.to_ne_bytes();
        let flags = CallFlags::FD | CallFlags::FD_UPPER;
        call_ro(self.answer.raw(), &mut number, flags, &[])?;
        Ok(Fd::new(usize::from_ne_bytes(number)))
    }
}

impl Desk {
    /// Opens what is asked for, until nobody is there to ask.
    fn serve(&self, paths: &[String]) {
        while let Ok(index) = read(&self.asks) {
            let path = paths.get(usize::from(index)).ok_or(Errno::EPERM);
            let word = match path.and_then(|path| self.pass(path)) {
                Ok(()) => 0,
                Err(Errno(errno)) => errno,
            };
            if self.answers.write(&word.to_le_bytes()).is_err() {
                return;
            }
        }
    }

    fn pass(&self, path: &str) -> Result<(), Errno> {
        let number = open_port(path)?.into_raw().to_ne_bytes();
        call_wo(self.answers.raw(), &number, CallFlags::FD, &[])?;
        Ok(())
    }
}
