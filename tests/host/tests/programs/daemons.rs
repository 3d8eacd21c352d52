//! Programs that serve a scheme.

use std::io::BufRead;

use libredox::call::{self, MmapArgs};
use libredox::errno::{ECANCELED, ECONNRESET, EINTR};
use libredox::flag;
use syscall::schemev2::{Opcode, Sqe};

use crate::common::*;
use crate::program::role;

/// Makes a scheme under a name.
fn begin(name: &str) -> usize {
    let socket = create_socket().unwrap();
    register(name, create_handle(socket, ROOT).unwrap()).unwrap();
    socket
}

fn answer(socket: usize, tag: u32, result: Outcome) {
    // An answer that is not wanted any more is said by what the other side says.
    let _ = errno(call::write(socket, &word(tag, result)));
}

/// Adds one to every byte of a payload, and gives the sum of the metadata.
pub(crate) fn echo(name: &str) {
    let socket = begin(name);
    println!("ready");
    while let Ok(sqe) = next(socket) {
        serve(socket, &sqe);
    }
}

/// Takes calls, says so, writes a byte into their payload, and never answers them but to say that
/// they are cancelled. Somebody may hold its socket, too.
pub(crate) fn stuck(name: &str, holder: Option<&str>) {
    let socket = begin(name);
    match holder {
        None => println!("ready"),
        Some("exec") => drop(role(&["guard", &socket.to_string()]).spawn().unwrap()),
        // SAFETY: this program has one thread.
        Some(_) if unsafe { libc::fork() } == 0 => return guard(socket),
        Some(_) => {}
    }
    loop {
        let Ok(sqe) = next(socket) else { continue };
        match Opcode::try_from_raw(sqe.opcode) {
            Some(Opcode::OpenAt) => answer(socket, sqe.tag, Ok(7)),
            Some(Opcode::Call) => take(&sqe),
            Some(Opcode::Cancel) => {
                println!("cancel {}", sqe.tag);
                answer(socket, sqe.tag, Err(ECANCELED));
            }
            other => println!("{other:?} {}", sqe.args[0]),
        }
    }
}

fn take(sqe: &Sqe) {
    if sqe.args[2] > 0 {
        // SAFETY: the request isn't answered yet.
        unsafe { lent(sqe)[0] = 99 };
    }
    println!("call {}", sqe.tag);
}

/// Holds a socket, and answers as it is told: `TAG ERRNO`, or `next ERRNO`.
pub(crate) fn guard(socket: usize) {
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (tag, code) = line.split_once(' ').unwrap();
        let tag = tag.parse().unwrap_or_else(|_| next(socket).unwrap().tag);
        let answer = word(tag, Err(code.parse().unwrap()));
        println!("{:?}", errno(call::write(socket, &answer)));
    }
}

/// Holds a socket for a service, which has the other end of a pipe: when that ends, answers all
/// that may be outstanding with ECONNRESET, and then one call that comes. (A real one goes on.)
pub(crate) fn watches(socket: usize, pipe: usize) {
    println!("ready");
    assert_eq!(errno(call::read(pipe, &mut [0; 1])), Ok(0));
    for tag in 0..64 {
        answer(socket, tag, Err(ECONNRESET));
    }
    answer(socket, next(socket).unwrap().tag, Err(ECONNRESET));
}

/// Takes calls and never answers them, with a program beside it that does when it has died.
pub(crate) fn watched(name: &str) {
    let socket = begin(name);
    let (reader, writer) = pipe();
    call::fcntl(writer, 2, flag::O_CLOEXEC as usize).unwrap();
    let words = [socket, reader].map(|fd| fd.to_string());
    drop(role(&["watches", &words[0], &words[1]]).spawn().unwrap());
    call::close(reader).unwrap();
    while let Ok(sqe) = next(socket) {
        match Opcode::try_from_raw(sqe.opcode) {
            Some(Opcode::OpenAt) => answer(socket, sqe.tag, Ok(7)),
            _ => println!("call"),
        }
    }
}

/// A pipe: the reading and the writing end.
pub(crate) fn pipe() -> (usize, usize) {
    let reader = call::open("/scheme/pipe", 0, 0).unwrap();
    (reader, call::dup(reader, b"write").unwrap())
}

/// Offers memory. A call says what is in it at m0; with m1, it puts that there first.
pub(crate) fn windows(name: &str) {
    let memory = {
        let args = window(usize::MAX);
        // SAFETY: fresh memory at no particular place.
        unsafe { call::mmap(args) }.unwrap() as usize
    };
    let socket = begin(name);
    println!("ready");
    loop {
        let sqe = next(socket).unwrap();
        match Opcode::try_from_raw(sqe.opcode) {
            Some(Opcode::OpenAt) => answer(socket, sqe.tag, Ok(7)),
            Some(Opcode::MmapPrep) if sqe.args[3] == 0 => answer(socket, sqe.tag, Ok(memory)),
            // Memory that did not come from `mmap`.
            Some(Opcode::MmapPrep) => {
                answer(socket, sqe.tag, Ok(&raw const socket as usize & !0xfff))
            }
            Some(Opcode::Call) => {
                let byte = (memory + sqe.args[3] as usize) as *mut u8;
                // SAFETY: the memory is this program's, two pages of it.
                let now = unsafe {
                    if sqe.args[4] > 0 {
                        byte.write_volatile(sqe.args[4] as u8);
                    }
                    byte.read_volatile()
                };
                answer(socket, sqe.tag, Ok(now.into()));
            }
            other => {
                println!("{other:?} {}", sqe.args[0]);
                answer(socket, sqe.tag, Ok(0));
            }
        }
    }
}

/// Two pages, shared.
pub(crate) fn window(fd: usize) -> MmapArgs {
    MmapArgs {
        addr: std::ptr::null_mut(),
        length: 2 * PAGE,
        prot: flag::PROT_READ | flag::PROT_WRITE,
        flags: flag::MAP_SHARED,
        fd,
        offset: 0,
    }
}

/// Reads its socket until a signal has it stop.
pub(crate) fn stops(name: &str) {
    static SIGNALS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    extern "C" fn count(_: i32) {
        // A call in a handler is one like any other.
        assert!(call::getns().is_ok());
        SIGNALS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    let handler: extern "C" fn(i32) = count;
    // SAFETY: the handler makes a call that this thread may make now.
    unsafe { libc::signal(libc::SIGTERM, handler as *const () as libc::sighandler_t) };
    let socket = begin(name);
    println!("ready");
    assert_eq!(next(socket).err(), Some(EINTR));
    println!("{}", SIGNALS.load(std::sync::atomic::Ordering::Relaxed));
}
