//! What each program does.

use std::io::{BufRead, Read};
use std::os::unix::process::CommandExt;
use std::process::{ExitCode, Stdio};

use libredox::{call, flag};

use crate::common::*;
use crate::daemons::{self, pipe, window};
use crate::program::role;

/// Plays a role.
pub(crate) fn play(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["echo", name] => daemons::echo(name),
        ["stuck", name] => daemons::stuck(name, None),
        ["stuck", name, holder] => daemons::stuck(name, Some(holder)),
        ["guard", socket] => daemons::guard(socket.parse().unwrap()),
        ["watched", name] => daemons::watched(name),
        ["watches", socket, pipe] => {
            daemons::watches(socket.parse().unwrap(), pipe.parse().unwrap());
        }
        ["windows", name] => daemons::windows(name),
        ["stops", name] => daemons::stops(name),
        ["call", path, len] => one_call(path, len.parse().unwrap()),
        ["calls", path] => calls(path),
        ["maps", path] => maps(path),
        ["starts"] => starts(false),
        ["starts", _] => starts(true),
        ["becomes"] => becomes(),
        ["reads", open, closed] => reads(open.parse().unwrap(), closed.parse().unwrap()),
        ["writes", open, closed] => writes(open.parse().unwrap(), closed.parse().unwrap()),
        ["forks"] => forks(),
        ["who"] => who(),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Waits for a line.
fn told() -> String {
    std::io::stdin().lock().lines().next().map_or(String::new(), |line| line.unwrap())
}

/// Opens a path and makes one call, with ones as payload. A signal interrupts it.
fn one_call(path: &str, len: usize) {
    extern "C" fn nothing(_: i32) {}
    let handler: extern "C" fn(i32) = nothing;
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    let fd = match errno(call::open(path, flag::O_RDWR, 0)) {
        Ok(fd) => fd,
        failed => return println!("open {failed:?}"),
    };
    println!("open");
    loop {
        let mut payload = vec![1; len];
        let done = call_rw(fd, &mut payload, &[]);
        println!("{done:?} {:?}", payload.first());
        if told().is_empty() {
            return;
        }
    }
}

/// Makes calls of all sizes until one fails.
fn calls(path: &str) {
    let fd = call::open(path, flag::O_RDWR, 0).unwrap();
    println!("open");
    for round in 0_usize.. {
        let len = [0, 1, 64, PAGE, PAGE + 1, 1 << 17][round % 6];
        let mut memory = vec![round as u8; len + 1];
        let payload = &mut memory[round % 2..][..len];
        let Ok(sum) = call_rw(fd, payload, &[round as u64, 1]) else { return };
        assert_eq!(sum, round + 1);
        assert!(payload.iter().all(|byte| *byte == (round as u8).wrapping_add(1)));
        if round == 60 {
            println!("sixty");
        }
    }
}

/// Maps a window, and looks whether what either side writes is seen by the other.
fn maps(path: &str) {
    let fd = call::open(path, flag::O_RDWR, 0).unwrap();
    // SAFETY: the windows are at no particular place.
    let [shared, private] = [flag::MAP_SHARED, flag::MAP_PRIVATE]
        .map(|flags| unsafe { call::mmap(call::MmapArgs { flags, ..window(fd) }) }.unwrap())
        .map(|base| base.cast::<u8>());
    // SAFETY: another part of the daemon's memory is asked for, which is refused.
    let other = unsafe { call::mmap(call::MmapArgs { offset: 4096, ..window(fd) }) };
    println!("other {:?}", errno(other).err());
    // SAFETY: each window is two pages long.
    unsafe {
        shared.write_volatile(5);
        println!("daemon sees {}", call_rw(fd, &mut [], &[0]).unwrap());
        call_rw(fd, &mut [], &[PAGE as u64 + 1, 9]).unwrap();
        println!("client sees {}", shared.add(PAGE + 1).read_volatile());
        private.add(2).write_volatile(7);
        println!("private {}", call_rw(fd, &mut [], &[2]).unwrap());
    }
    if told() == "unmap" {
        // SAFETY: nobody uses it any more.
        unsafe { call::munmap(shared.cast(), 2 * PAGE) }.unwrap();
        println!("unmapped");
        told();
    }
}

/// Starts a program with the writing end of one pipe, and without that of another.
fn starts(by_fork: bool) {
    let (reader, writer) = pipe();
    let (_, closed) = pipe();
    call::fcntl(closed, 2, flag::O_CLOEXEC as usize).unwrap();
    let mut child = role(&["writes", &writer.to_string(), &closed.to_string()]);
    if by_fork {
        // SAFETY: nothing is done between fork and exec.
        unsafe { child.pre_exec(|| Ok(())) };
    }
    let mut child = child.stdin(Stdio::null()).spawn().unwrap();
    // Whether the child has done anything yet or not.
    call::close(writer).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(call::read(reader, &mut bytes).unwrap(), 5);
    assert!(child.wait().unwrap().success());
    assert_eq!(call::read(reader, &mut bytes).unwrap(), 0);
    println!("{}", String::from_utf8_lossy(&bytes[..5]));
}

fn writes(open: usize, closed: usize) {
    println!("{:?}", errno(call::write(closed, b"x")));
    call::write(open, b"hello").unwrap();
}

/// Becomes another program, with one pipe and without another.
fn becomes() {
    let [open, closed] = ["kept", "lost"].map(|text| {
        let (reader, writer) = pipe();
        call::write(writer, text.as_bytes()).unwrap();
        reader
    });
    call::fcntl(closed, 2, flag::O_CLOEXEC as usize).unwrap();
    panic!("{}", role(&["reads", &open.to_string(), &closed.to_string()]).exec());
}

fn reads(open: usize, closed: usize) {
    for fd in [open, closed] {
        let mut bytes = [0; 8];
        let count = errno(call::read(fd, &mut bytes));
        println!("{count:?} {}", String::from_utf8_lossy(&bytes[..count.unwrap_or(0)]));
    }
    who();
}

/// Forks with a pipe; the parent closes its writing end at once.
fn forks() {
    let (reader, writer) = pipe();
    let before = call::getpid().unwrap();
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        call::close(reader).unwrap();
        // The parent's end of the pipe is gone or not: the copy's is there.
        let told = format!("{} {}", call::getpid().unwrap() != before, pipe().0 != reader);
        call::write(writer, told.as_bytes()).unwrap();
        return;
    }
    call::close(writer).unwrap();
    let mut text = Vec::new();
    struct Reader(usize);
    impl Read for Reader {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            call::read(self.0, to).map_err(|error| std::io::Error::from_raw_os_error(error.errno()))
        }
    }
    Reader(reader).read_to_end(&mut text).unwrap();
    println!("{}", String::from_utf8_lossy(&text));
    println!("{}", call::getpid().unwrap() == std::process::id() as usize);
}

fn who() {
    let (pid, uid, gid) = (call::getpid(), call::geteuid(), call::getegid());
    println!("{} {} {}", pid.unwrap(), uid.unwrap(), gid.unwrap());
}
