//! The cases, and what each costs.

use std::{env, process::ExitCode};

use agent::{Carries, Cross, Errno, Words};
use bench::valgrind;
use driver::{Body, Cred, Node, Op};
use libredox::Fd;
use service::{Host, Service};
use syscall::{
    flag::{MapFlags, O_CREAT, O_RDWR},
    schemev2::{Cqe, Opcode, Sqe},
};

use crate::{kernel, many};

pub(super) const PAGE: usize = 4096;
const READ: Op = Op::Read { node: Node::ROOT, offset: 0 };

const STACK: &str = r#"
[[driver]]
name = "null"
kind = "null"

[[driver]]
name = "zero"
kind = "zero"

[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "tmp"
kind = "tmpfs"
"#;

/// What is asked of which file; `None` is the loop without a service.
type Case = (&'static str, Option<(&'static str, Ask)>);

#[derive(Clone, Copy)]
enum Ask {
    /// With `SYS_CALL`.
    Message(Op),
    /// The same, the data in a window.
    Window(Op),
    /// A standard read of a page.
    Read,
    /// All entries of a directory with many, in a window.
    List,
    /// Messages through a port, many in each write and read.
    Many,
}

const CASES: [Case; 11] = [
    ("echo", None),
    ("null-flush", Some(("null", Ask::Message(Op::Flush { node: Node::ROOT })))),
    ("null-read", Some(("null", Ask::Read))),
    ("disk-message", Some(("disk", Ask::Message(READ)))),
    ("disk-window", Some(("disk", Ask::Window(READ)))),
    ("tmp-window", Some(("tmp/file", Ask::Window(READ)))),
    ("tmp-message", Some(("tmp/file", Ask::Message(READ)))),
    ("tmp-read", Some(("tmp/file", Ask::Read))),
    ("zero-read", Some(("zero", Ask::Read))),
    ("tmp-list", Some(("tmp", Ask::List))),
    ("port-many", Some(("user/0/many", Ask::Many))),
];

#[repr(align(4096))]
struct Page([u8; PAGE]);

pub(super) fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let Some(name) = args.next() else { return table() };
    let case = CASES.into_iter().find(|case| case.0 == name);
    match (case, args.next().and_then(|count| count.parse().ok())) {
        (Some((_, None)), Some(count)) => drop(echo(count)),
        (Some((_, Some((path, ask)))), Some(count)) => served(path, ask, count),
        _ => {
            eprintln!("usage: requests [CASE COUNT], where CASE is one of:");
            CASES.iter().for_each(|case| eprintln!("  {}", case.0));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What a scheme that does nothing costs.
fn echo(count: u64) -> u64 {
    let socket = Fd::open("socket", 0, 0).map_err(Errno::from).expect("any path is");
    let mut sqe = Sqe::default();
    // SAFETY: nothing is lent.
    unsafe {
        kernel::ask(request(Opcode::Call, [0; 6]), count, || {
            while socket.read(&mut sqe).is_ok_and(|read| read > 0) {
                let cqe = Cqe { tag: sqe.tag, ..Cqe::default() };
                socket.write(&cqe).map_err(Errno::from).expect("the answer is taken");
            }
        })
    }
}

/// A service, and what it is asked.
pub(super) struct Served(Service);

impl Served {
    fn new() -> Served {
        let plan = stack::parse(STACK, &kinds()).expect("the description is good");
        let stack = plan.build(&Host).expect("the drivers are good");
        let service = Service::directory("port", &stack, String::new());
        Served(service.expect("the socket is there"))
    }

    /// Asks the same a number of times. The last answer.
    pub(super) fn ask(&self, opcode: Opcode, args: [u64; 6], count: u64) -> u64 {
        // SAFETY: what is lent is room of the case's own, that nobody else looks at meanwhile, or a
        // path that nobody changes.
        unsafe { kernel::ask(request(opcode, args), count, || self.run()) }
    }

    pub(super) fn open(&self, path: &str, flags: usize) -> u64 {
        let path = buffer(0, path.as_ptr(), path.len(), [flags as u64, 0, 0]);
        self.ask(Opcode::OpenAt, path, 1)
    }

    /// Has the room be the handle's first window.
    pub(super) fn map(&self, handle: u64, len: usize) {
        let flags = (MapFlags::MAP_SHARED | MapFlags::PROT_READ | MapFlags::PROT_WRITE).bits();
        let map = [handle, len as u64, flags as u64, agent::window_at(1), 0, 0];
        assert!(self.ask(Opcode::MmapPrep, map, 1).is_multiple_of(PAGE as u64));
    }

    /// Sends a message with data in the first window.
    pub(super) fn by_window(&self, handle: u64, op: Op, len: usize, count: u64) -> u64 {
        let (words, _) = Body::new(op, Cred::ROOT).words().expect("it crosses");
        let words = Words { window: 1, object: 0, len: len as u32, ..words };
        let nowhere = std::ptr::null();
        self.ask(Opcode::Call, buffer(handle, nowhere, 0, words.encode()), count)
    }

    pub(super) fn run(&self) {
        self.0.run().expect("the service ends well");
    }
}

fn served(path: &'static str, ask: Ask, count: u64) {
    let served = Served::new();
    match ask {
        Ask::List => return many::list(&served, path, count),
        Ask::Many => return many::send(&served, path, count),
        _ => {}
    }
    let mut page = Page([7; PAGE]);
    let flags = if path.contains('/') { O_CREAT | O_RDWR | 0o600 } else { O_RDWR };
    let handle = served.open(path, flags);
    let lent = page.0.as_mut_ptr();
    if path != "null" && path != "zero" {
        let write = buffer(handle, lent, PAGE, [0; 3]);
        assert_eq!(served.ask(Opcode::Write, write, 1), PAGE as u64);
    }
    match ask {
        Ask::Window(op) => {
            served.map(handle, PAGE);
            assert_eq!(served.by_window(handle, op, PAGE, count), PAGE as u64);
        }
        Ask::Message(op) => {
            let (mut words, carries) = Body::new(op, Cred::ROOT).words().expect("it crosses");
            let len = if matches!(carries, Carries::Data(_)) { PAGE } else { 0 };
            words.len = len as u32;
            let call = buffer(handle, lent, len, words.encode());
            assert_eq!(served.ask(Opcode::Call, call, count), len as u64);
        }
        _ => drop(served.ask(Opcode::Read, buffer(handle, lent, PAGE, [0; 3]), count)),
    }
}

fn kinds() -> [driver::Kind; 4] {
    [driver_null::KIND, driver_zero::KIND, driver_ramdisk::KIND, driver_tmpfs::KIND]
}

pub(super) fn request(opcode: Opcode, args: [u64; 6]) -> Sqe {
    Sqe { opcode: opcode as u8, args, ..Sqe::default() }
}

/// The words of a request with a buffer.
pub(super) fn buffer(handle: u64, base: *const u8, len: usize, [a, b, c]: [u64; 3]) -> [u64; 6] {
    [handle, base as u64, len as u64, a, b, c]
}

fn table() -> ExitCode {
    let program = env::current_exe().unwrap_or_default();
    let mut echo = None;
    println!("{:14}{:>14}{:>16}", "case", "instructions", "more than echo");
    for (name, _) in CASES {
        let Some(each) = valgrind::instructions(&program, name) else {
            eprintln!("valgrind is missing, or {name} failed");
            return ExitCode::FAILURE;
        };
        println!("{name:14}{each:14}{:16}", each - *echo.get_or_insert(each));
    }
    ExitCode::SUCCESS
}
