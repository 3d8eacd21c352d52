//! Processes, as tests make them.

use std::fmt;
use std::thread::JoinHandle;

use syscall::error::Result;

use crate::Stats;
use crate::kernel::process::{Life, Pid, Task};
use crate::kernel::{self, namespaces};
use crate::thread::Party;
use crate::wire::Watch;
use crate::wire::client::{stats, watch};
use crate::wire::party;
use crate::{sys, thread};

/// A process: a table of descriptors with credentials and a namespace. Threads belong to one.
///
/// Clones are the same process. A process lives until [`Process::exit`] or [`Process::kill`],
/// even if nobody holds it.
#[derive(Clone)]
pub struct Process {
    party: Party,
    name: String,
}

impl Process {
    /// A process in `init`'s namespace, with all rights to it.
    ///
    /// # Panics
    /// If `init` was ended.
    pub fn new(name: &str, uid: u32, gid: u32) -> Self {
        Self::init().child(name, uid, gid)
    }

    /// A process in a namespace of its own, in which there are only the kernel's schemes. Tests
    /// that run side by side don't meet each other's names that way.
    ///
    /// # Panics
    /// If the kernel is in another program that can't be reached.
    pub fn isolated(name: &str, uid: u32, gid: u32) -> Self {
        if party::kernel().is_some() {
            return Self::away(None, name, [uid, gid]);
        }
        let task = kernel::spawn(name, uid, gid);
        namespaces().found(&task);
        Self { party: Party::Here(task), name: name.to_owned() }
    }

    /// Process 1, which runs as root and is there from the start; or the process that this program
    /// is, if the kernel is in another.
    ///
    /// # Panics
    /// If the kernel is in another program that can't be reached.
    pub fn init() -> Self {
        let party = thread::unattached().expect("the kernel is there");
        Self { party, name: "init".to_owned() }
    }

    /// A process that shares this one's namespace and rights to it, the null namespace included,
    /// and nothing else.
    ///
    /// # Panics
    /// If this process is dead.
    pub fn child(&self, name: &str, uid: u32, gid: u32) -> Self {
        let Party::Here(task) = &self.party else {
            return Self::away(Some(self.number()), name, [uid, gid]);
        };
        let child = kernel::spawn(name, uid, gid);
        child.share_namespace(task).expect("the namespace is open");
        Self { party: Party::Here(child), name: name.to_owned() }
    }

    fn away(near: Option<Pid>, name: &str, ids: [u32; 2]) -> Self {
        let remote = party::host(near, name, ids).expect("the kernel makes processes");
        Self { party: Party::Away(remote), name: name.to_owned() }
    }

    fn number(&self) -> Pid {
        match &self.party {
            Party::Here(task) => task.pid,
            Party::Away(remote) => remote.pid(),
        }
    }

    /// Asks the kernel that has the process: this program's, or another.
    fn ask<T>(&self, here: impl FnOnce(&Task) -> T, away: impl FnOnce(Pid) -> Result<T>) -> T {
        match &self.party {
            Party::Here(task) => here(task),
            Party::Away(remote) => away(remote.pid()).expect("the kernel is there"),
        }
    }

    /// The process id.
    pub fn pid(&self) -> usize {
        self.number() as usize
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure with the calling thread belonging to this process; afterwards, and after a
    /// panic, the thread belongs to where it did before. May be nested.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restore = thread::attach(self.party.clone());
        work()
    }

    /// Runs a closure in a new thread of this process.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let process = self.clone();
        std::thread::spawn(move || process.enter(work))
    }

    /// Ends the process from within: all its descriptors close. Threads that wait in the kernel
    /// come back with EINTR; whatever they try then gives EBADF. Returns when all is closed.
    pub fn exit(&self) {
        self.ask(Task::kill, |pid| watch(Watch::Kill(pid)).map(drop));
    }

    /// Ends the process from outside, as SIGKILL does: daemons it waits for are not told, except
    /// by the close of its last handles. Returns when all is closed.
    pub fn kill(&self) {
        self.ask(Task::kill, |pid| watch(Watch::Kill(pid)).map(drop));
    }

    /// Has the process ended?
    pub fn is_dead(&self) -> bool {
        self.ask(Task::is_dead, |pid| Ok(watch(Watch::IsDead(pid))? != 0))
    }

    /// A descriptor in this process for what another process has open: they share the
    /// description, as after a fork. EBADF, EMFILE.
    pub fn inherit(&self, from: &Process, fd: usize) -> Result<usize> {
        match (&self.party, &from.party) {
            (Party::Here(to), Party::Here(from)) => to.install(from.file(fd)?),
            _ => watch(Watch::Inherit { to: self.number(), from: from.number(), fd }),
        }
    }

    /// How many descriptors are open, the namespace's included.
    pub fn open_descriptors(&self) -> usize {
        self.ask(
            |task| task.table(|table| table.open_count()),
            |pid| watch(Watch::OpenDescriptors(pid)),
        )
    }

    /// Waits until at least `n` of the process's threads sleep in the kernel.
    pub fn wait_blocked(&self, n: usize) {
        self.ask(
            |task| task.sleepers.wait_for(n),
            |pid| watch(Watch::WaitBlocked(pid, n)).map(drop),
        );
    }

    /// Interrupts the threads that sleep in the kernel, as a signal does; says how many.
    pub fn interrupt(&self) -> usize {
        self.ask(Task::interrupt, |pid| watch(Watch::Interrupt(pid)))
    }

    /// What this process's requests cost. `lost_closes` is counted for all processes together,
    /// in [`crate::stats`].
    pub fn stats(&self) -> Stats {
        self.ask(|task| task.counters.read(), |pid| stats(Some(pid)))
    }

    /// A new pipe of this process: the reading and the writing descriptor. EBADF if the process
    /// is dead, ENODEV if its namespace has no pipes.
    pub fn pipe(&self) -> Result<(usize, usize)> {
        self.enter(|| {
            let reader = sys::open("/scheme/pipe", 0, 0)?;
            let writer = sys::dup(reader, b"write")?;
            Ok((reader, writer))
        })
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({} {:?})", self.number(), self.name)
    }
}

/// Interrupts the threads of a process that sleep in the kernel, as a signal does; says how many.
pub fn interrupt(pid: usize) -> usize {
    let Ok(pid) = Pid::try_from(pid) else { return 0 };
    match party::kernel() {
        None => kernel::task(pid).map_or(0, |task| task.interrupt()),
        // A process that isn't there has no threads.
        Some(_) => watch(Watch::Interrupt(pid)).unwrap_or(0),
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Process>();
    assert_send_sync::<Life>();
};
