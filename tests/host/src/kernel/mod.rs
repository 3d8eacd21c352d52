//! The kernel: descriptors, schemes, requests, memory on loan, events.
//!
//! Nothing here knows about threads of the host or about C: every call gets the process it is
//! for. No lock is held while another object's is taken, except where a comment says so.

pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod description;
pub(crate) mod event;
pub(crate) mod files;
pub(crate) mod lend;
pub(crate) mod memory;
pub(crate) mod mmap;
pub(crate) mod names;
pub(crate) mod namespace;
pub(crate) mod pipe;
pub(crate) mod process;
pub(crate) mod scheme;
pub(crate) mod socket;
pub(crate) mod space;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod user;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, RwLock};

use crate::sync::{read, write};
use event::Events;
use namespace::NamespaceScheme;
use process::{Pid, Task};
use scheme::Scheme;
use socket::SocketScheme;
use space::Space;

/// The process that is there from the start.
pub(crate) const INIT: Pid = 1;
/// Above the numbers that Linux gives to processes.
const FIRST_AWAY: Pid = 1 << 22;

struct Kernel {
    schemes: RwLock<HashMap<usize, Arc<dyn Scheme>>>,
    tasks: RwLock<HashMap<Pid, Arc<Task>>>,
    namespaces: Arc<NamespaceScheme>,
    events: Arc<Events>,
    next_pid: AtomicU32,
    next_away: AtomicU32,
    next_scheme: AtomicUsize,
}

static KERNEL: LazyLock<Kernel> = LazyLock::new(Kernel::boot);

impl Kernel {
    fn boot() -> Self {
        let namespaces = Arc::<NamespaceScheme>::default();
        let events = Arc::<Events>::default();
        let schemes: [(usize, Arc<dyn Scheme>); 6] = [
            (scheme::EVENT, events.clone()),
            (scheme::MEMORY, Arc::new(mmap::MemoryScheme)),
            (scheme::PIPE, Arc::<pipe::PipeScheme>::default()),
            (scheme::TIME, Arc::<time::TimeScheme>::default()),
            (scheme::SOCKET, Arc::<SocketScheme>::default()),
            (scheme::NAMESPACE, namespaces.clone()),
        ];
        let init = Task::new(INIT, "init", [0, 0], Space::Here);
        namespaces.found(&init);
        Self {
            schemes: RwLock::new(schemes.into()),
            tasks: RwLock::new(HashMap::from([(INIT, init)])),
            namespaces,
            events,
            next_pid: AtomicU32::new(INIT + 1),
            next_away: AtomicU32::new(FIRST_AWAY),
            next_scheme: AtomicUsize::new(scheme::FIRST_USER),
        }
    }
}

/// The event queues and who is registered with them.
pub(crate) fn events() -> &'static Events {
    &KERNEL.events
}

/// The namespaces.
pub(crate) fn namespaces() -> &'static NamespaceScheme {
    &KERNEL.namespaces
}

/// The process with this id, dead or alive.
pub(crate) fn task(pid: Pid) -> Option<Arc<Task>> {
    read(&KERNEL.tasks).get(&pid).cloned()
}

/// Makes a process of this program, without descriptors.
pub(crate) fn spawn(name: &str, uid: u32, gid: u32) -> Arc<Task> {
    let pid = KERNEL.next_pid.fetch_add(1, Ordering::Relaxed);
    let task = Task::new(pid, name, [uid, gid], Space::Here);
    write(&KERNEL.tasks).insert(pid, Arc::clone(&task));
    task
}

/// Makes a process in a program of its own: under the number of the process that it replaces, or
/// that of its program if nobody else has that, or one of the kernel's own.
pub(crate) fn spawn_away(
    program: Option<Pid>,
    replaced: Option<Pid>,
    make: impl FnOnce(Pid) -> Task,
) -> Arc<Task> {
    let mut tasks = write(&KERNEL.tasks);
    let free = |pid: &Pid| *pid > INIT && !tasks.contains_key(pid);
    let next = || KERNEL.next_away.fetch_add(1, Ordering::Relaxed);
    let pid = replaced.or(program.filter(free)).unwrap_or_else(next);
    let task = Arc::new(make(pid));
    tasks.insert(pid, Arc::clone(&task));
    task
}

/// Forgets a dead process, unless another has taken its place.
pub(crate) fn forget(task: &Arc<Task>) {
    let mut tasks = write(&KERNEL.tasks);
    if tasks.get(&task.pid).is_some_and(|now| Arc::ptr_eq(now, task)) {
        tasks.remove(&task.pid);
    }
}
