//! The measurement: the same operation on two services, in turn.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    process::{self, Command, ExitCode},
    time::Instant,
};

use agent::{Cross, Words, open_port};
use driver::{Body, Cred, Node, Op};
use libredox::{Fd, call, flag};
use syscall::{
    CallFlags,
    data::NewFdParams,
    schemev2::{Cqe, Opcode, Sqe},
};

use crate::{ports, together, windows};

/// Operations in a round, and rounds.
pub(crate) const CALLS: u32 = 500;
const ROUNDS: usize = 5;
pub(crate) const PAGE: usize = 4096;

pub(crate) type Result<T> = std::result::Result<T, String>;

pub(crate) fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["echo", name] => echo(name),
        ["direct", name] => ports::serve(name),
        ["stack", name, text] => together::serve(name, text),
        ["together"] => together::measure("/scheme/logging", None),
        ["together", image] => together::measure("/scheme/logging", Some(image)),
        [] => measure("/scheme/logging"),
        ["--ramfs", ramfs] => measure(ramfs),
        _ => Err("give nothing, --ramfs PATH, together [IMAGE], echo NAME, or direct NAME".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inside: {error}");
            ExitCode::from(1)
        }
    }
}

pub(crate) fn failed(what: &str) -> impl Fn(libredox::error::Error) -> String + '_ {
    move |error| format!("can't {what}: {error}")
}

/// The barest scheme there can be: every request is answered at once, with nothing.
fn echo(name: &str) -> Result<()> {
    let cap = Fd::open("/scheme/namespace/scheme-creation-cap", flag::O_CLOEXEC, 0)
        .map_err(failed("open the capability"))?;
    let socket = Fd::new(cap.dup(b"create-scheme").map_err(failed("create the scheme"))?);
    let params = NewFdParams::default();
    // SAFETY: plain words, read for the length of the call.
    let bytes = unsafe {
        std::slice::from_raw_parts((&raw const params).cast::<u8>(), size_of::<NewFdParams>())
    };
    let root = socket.dup(bytes).map_err(failed("make a root"))?;
    let namespace = call::getns().map_err(failed("find the namespace"))?;
    call::register_scheme_to_ns(namespace, name, root).map_err(failed("register"))?;
    let (mut sqe, mut cqe) = (Sqe::default(), Cqe::default());
    loop {
        if socket.read(&mut sqe).map_err(failed("read"))? == 0 {
            return Ok(());
        }
        if matches!(Opcode::try_from_raw(sqe.opcode), Some(Opcode::CloseMsg)) {
            continue;
        }
        (cqe.tag, cqe.result) = (sqe.tag, 0);
        let _ = socket.write(&cqe);
    }
}

/// This program once more, as a service: ended however the measurement ends.
pub(crate) struct Child(process::Child);

impl Child {
    pub(crate) fn start(args: &[&str]) -> Result<Child> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let child = Command::new(program).args(args).spawn();
        child.map(Child).map_err(|error| format!("can't start a service: {error}"))
    }

    /// What it serves, once it does.
    pub(crate) fn up(path: &str) -> Result<Fd> {
        for _ in 0..100_000 {
            if let Ok(handle) = open_port(path) {
                return Ok(handle);
            }
            std::thread::yield_now();
        }
        Err(format!("{path} does not come up"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[repr(C, align(4096))]
pub(crate) struct Page(pub(crate) [u8; PAGE]);

fn measure(ramfs: &str) -> Result<()> {
    let _echo = Child::start(&["echo", "echo"])?;
    let echo = Child::up("/scheme/echo/x")?;
    let open = |path: &str, flags| Fd::open(path, flags, 0).map_err(failed(path));
    let null = open("/scheme/port/null", flag::O_RDWR)?;
    let disk = open("/scheme/port/disk", flag::O_RDWR)?;
    let mut page = Page([7; PAGE]);
    let node = Node::ROOT;
    let flush = words(Op::Flush { node }, 0)?;
    let write = words(Op::Write { node, offset: 0 }, PAGE)?;
    let read = words(Op::Read { node, offset: 0 }, PAGE)?;
    pair(
        "call without data",
        CALLS,
        ("raw echo", &mut || raw(&echo, &mut [], &flush)),
        ("portd null flush", &mut || raw(&null, &mut [], &flush)),
    )?;
    let (mut a, mut b) = (Page([1; PAGE]), Page([2; PAGE]));
    pair(
        "call with 4 KiB, aligned, not looked at",
        CALLS,
        ("raw echo", &mut || raw(&echo, &mut a.0, &write)),
        ("portd null write", &mut || raw(&null, &mut b.0, &write)),
    )?;
    pair(
        "call with 4 KiB, aligned, filled",
        CALLS,
        ("raw echo", &mut || raw(&echo, &mut a.0, &read)),
        ("portd ramdisk read", &mut || raw(&disk, &mut b.0, &read)),
    )?;
    let files =
        [file(&format!("{ramfs}/measure"), &page.0)?, file("/scheme/port/tmp/measure", &page.0)?];
    let at = |file: &File, page: &mut Page| {
        let count = file.read_at(&mut page.0, 0).map_err(|error| format!("can't read: {error}"))?;
        if count == PAGE { Ok(()) } else { Err(format!("read {count} bytes of a page")) }
    };
    pair(
        "pread of 4 KiB, aligned",
        CALLS,
        ("stock ramfs", &mut || at(&files[0], &mut page)),
        ("portd tmpfs", &mut || at(&files[1], &mut a)),
    )?;
    windows::measure(ramfs, &echo)?;
    ports::direct(&echo)?;
    ports::many(&echo)
}

/// One call.
pub(crate) fn raw(handle: &Fd, payload: &mut [u8], words: &[u64; 3]) -> Result<()> {
    let flags = CallFlags::READ | CallFlags::WRITE;
    call::call_rw(handle.raw(), payload, flags, words).map(drop).map_err(failed("call"))
}

pub(crate) fn words(op: Op, len: usize) -> Result<[u64; 3]> {
    let (words, _) = Body::new(op, Cred::ROOT).words().map_err(|errno| errno.to_string())?;
    Ok(Words { len: len as u32, ..words }.encode())
}

pub(crate) fn file(path: &str, page: &[u8]) -> Result<File> {
    let failed = |error: std::io::Error| format!("can't make {path}: {error}");
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(page).map_err(failed)?;
    Ok(file)
}

pub(crate) type Named<'a> = (&'a str, &'a mut dyn FnMut() -> Result<()>);

/// Runs both in turn, and prints nanoseconds a call (medians of the rounds) and their ratio.
pub(crate) fn pair(what: &str, calls: u32, one: Named<'_>, other: Named<'_>) -> Result<()> {
    let (mut first, mut second) = ([0; ROUNDS], [0; ROUNDS]);
    round(calls, one.1)?;
    round(calls, other.1)?;
    for index in 0..ROUNDS {
        first[index] = round(calls, one.1)?;
        second[index] = round(calls, other.1)?;
    }
    first.sort_unstable();
    second.sort_unstable();
    let (a, b) = (first[ROUNDS / 2], second[ROUNDS / 2]);
    println!(
        "{{\"what\":\"{what}\",\"{}\":{a},\"{}\":{b},\"ratio\":{:.3},\"rounds\":[{first:?},{second:?}]}}",
        one.0,
        other.0,
        b as f64 / a as f64
    );
    Ok(())
}

pub(crate) fn round(calls: u32, call: &mut dyn FnMut() -> Result<()>) -> Result<u128> {
    let start = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(start.elapsed().as_nanos() / u128::from(calls))
}
