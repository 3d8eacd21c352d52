//! Event queues, and who is registered with them for what.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syscall::data::Event;
use syscall::error::{EACCES, EAGAIN, EBADF, EINTR, EINVAL, Error, Result};
use syscall::flag::{EVENT_TIMEOUT_ID, EventFlags, O_NONBLOCK};

use super::context::{Waiters, Wakeup};
use super::description::Opened;
use super::memory::Buffer;
use super::process::Cx;
use super::scheme::{self, Scheme, no_position};
use crate::sync::lock;

/// The number of the scheme's root.
pub(crate) const ROOT: usize = usize::MAX;
const EVENT_SIZE: usize = size_of::<Event>();

#[derive(Default)]
struct Queue {
    inner: Mutex<QueueInner>,
}

#[derive(Default)]
struct QueueInner {
    events: VecDeque<Event>,
    waiters: Waiters,
    timeout_ms: Option<usize>,
}

/// An object of a scheme.
type Object = (usize, usize);

/// Who wants to hear of an object: the queue, the number it was registered by, and what for.
struct Registration {
    queue: usize,
    id: usize,
    data: usize,
    flags: EventFlags,
}

/// All queues and registrations.
#[derive(Default)]
pub(crate) struct Events {
    queues: Mutex<HashMap<usize, Arc<Queue>>>,
    registry: Mutex<HashMap<Object, Vec<Registration>>>,
    next: AtomicUsize,
}

impl Events {
    fn queue(&self, number: usize) -> Result<Arc<Queue>> {
        lock(&self.queues).get(&number).cloned().ok_or(Error::new(EBADF))
    }

    /// Something happened to an object: tells the queues that want to know, and the queues that
    /// watch those.
    pub(crate) fn trigger(&self, scheme: usize, number: usize, flags: EventFlags) {
        let mut todo = self.deliver((scheme, number), flags);
        let mut done = HashSet::new();
        while let Some(queue) = todo.pop() {
            if done.insert(queue) {
                todo.extend(self.deliver((scheme::EVENT, queue), EventFlags::EVENT_READ));
            }
        }
    }

    fn deliver(&self, object: Object, flags: EventFlags) -> Vec<usize> {
        let mut hits = Vec::new();
        if let Some(registrations) = lock(&self.registry).get(&object) {
            for to in registrations {
                let flags = flags & to.flags;
                if !flags.is_empty() {
                    hits.push((to.queue, Event { id: to.id, flags, data: to.data }));
                }
            }
        }
        for (queue, event) in &hits {
            if let Ok(queue) = self.queue(*queue) {
                queue.push(*event);
            }
        }
        hits.into_iter().map(|(queue, _)| queue).collect()
    }

    /// Forgets an object that is closed.
    pub(crate) fn forget(&self, scheme: usize, number: usize) {
        lock(&self.registry).remove(&(scheme, number));
    }

    fn register(&self, object: Object, queue: usize, event: &Event) {
        let mut registry = lock(&self.registry);
        let registrations = registry.entry(object).or_default();
        registrations.retain(|other| other.queue != queue || other.id != event.id);
        if !event.flags.is_empty() {
            let Event { id, flags, data } = *event;
            registrations.push(Registration { queue, id, data, flags });
        }
    }

    /// All that is wanted of an object.
    fn wanted(&self, object: Object) -> EventFlags {
        let registry = lock(&self.registry);
        let all = registry.get(&object).into_iter().flatten();
        all.fold(EventFlags::empty(), |sum, registration| sum | registration.flags)
    }

    /// Registers a descriptor, or with no flags forgets it; tells the scheme, and delivers what
    /// is ready already. EBADF for a number that is not open, or the queue's own.
    fn subscribe(&self, cx: &Cx, number: usize, event: &Event) -> Result<()> {
        let file = cx.task.file(event.id)?;
        let object = (file.scheme, file.number);
        if object == (scheme::EVENT, number) {
            return Err(Error::new(EBADF));
        }
        self.register(object, number, event);
        let scheme = scheme::get(file.scheme)?;
        let ready = scheme.fevent(cx, file.number, self.wanted(object))?;
        if !ready.is_empty() {
            self.trigger(object.0, object.1, ready);
        }
        Ok(())
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut inner = lock(&self.inner);
        inner.events.push_back(event);
        inner.waiters.wake_all();
    }

    fn set_timeout(&self, event: &Event) {
        lock(&self.inner).timeout_ms = (!event.flags.is_empty()).then_some(event.data);
    }

    /// Events, as many as there are and fit. Waits, or EAGAIN; EINTR. A timeout counts once and
    /// gives an event of its own.
    fn read(&self, cx: &Cx, to: Buffer, nonblock: bool) -> Result<usize> {
        let timeout = if nonblock { None } else { lock(&self.inner).timeout_ms.take() };
        let limit = timeout.map(|ms| Instant::now() + Duration::from_millis(ms as u64));
        loop {
            let mut inner = lock(&self.inner);
            if !inner.events.is_empty() {
                return Ok(inner.take(to));
            }
            if nonblock {
                return nothing_there(to);
            }
            inner.waiters.add(&cx.context);
            drop(inner);
            let why = cx.context.sleep(limit);
            if why == Wakeup::Ready {
                continue;
            }
            lock(&self.inner).waiters.remove(&cx.context);
            return match (why, timeout) {
                (Wakeup::Timeout, Some(data)) => Ok(to.write(&timed_out(data))),
                _ => Err(Error::new(EINTR)),
            };
        }
    }
}

fn timed_out(data: usize) -> Event {
    Event { id: EVENT_TIMEOUT_ID, flags: EventFlags::EVENT_READ, data }
}

fn nothing_there(to: Buffer) -> Result<usize> {
    match to.len() {
        0 => Ok(0),
        1..EVENT_SIZE => Err(Error::new(EINVAL)),
        _ => Err(Error::new(EAGAIN)),
    }
}

impl QueueInner {
    fn take(&mut self, to: Buffer) -> usize {
        let mut done = 0;
        for event in &self.events {
            let shown = to.skip(done).write(event);
            done += shown;
            if shown < EVENT_SIZE {
                break;
            }
        }
        self.events.drain(..done / EVENT_SIZE);
        done
    }
}

impl Scheme for Events {
    fn openat(
        &self,
        _cx: &Cx,
        number: usize,
        _path: &str,
        _flags: usize,
        _fcntl_flags: u32,
    ) -> Result<Opened> {
        if number != ROOT {
            return Err(Error::new(EACCES));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.queues).insert(number, Arc::default());
        Ok(Opened::Local { number, positioned: false })
    }

    fn read(&self, cx: &Cx, number: usize, to: Buffer, offset: u64, flags: u32) -> Result<usize> {
        no_position(offset)?;
        self.queue(number)?.read(cx, to, flags & O_NONBLOCK as u32 != 0)
    }

    fn write(
        &self,
        cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        _flags: u32,
    ) -> Result<usize> {
        no_position(offset)?;
        let queue = self.queue(number)?;
        let mut done = 0;
        while let Ok(words) = from.skip(done).array::<EVENT_SIZE>() {
            let event = decode(&words);
            match event.id {
                EVENT_TIMEOUT_ID => queue.set_timeout(&event),
                _ => self.subscribe(cx, number, &event)?,
            }
            done += EVENT_SIZE;
        }
        Ok(done)
    }

    fn fpath(&self, _cx: &Cx, _number: usize, to: Buffer) -> Result<usize> {
        Ok(to.write(b"/scheme/event/"))
    }

    fn fevent(&self, _cx: &Cx, number: usize, flags: EventFlags) -> Result<EventFlags> {
        let queue = self.queue(number)?;
        let mut ready = flags & EventFlags::EVENT_WRITE;
        if !lock(&queue.inner).events.is_empty() {
            ready |= flags & EventFlags::EVENT_READ;
        }
        Ok(ready)
    }

    fn close(&self, number: usize) -> Result<()> {
        for registrations in lock(&self.registry).values_mut() {
            registrations.retain(|registration| registration.queue != number);
        }
        lock(&self.queues).remove(&number);
        Ok(())
    }
}

fn decode(bytes: &[u8; EVENT_SIZE]) -> Event {
    let word = |n: usize| usize::from_ne_bytes(bytes.as_chunks().0[n]);
    Event { id: word(0), flags: EventFlags::from_bits_retain(word(1)), data: word(2) }
}
