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
pub struct Opener(Vec<(String, Mutex<Line>)>);

/// The daemon's ends of two pipes: a byte asks for a descriptor; a word comes back, the errno
/// or 0, and a descriptor before a 0.
struct Line {
    ask: Fd,
    answer: Fd,
}

/// The opener's ends.
struct Desk {
    path: String,
    asks: Fd,
    answers: Fd,
}

impl Opener {
    /// Has an opener for `paths` started by `by`; see [`Fork`](crate::Fork) for when. It ends
    /// after the daemon. A path waits for no other.
    pub fn start(paths: Vec<String>, by: &dyn Beside) -> Result<Opener, Errno> {
        let (mut lines, mut share, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for path in &paths {
            let ((asks, ask), (answer, answers)) = (pipe()?, pipe()?);
            share.extend([&asks, &answers, &ask, &answer].map(Fd::raw));
            ends.push((asks, answers));
            lines.push((path.clone(), Mutex::new(Line { ask, answer })));
        }
        by.start(&share, Box::new(move |fds| serve(paths, fds)))?;
        Ok(Opener(lines))
    }

    /// A handle on the port at `path`. `EPERM` for a path that is not the opener's; `ENODEV`
    /// where the opener is gone; else the open's errors. Waits as the open does.
    pub fn open(&self, path: &str) -> Result<Fd, Errno> {
        let (_, line) = self.0.iter().find(|(known, _)| known == path).ok_or(Errno::EPERM)?;
        line.lock().unwrap_or_else(PoisonError::into_inner).exchange()
    }
}

/// The opener's job: a thread for each path, with its four descriptors.
fn serve(paths: Vec<String>, fds: Vec<Fd>) {
    let mut fds = fds.into_iter();
    let mut desks = Vec::new();
    for path in paths {
        let (Some(asks), Some(answers)) = (fds.next(), fds.next()) else { return };
        // The copy's copies of the daemon's ends.
        fds.by_ref().take(2).for_each(drop);
        desks.push(Desk { path, asks, answers });
    }
    std::thread::scope(|scope| {
        for desk in &desks {
            scope.spawn(|| desk.serve());
        }
    });
}

/// Reads a few bytes: a signal is nothing, and the end is `ENODEV`.
fn read<const LEN: usize>(from: &Fd) -> Result<[u8; LEN], Errno> {
    let mut bytes = [0; LEN];
    loop {
        return match from.read(&mut bytes) {
            Ok(count) if count == LEN => Ok(bytes),
            Ok(_) => Err(Errno::ENODEV),
            Err(error) if error.is_interrupt() => continue,
            Err(error) => Err(error.into()),
        };
    }
}

impl Line {
    fn exchange(&self) -> Result<Fd, Errno> {
        self.ask.write(&[1]).map_err(|_| Errno::ENODEV)?;
        match u16::from_le_bytes(read(&self.answer)?) {
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
    /// Opens the path whenever that is asked for, until nobody is there to ask.
    fn serve(&self) {
        while read::<1>(&self.asks).is_ok() {
            let word = match self.pass() {
                Ok(()) => 0,
                Err(Errno(errno)) => errno,
            };
            if self.answers.write(&word.to_le_bytes()).is_err() {
                return;
            }
        }
    }

    fn pass(&self) -> Result<(), Errno> {
        let number = open_port(&self.path)?.into_raw().to_ne_bytes();
        call_wo(self.answers.raw(), &number, CallFlags::FD, &[])?;
        Ok(())
    }
}
