//! Pipes: bytes one way, and descriptors.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use syscall::data::Stat;
use syscall::error::{EAGAIN, EBADF, EINTR, EINVAL, ENOENT, EPIPE, Error, Result};
use syscall::flag::{CallFlags, EventFlags, MODE_FIFO, O_NONBLOCK};

use super::context::{Waiters, Wakeup};
use super::description::{Description, Opened};
use super::events;
use super::memory::Buffer;
use super::process::Cx;
use super::scheme::{self, Scheme, install_all, no_position};
use super::table::MAX_FILES;
use crate::sync::lock;

/// The number of the scheme's root.
pub(crate) const ROOT: usize = usize::MAX & !WRITER;
/// The bit that tells a pipe's writing end.
const WRITER: usize = 1;
const CAPACITY: usize = 65_536;

#[derive(Default)]
struct Pipe {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    bytes: VecDeque<u8>,
    files: VecDeque<Arc<Description>>,
    reader_gone: bool,
    writer_gone: bool,
    writer_made: bool,
    waiters: Waiters,
}

/// The pipes by number; the writing end has the odd one.
#[derive(Default)]
pub(crate) struct PipeScheme {
    pipes: Mutex<HashMap<usize, Arc<Pipe>>>,
    next: AtomicUsize,
}

impl PipeScheme {
    fn pipe(&self, number: usize) -> Result<Arc<Pipe>> {
        lock(&self.pipes).get(&(number & !WRITER)).cloned().ok_or(Error::new(EBADF))
    }

    /// The pipe of a reading end, or of a writing one. EBADF for the wrong end.
    fn end(&self, number: usize, writer: bool) -> Result<Arc<Pipe>> {
        if is_writer(number) != writer {
            return Err(Error::new(EBADF));
        }
        self.pipe(number)
    }

    fn new_pipe(&self) -> Opened {
        let number = self.next.fetch_add(2, Ordering::Relaxed);
        lock(&self.pipes).insert(number, Arc::default());
        Opened::Local { number, positioned: false }
    }

    /// The writing end, once a pipe. EBADF the second time.
    fn writing_end(&self, number: usize) -> Result<Opened> {
        let pipe = self.pipe(number)?;
        if std::mem::replace(&mut lock(&pipe.inner).writer_made, true) {
            return Err(Error::new(EBADF));
        }
        Ok(Opened::Local { number: number | WRITER, positioned: false })
    }
}

fn is_writer(number: usize) -> bool {
    number & WRITER != 0
}

/// Tells both who sleeps at the pipe and who watches its other end.
fn announce(inner: &mut Inner, number: usize, flags: EventFlags) {
    inner.waiters.wake_all();
    events().trigger(scheme::PIPE, number, flags);
}

impl Pipe {
    /// Does `step` until it gives something, sleeping in between. EINTR.
    fn wait<T>(&self, cx: &Cx, mut step: impl FnMut(&mut Inner) -> Option<Result<T>>) -> Result<T> {
        loop {
            let mut inner = lock(&self.inner);
            if let Some(done) = step(&mut inner) {
                return done;
            }
            inner.waiters.add(&cx.context);
            drop(inner);
            if cx.context.sleep(None) != Wakeup::Ready {
                lock(&self.inner).waiters.remove(&cx.context);
                return Err(Error::new(EINTR));
            }
        }
    }
}

impl Inner {
    fn read(&mut self, number: usize, to: &Buffer, nonblock: bool) -> Option<Result<usize>> {
        let count = self.bytes.len().min(to.len());
        if count > 0 {
            let bytes: Vec<u8> = self.bytes.drain(..count).collect();
            to.write(&bytes);
            announce(self, number | WRITER, EventFlags::EVENT_WRITE);
            return Some(Ok(count));
        }
        if to.is_empty() || self.writer_gone {
            return Some(Ok(0));
        }
        nonblock.then_some(Err(Error::new(EAGAIN)))
    }

    fn write(&mut self, number: usize, from: &Buffer, nonblock: bool) -> Option<Result<usize>> {
        if self.reader_gone {
            return Some(Err(Error::new(EPIPE)));
        }
        let count = CAPACITY.saturating_sub(self.bytes.len()).min(from.len());
        if count > 0 {
            let mut bytes = vec![0; count];
            from.read(&mut bytes);
            self.bytes.extend(bytes);
            announce(self, number & !WRITER, EventFlags::EVENT_READ);
            return Some(Ok(count));
        }
        if from.is_empty() {
            return Some(Ok(0));
        }
        nonblock.then_some(Err(Error::new(EAGAIN)))
    }

    fn send(&mut self, number: usize, files: &mut Vec<Arc<Description>>) -> Option<Result<usize>> {
        if self.reader_gone {
            return Some(Err(Error::new(EPIPE)));
        }
        let room = MAX_FILES.saturating_sub(self.files.len()).min(files.len());
        if room == 0 {
            return files.is_empty().then_some(Ok(0));
        }
        self.files.extend(files.drain(..room));
        announce(self, number & !WRITER, EventFlags::EVENT_READ);
        Some(Ok(room))
    }

    fn receive(&mut self, number: usize, wanted: usize) -> Option<Result<Vec<Arc<Description>>>> {
        let count = self.files.len().min(wanted);
        if count > 0 {
            let files = self.files.drain(..count).collect();
            announce(self, number | WRITER, EventFlags::EVENT_WRITE);
            return Some(Ok(files));
        }
        self.writer_gone.then(|| Ok(Vec::new()))
    }
}

fn nonblock(flags: u32) -> bool {
    flags & O_NONBLOCK as u32 != 0
}

impl Scheme for PipeScheme {
    fn openat(
        &self,
        _cx: &Cx,
        number: usize,
        path: &str,
        _flags: usize,
        _fcntl_flags: u32,
    ) -> Result<Opened> {
        if number != ROOT {
            let pipe = number & !WRITER;
            self.pipe(pipe)?;
            return if path == "write" { self.writing_end(pipe) } else { Err(Error::new(EINVAL)) };
        }
        match path.trim_start_matches('/') {
            "" => Ok(self.new_pipe()),
            _ => Err(Error::new(ENOENT)),
        }
    }

    fn dup(&self, _cx: &Cx, number: usize, verb: Buffer) -> Result<Opened> {
        if is_writer(number) {
            return Err(Error::new(EBADF));
        }
        match &verb.array()? {
            b"write" => self.writing_end(number),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn read(&self, cx: &Cx, number: usize, to: Buffer, offset: u64, flags: u32) -> Result<usize> {
        no_position(offset)?;
        let pipe = self.end(number, false)?;
        pipe.wait(cx, |inner| inner.read(number, &to, nonblock(flags)))
    }

    fn write(
        &self,
        cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        flags: u32,
    ) -> Result<usize> {
        no_position(offset)?;
        let pipe = self.end(number, true)?;
        pipe.wait(cx, |inner| inner.write(number, &from, nonblock(flags)))
    }

    fn fpath(&self, _cx: &Cx, _number: usize, to: Buffer) -> Result<usize> {
        Ok(to.write(b"/scheme/pipe/"))
    }

    fn fstat(&self, _cx: &Cx, _number: usize, to: Buffer) -> Result<usize> {
        to.write(&Stat { st_mode: MODE_FIFO | 0o666, ..Stat::default() });
        Ok(0)
    }

    fn fevent(&self, _cx: &Cx, number: usize, flags: EventFlags) -> Result<EventFlags> {
        let pipe = self.pipe(number)?;
        let inner = lock(&pipe.inner);
        let ready = match is_writer(number) {
            true if inner.bytes.len() < CAPACITY || inner.reader_gone => EventFlags::EVENT_WRITE,
            false if !inner.bytes.is_empty() || inner.writer_gone => EventFlags::EVENT_READ,
            _ => EventFlags::empty(),
        };
        Ok(ready & flags)
    }

    fn fd_write(
        &self,
        cx: &Cx,
        number: usize,
        mut files: Vec<Arc<Description>>,
        _flags: CallFlags,
        _metadata: &[u64],
    ) -> Result<usize> {
        let pipe = self.end(number, true)?;
        pipe.wait(cx, |inner| inner.send(number, &mut files))
    }

    fn fd_read(
        &self,
        cx: &Cx,
        number: usize,
        payload: Buffer,
        flags: CallFlags,
        _metadata: &[u64],
    ) -> Result<usize> {
        let pipe = self.end(number, false)?;
        let wanted = payload.len() / size_of::<usize>();
        if payload.is_empty() {
            return Ok(0);
        }
        let files = pipe.wait(cx, |inner| inner.receive(number, wanted))?;
        let count = files.len();
        // As on Redox: only the upper table is filled. Without the flag they are lost.
        if count > 0 && flags.contains(CallFlags::FD_UPPER) {
            install_all(cx, files, payload)?;
        }
        Ok(count)
    }

    fn close(&self, number: usize) -> Result<()> {
        if number == ROOT {
            return Ok(());
        }
        let pipe = self.pipe(number)?;
        let mut inner = lock(&pipe.inner);
        if is_writer(number) {
            inner.writer_gone = true;
            announce(&mut inner, number & !WRITER, EventFlags::EVENT_READ);
        } else {
            inner.reader_gone = true;
            announce(&mut inner, number | WRITER, EventFlags::EVENT_WRITE);
        }
        if inner.reader_gone && inner.writer_gone {
            lock(&self.pipes).remove(&(number & !WRITER));
        }
        Ok(())
    }
}
