//! A daemon in a world of its own, and clients of it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
};

use agent::{Cross, Words};
use driver::{Body, Cred, Op};
use host::Process;
use libredox::{Fd, errno::EINVAL, flag};
use service::Service;
use syscall::CallFlags;

/// A namespace with services in it.
pub(crate) struct World {
    root: Process,
    services: Vec<(Process, JoinHandle<()>)>,
}

impl World {
    pub(crate) fn new() -> World {
        World { root: Process::isolated("init", 0, 0), services: Vec::new() }
    }

    /// A world with one daemon that serves a description as `port`.
    pub(crate) fn serving(text: &str) -> World {
        let mut world = World::new();
        world.serve("port", text).expect("the description is good");
        world
    }

    /// Starts a daemon in a process of its own. The text of an error is the daemon's.
    pub(crate) fn serve(&mut self, name: &str, text: &str) -> Result<(), String> {
        let (name, text) = (name.to_string(), text.to_string());
        self.start(&name.clone(), move || portd::serve(&name, &text).map_err(|e| e.to_string()))
    }

    /// Starts any service in a process of its own.
    pub(crate) fn start(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Service, String> + Send + 'static,
    ) -> Result<(), String> {
        let process = self.root.child(name, 0, 0);
        let (tell, ready) = mpsc::channel();
        let thread = process.spawn(move || {
            let started = make().and_then(|mut service| {
                service.publish().map_err(|failure| failure.to_string())?;
                service::enter_null_namespace().map_err(|failure| failure.to_string())?;
                Ok(service)
            });
            match started {
                Ok(service) => {
                    tell.send(Ok(())).expect("the test waits");
                    service.run().expect("the service ends well");
                }
                Err(error) => tell.send(Err(error)).expect("the test waits"),
            }
        });
        self.services.push((process, thread));
        ready.recv().expect("the daemon says how it went")
    }

    /// A handle in the process of the service that was started as the `index`-th. What that sends
    /// to itself is no copy of the host's kernel, but the very memory, as another process's is in
    /// Redox.
    pub(crate) fn within(&self, index: usize, path: &str, flags: i32) -> (Process, Fd) {
        let (client, service) = (self.process(0, 0), self.services[index].0.clone());
        let fd = client.enter(|| open(path, flags, 0).unwrap().into_raw());
        let own = service.inherit(&client, fd).unwrap();
        client.exit();
        (service, Fd::new(own))
    }

    /// A process for a client, which shares the services' namespace.
    pub(crate) fn process(&self, uid: u32, gid: u32) -> Process {
        self.root.child("client", uid, gid)
    }

    /// Runs a client of some user in a process of its own.
    pub(crate) fn client<T>(&self, uid: u32, gid: u32, run: impl FnOnce() -> T) -> T {
        let client = self.process(uid, gid);
        let result = client.enter(run);
        client.exit();
        result
    }

    /// Runs a client as root.
    pub(crate) fn root<T>(&self, run: impl FnOnce() -> T) -> T {
        self.client(0, 0, run)
    }

    /// Ends the service that was started as the `index`-th.
    pub(crate) fn stop(&mut self, index: usize) {
        let (process, thread) = self.services.remove(index);
        process.exit();
        thread.join().expect("the service does not panic");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The topmost service first: it stands on the others.
        for (process, thread) in self.services.drain(..).rev() {
            process.exit();
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the service does not panic");
            }
        }
    }
}

/// Memory that a thread writes over, again and again, until this goes.
pub(crate) struct Scribbled {
    bytes: Vec<u8>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scribbled {
    /// That many pages.
    pub(crate) fn pages(count: usize) -> Scribbled {
        let mut bytes = vec![0; (count + 1) * 4096];
        let base = bytes.as_mut_ptr() as usize + bytes.as_ptr().align_offset(4096);
        let stop = Arc::new(AtomicBool::new(false));
        let quit = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seed = 1u64;
            while !quit.load(Relaxed) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Mostly at the beginning, where it matters.
                let at = (seed >> 33) as usize % if seed >> 62 == 0 { count * 4096 } else { 192 };
                // SAFETY: inside the memory, which is there until the thread has ended.
                unsafe { ((base + at) as *mut u8).write_volatile((seed >> 25) as u8) };
            }
        });
        Scribbled { bytes, stop, thread: Some(thread) }
    }

    fn base(&self) -> *mut u8 {
        self.bytes.as_ptr().wrapping_add(self.bytes.as_ptr().align_offset(4096)).cast_mut()
    }

    /// Puts something there, for as long as that lasts.
    pub(crate) fn put(&self, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            // SAFETY: the memory is at least a page.
            unsafe { self.base().add(at).write_volatile(*byte) };
        }
    }

    /// The memory, to be lent to somebody and not to be looked at.
    #[expect(clippy::mut_from_ref, reason = "it changes all the time")]
    pub(crate) fn lend(&self, len: usize) -> &mut [u8] {
        // SAFETY: inside the memory; whoever has it reaches it as memory that others change.
        unsafe { std::slice::from_raw_parts_mut(self.base(), len) }
    }
}

impl Drop for Scribbled {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The errno of a call.
pub(crate) fn errno<T>(result: libredox::error::Result<T>) -> Result<T, i32> {
    result.map_err(|error| error.errno())
}

/// Opens a path.
pub(crate) fn open(path: &str, flags: i32, mode: u16) -> Result<Fd, i32> {
    errno(Fd::open(path, flags | flag::O_CLOEXEC, mode))
}

/// Writes a whole new file.
pub(crate) fn put(path: &str, bytes: &[u8]) -> Result<(), i32> {
    let file = open(path, flag::O_WRONLY | flag::O_CREAT | flag::O_TRUNC, 0o644)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[errno(file.write(rest))?..];
    }
    Ok(())
}

/// Reads a whole file.
pub(crate) fn get(path: &str) -> Result<Vec<u8>, i32> {
    let file = open(path, flag::O_RDONLY, 0)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 70_000]);
    loop {
        match errno(file.read(&mut buffer))? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The names in a directory, sorted, without the two that every directory has.
pub(crate) fn list(path: &str) -> Result<Vec<String>, i32> {
    let dir = open(path, flag::O_RDONLY | flag::O_DIRECTORY, 0)?;
    let (mut names, mut cookie, mut buffer) = (Vec::new(), 0, vec![0; 512]);
    loop {
        let count = match errno(libredox::call::getdents(dir.raw(), &mut buffer, cookie)) {
            // As Redox's libc does.
            Err(EINVAL) if buffer.len() < 1 << 16 => {
                buffer.resize(2 * buffer.len(), 0);
                continue;
            }
            count => count?,
        };
        if count == 0 {
            names.sort();
            return Ok(names);
        }
        for entry in driver::dirent::entries(&buffer[..count]) {
            cookie = entry.next;
            if !matches!(entry.name, b"." | b"..") {
                names.push(String::from_utf8(entry.name.to_vec()).expect("UTF-8"));
            }
        }
    }
}

/// The words that ask for an operation, as an agent would send them.
pub(crate) fn words(op: Op) -> Words {
    Body::new(op, Cred::ROOT).words().expect("the operation crosses").0
}

/// The arguments and names of an operation, as an agent would send them.
pub(crate) fn parcel(op: Op, names: [Option<&[u8]>; 2]) -> Vec<u8> {
    let mut parcel = Vec::new();
    Body::new(op, Cred::ROOT).pack(names, &mut parcel).expect("the names are good");
    parcel
}

/// Sends words and a payload on a handle, whatever they say.
pub(crate) fn send(fd: &Fd, words: Words, payload: &mut [u8]) -> Result<usize, i32> {
    let flags = CallFlags::READ | CallFlags::WRITE;
    errno(libredox::call::call_rw(fd.raw(), payload, flags, &words.encode()))
}
