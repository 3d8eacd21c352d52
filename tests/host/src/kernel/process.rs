//! Processes: a table of descriptors, credentials, and the threads that are in the kernel.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use syscall::error::{EBADF, Error, Result};

use super::context::{Bell, Context, Rest, Sleepers};
use super::description::Description;
use super::lend::Mapping;
use super::mmap::Grant;
use super::space::Space;
use super::stats::Counters;
use super::table::Table;
use crate::sync::lock;

/// A process id.
pub(crate) type Pid = u32;

/// Lives as long as the thread does. A scheme socket dies with the thread that created it.
pub(crate) struct Life;

/// A process.
pub(crate) struct Task {
    pub(crate) pid: Pid,
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) space: Space,
    /// Linux's number for it, if it is a program of its own.
    pub(crate) program: Option<Pid>,
    pub(crate) counters: Counters,
    pub(crate) sleepers: Arc<Sleepers>,
    inner: Mutex<Inner>,
    gone: Condvar,
    /// Pages that the dead process's threads may still look at.
    buried: Mutex<Vec<Mapping>>,
}

struct Inner {
    table: Table,
    namespace: Option<usize>,
    grants: Vec<Grant>,
    contexts: Vec<Arc<Context>>,
    dead: bool,
    torn_down: bool,
}

/// A thread's stay in the kernel, on behalf of a process.
pub(crate) struct Cx {
    pub(crate) task: Arc<Task>,
    pub(crate) context: Arc<Context>,
    pub(crate) life: Weak<Life>,
}

impl Task {
    pub(crate) fn new(pid: Pid, name: &str, ids: [u32; 2], space: Space) -> Arc<Self> {
        Arc::new(Self::bare(pid, name, ids, space))
    }

    /// The same before anybody else knows it.
    pub(crate) fn bare(pid: Pid, name: &str, ids: [u32; 2], space: Space) -> Self {
        Self::with(pid, name, ids, space, Table::new(pid))
    }

    /// The same as a program of its own, by Linux's number.
    pub(crate) fn of_program(mut self, program: Option<Pid>) -> Self {
        self.program = program;
        self
    }

    /// Gives the process another's namespace and its rights to it. EBADF if that is dead.
    pub(crate) fn share_namespace(&self, other: &Task) -> Result<()> {
        if let Some(namespace) = other.namespace() {
            self.set_namespace(self.install(other.file(namespace)?)?);
        }
        Ok(())
    }

    /// A process with what its parent has open, under the same numbers; after `exec` without what
    /// is close-on-exec.
    pub(crate) fn inherit(&self, pid: Pid, name: &str, space: Space, exec: bool) -> Self {
        let (table, namespace) = {
            let inner = lock(&self.inner);
            let kept = |fd: usize| !exec || Some(fd) == inner.namespace;
            (inner.table.inherit(kept), inner.namespace)
        };
        let child = Self::with(pid, name, [self.uid, self.gid], space, table);
        lock(&child.inner).namespace = namespace;
        child
    }

    fn with(pid: Pid, name: &str, [uid, gid]: [u32; 2], space: Space, table: Table) -> Self {
        let inner = Inner {
            table,
            namespace: None,
            grants: Vec::new(),
            contexts: Vec::new(),
            dead: false,
            torn_down: false,
        };
        Self {
            pid,
            name: name.to_owned(),
            uid,
            gid,
            space,
            program: None,
            counters: Counters::default(),
            sleepers: Arc::default(),
            inner: Mutex::new(inner),
            gone: Condvar::new(),
            buried: Mutex::default(),
        }
    }

    /// Enters the kernel. EBADF if the process is dead: it has no descriptors any more.
    pub(crate) fn enter(self: &Arc<Self>, life: &Arc<Life>) -> Result<Cx> {
        self.enter_with(life, Box::<Bell>::default())
    }

    /// The same for a thread that has its own way to sleep.
    pub(crate) fn enter_with(
        self: &Arc<Self>,
        life: &Arc<Life>,
        bell: Box<dyn Rest>,
    ) -> Result<Cx> {
        let context = Context::new(Arc::clone(&self.sleepers), bell);
        let mut inner = lock(&self.inner);
        if inner.dead {
            return Err(Error::new(EBADF));
        }
        inner.contexts.push(Arc::clone(&context));
        drop(inner);
        Ok(Cx { task: Arc::clone(self), context, life: Arc::downgrade(life) })
    }

    fn leave(&self, context: &Arc<Context>) {
        let mut inner = lock(&self.inner);
        inner.contexts.retain(|other| !Arc::ptr_eq(other, context));
        if inner.dead && inner.contexts.is_empty() {
            let rest = inner.strip();
            drop(inner);
            self.tear_down(rest);
        }
    }

    /// Ends the process: its sleeping threads leave the kernel, then its descriptors close.
    pub(crate) fn end(&self) {
        let mut inner = lock(&self.inner);
        if std::mem::replace(&mut inner.dead, true) {
            return;
        }
        inner.contexts.iter().for_each(|context| context.kill());
        if inner.contexts.is_empty() {
            let rest = inner.strip();
            drop(inner);
            self.tear_down(rest);
        }
    }

    /// Ends the process, and returns once that is done.
    pub(crate) fn kill(&self) {
        self.end();
        let mut inner = lock(&self.inner);
        while !inner.torn_down {
            inner = self.gone.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tear_down(&self, (files, grants): (Vec<Arc<Description>>, Vec<Grant>)) {
        for grant in grants {
            grant.abandon(self);
        }
        for file in files {
            // The scheme may be gone already; the descriptor is, either way.
            let _ = file.detach(self.pid);
        }
        lock(&self.inner).torn_down = true;
        self.gone.notify_all();
    }

    pub(crate) fn is_dead(&self) -> bool {
        lock(&self.inner).dead
    }

    /// Keeps pages for as long as the process.
    pub(crate) fn bury(&self, pages: Mapping) {
        lock(&self.buried).push(pages);
    }

    /// Interrupts the threads that sleep; says how many.
    pub(crate) fn interrupt(&self) -> usize {
        let contexts = lock(&self.inner).contexts.clone();
        contexts.iter().filter(|context| context.signal()).count()
    }

    /// Works on the table.
    pub(crate) fn table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        work(&mut lock(&self.inner).table)
    }

    /// Works on the list of mapped windows.
    pub(crate) fn grants<T>(&self, work: impl FnOnce(&mut Vec<Grant>) -> T) -> T {
        work(&mut lock(&self.inner).grants)
    }

    /// What is behind a descriptor. EBADF.
    pub(crate) fn file(&self, fd: usize) -> Result<Arc<Description>> {
        self.table(|table| table.get(fd))
    }

    /// Opens a number for a description. EMFILE.
    pub(crate) fn install(&self, description: Arc<Description>) -> Result<usize> {
        self.table(|table| {
            let fd = table.reserve()?;
            table.fill(fd, description)?;
            Ok(fd)
        })
    }

    pub(crate) fn namespace(&self) -> Option<usize> {
        lock(&self.inner).namespace
    }

    /// Changes the namespace; gives the old one back.
    pub(crate) fn set_namespace(&self, fd: usize) -> Option<usize> {
        lock(&self.inner).namespace.replace(fd)
    }
}

impl Inner {
    fn strip(&mut self) -> (Vec<Arc<Description>>, Vec<Grant>) {
        self.namespace = None;
        (self.table.drain(), std::mem::take(&mut self.grants))
    }
}

impl Drop for Cx {
    fn drop(&mut self) {
        self.task.leave(&self.context);
    }
}
