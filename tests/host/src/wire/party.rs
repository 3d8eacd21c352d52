//! Processes that this program has with the kernel: the one that it is, and those of tests.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use syscall::error::{ENODEV, Error, Result};

use super::frame::{receive, send};
use super::mapping::Room;
use super::{Hello, Origin, Reply, fork};
use crate::kernel::process::Pid;
use crate::sync::lock;
use crate::thread::Identity;

/// A process of a kernel in another program. It ends when its connection closes.
pub(crate) struct Remote {
    identity: Identity,
    control: UnixStream,
}

/// The kernel's socket, if there is a kernel in another program.
pub(crate) fn kernel() -> Option<&'static Path> {
    static KERNEL: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("HOST_KERNEL").map(PathBuf::from));
    KERNEL.as_deref()
}

/// ENODEV, and a word about why.
pub(super) fn lost(error: &io::Error) -> Error {
    static SAID: std::sync::Once = std::sync::Once::new();
    let path = kernel().unwrap_or(Path::new("")).display();
    SAID.call_once(|| {
        eprintln!(
            "can't use the kernel at {path}, which HOST_KERNEL names: {error}; is it running? \
             \"cargo run -- kernel {path}\" starts one",
        );
    });
    Error::new(ENODEV)
}

/// A new connection to the kernel.
pub(super) fn connect(hello: &Hello) -> io::Result<UnixStream> {
    connect_to(kernel().ok_or(io::ErrorKind::NotFound)?, hello)
}

/// A new connection to a kernel.
pub(super) fn connect_to(kernel: &Path, hello: &Hello) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(kernel)?;
    send(&stream, hello, &[], None)?;
    Ok(stream)
}

impl Remote {
    /// Makes a process.
    pub(super) fn new(origin: Origin, name: &str) -> io::Result<Self> {
        let failed = |error: Error| io::Error::from_raw_os_error(error.errno);
        let room = Room::arena().map_err(failed)?;
        let hello = Hello::Process { origin, name: name.to_owned(), arena: room.base() };
        let control = connect(&hello)?;
        let reply = receive::<Reply>(&control)?.ok_or(io::ErrorKind::ConnectionReset)?;
        let (Reply::Welcome { pid, uid, gid }, Some(file)) = (reply.head, reply.file) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        room.fill_arena(&file).map_err(failed)?;
        Ok(Self { identity: Identity { pid, uid, gid }, control })
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    pub(crate) fn pid(&self) -> Pid {
        self.identity.pid
    }

    /// Closes this program's end of a connection that the process it was copied from has, too.
    pub(super) fn disown(&self) {
        // SAFETY: the copy never uses its parent's process again.
        unsafe { libc::close(self.control.as_raw_fd()) };
    }
}

/// The process that this program is: made at first use, and never freed. A copy of the program
/// makes one of its own, without a lock that nobody might be left to give back.
static PROGRAM: AtomicPtr<Life> = AtomicPtr::new(std::ptr::null_mut());

/// The process that this program is, and the one that it was copied from.
struct Life {
    remote: Arc<Remote>,
    _before: Option<&'static Life>,
}

fn life() -> Option<&'static Life> {
    // SAFETY: what was stored is never freed.
    unsafe { PROGRAM.load(Ordering::Acquire).as_ref() }
}

/// The process that this program is, if it has made any call yet.
pub(super) fn known_program() -> Option<&'static Arc<Remote>> {
    life().map(|life| &life.remote)
}

/// From now on the program is this process.
pub(super) fn become_program(remote: Remote) {
    let life = Life { remote: Arc::new(remote), _before: life() };
    PROGRAM.store(Box::into_raw(Box::new(life)), Ordering::Release);
}

/// The process that this program is. ENODEV.
pub(crate) fn program() -> Result<Arc<Remote>> {
    match known_program() {
        Some(program) => Ok(Arc::clone(program)),
        None => begin().map_err(|error| lost(&error)),
    }
}

fn begin() -> io::Result<Arc<Remote>> {
    static BEGINNING: Mutex<()> = Mutex::new(());
    let _beginning = lock(&BEGINNING);
    if known_program().is_none() {
        become_program(Remote::new(origin(), &program_name())?);
        fork::watch();
    }
    known_program().cloned().ok_or(io::ErrorKind::NotFound.into())
}

/// A program begins as a process at once: what it inherits is what its parent has then.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_ONCE: extern "C" fn() = {
    extern "C" fn at_once() {
        if kernel().is_some() {
            // What fails now is tried again, and said, when a call needs it.
            let _ = begin();
        }
    }
    at_once
};

fn origin() -> Origin {
    let id = |name| std::env::var(name).ok().and_then(|id| id.parse().ok());
    let parent = std::os::unix::process::parent_id();
    Origin::Program { parent, uid: id("HOST_UID"), gid: id("HOST_GID") }
}

fn program_name() -> String {
    let program = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

static HOSTED: LazyLock<Mutex<HashMap<Pid, Arc<Remote>>>> = LazyLock::new(Mutex::default);

/// A process that a test makes; it lives as long as the program, or until it is killed.
pub(crate) fn host(near: Option<Pid>, name: &str, [uid, gid]: [u32; 2]) -> Result<Arc<Remote>> {
    raise_limit();
    let remote = Remote::new(Origin::Test { near, uid, gid }, name);
    let remote = Arc::new(remote.map_err(|error| lost(&error))?);
    lock(&HOSTED).insert(remote.pid(), Arc::clone(&remote));
    Ok(remote)
}

/// A process that a test has made.
pub(crate) fn hosted(pid: Pid) -> Option<Arc<Remote>> {
    lock(&HOSTED).get(&pid).cloned()
}

/// Lets this program have as many descriptors of Linux's as it may.
pub(super) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What there is may do.
    let _ = setrlimit(Resource::Nofile, limit);
}
