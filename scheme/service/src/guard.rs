//! The guard: a process beside a daemon that answers the daemon's callers when it has died.
//!
//! A daemon that dies leaves whoever called it blocked for good: the kernel does not answer for
//! it. The guard has the daemon's scheme socket, too, and hears of its end by that of a pipe. An
//! answer does not ask who took the request, and tags are small numbers, so it answers them all:
//! the kernel refuses those that nobody waits on. What comes after that is refused for as long
//! as anything comes; then the guard ends, and the scheme with it.
//!
//! It allocates nothing once it is there. The memory that a killed caller had lent is unmapped
//! where it is answered, by addresses of the daemon's: nothing of the guard's may have come to
//! lie there.

use std::{thread, time::Duration};

use agent::Errno;
use libredox::Fd;

use crate::{
    beside::{Beside, pipe},
    socket::{Answer, Asks, Socket},
};

/// Requests that may be outstanding at once for each of them to be answered. Each has a thread
/// that waits.
pub const TAGS: u32 = 16_384;

/// How often the guard looks for requests, and how often it must see none before it ends. A
/// caller that found the scheme still there is in its queue long before.
const PAUSE: Duration = Duration::from_millis(10);
const LOOKS: u32 = 20;

/// Said to the guard by a daemon that ends as it should.
const ORDERLY: [u8; 1] = [1];

/// A daemon's end of the pipe: while it is open, the daemon lives.
pub(crate) struct Life(Fd);

impl Life {
    /// Has a guard started for the scheme `name`.
    pub(crate) fn guarded(name: &str, socket: &Socket, by: &dyn Beside) -> Result<Life, Errno> {
        let (end, life) = pipe()?;
        let (name, ours) = (name.to_owned(), life.raw());
        let job = move |fds: Vec<Fd>| {
            if let Ok([socket, end, life]) = <[Fd; 3]>::try_from(fds) {
                // The copy's copy of the daemon's end.
                drop(life);
                Guard { name, socket: Socket::adopt(socket), end }.run();
            }
        };
        by.start(&[socket.number(), end.raw(), ours], Box::new(job))?;
        Ok(Life(life))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A guard that is gone needs no word.
        let _ = self.0.write(&ORDERLY);
    }
}

/// The guard's half.
struct Guard {
    name: String,
    socket: Socket,
    end: Fd,
}

impl Guard {
    /// Waits for the daemon's end, and answers for it then.
    fn run(self) {
        let orderly = self.wait();
        self.socket.refuse(TAGS, Errno::ECONNRESET);
        if !orderly {
            eprintln!("\"{}\" died; its callers were answered ECONNRESET", self.name);
        }
        self.refuse_what_comes();
    }

    /// True where the daemon said that it ends.
    fn wait(&self) -> bool {
        let (mut word, mut orderly) = ([0], false);
        loop {
            match self.end.read(&mut word) {
                Ok(0) => return orderly,
                Ok(_) => orderly = true,
                Err(error) if error.is_interrupt() => {}
                // The guard itself is being ended.
                Err(_) => return true,
            }
        }
    }

    /// What was not taken by the daemon was never begun, and its sender may send it elsewhere.
    fn refuse_what_comes(&self) {
        let (mut asks, mut quiet) = (Asks::new(), 0);
        self.socket.read_what_is_there();
        // The last look is the last thing done: what came after it would never be answered.
        while quiet < LOOKS {
            thread::sleep(if quiet > 0 { PAUSE } else { Duration::ZERO });
            match self.socket.read(&mut asks) {
                Ok(()) if !asks.is_empty() => quiet = 0,
                Ok(()) | Err(Errno::EINTR | Errno::EAGAIN) => quiet += 1,
                Err(_) => return,
            }
            asks.drain().for_each(|ask| self.socket.answer(ask, Answer::error(Errno::ENODEV)));
        }
    }
}
