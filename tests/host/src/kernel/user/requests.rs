//! The requests that a daemon gets, one kind a function.

use std::sync::Arc;

use syscall::data::Map;
use syscall::error::{EFAULT, EINVAL, EIO, EPERM, Error, Result};
use syscall::flag::{CallFlags, EventFlags, MunmapFlags, RecvFdFlags, SendFdFlags};
use syscall::schemev2::{Opcode, Sqe};

use super::calls::Answer;
use super::{UserScheme, ids, request};
use crate::kernel::description::{Description, Opened, positioned};
use crate::kernel::lend::Loan;
use crate::kernel::memory::{Buffer, PAGE};
use crate::kernel::mmap::Window;
use crate::kernel::process::{Cx, Pid};
use crate::kernel::scheme::{Scheme, StdFs, install_all};
use crate::kernel::space::Space;
use crate::sync::lock;

impl UserScheme {
    /// A request without memory that is answered by a word.
    fn words(&self, cx: &Cx, opcode: Opcode, args: &[u64]) -> Result<usize> {
        let sqe = self.request(cx, opcode, args);
        self.call(cx, sqe, Vec::new(), &mut Loan::nothing())?.word()
    }

    /// A request about memory: the handle, the memory, and more. The memory goes back before the
    /// answer is looked at.
    fn lending(
        &self,
        cx: &Cx,
        opcode: Opcode,
        number: usize,
        mut loan: Loan,
        rest: &[u64],
    ) -> Result<Answer> {
        let mut args = vec![number as u64, loan.addr(), loan.len()];
        args.extend_from_slice(rest);
        let sqe = self.request(cx, opcode, &args);
        let answer = self.call(cx, sqe, Vec::new(), &mut loan)?;
        loan.release()?;
        Ok(answer)
    }

    /// `SYS_CALL` and the standard file calls: three words, and no ids.
    fn bare(
        &self,
        cx: &Cx,
        opcode: Opcode,
        number: usize,
        payload: Buffer,
        words: [u64; 3],
    ) -> Result<Answer> {
        let mut loan = self.lend(cx, payload)?;
        let [m0, m1, m2] = words;
        let args = [number as u64, loan.addr(), loan.len(), m0, m1, m2];
        let sqe = request(cx.task.pid, opcode, &args);
        let answer = self.call(cx, sqe, Vec::new(), &mut loan)?;
        loan.release()?;
        Ok(answer)
    }

    /// A path request that is answered by a word.
    fn path(&self, cx: &Cx, opcode: Opcode, number: usize, path: &str, rest: &[u64]) -> Result<()> {
        let loan = self.lend_path(path)?;
        self.lending(cx, opcode, number, loan, rest)?.word().map(drop)
    }

    /// A message that has no answer.
    fn message(&self, pid: Pid, opcode: Opcode, number: usize) {
        self.post(request(pid, opcode, &[number as u64]));
    }

    /// The window that the daemon offers. EBUSY within one process, EINVAL for an address that is
    /// not aligned, EFAULT if the daemon did not get the memory from `mmap`.
    fn window(&self, cx: &Cx, number: usize, map: &Map) -> Result<Window> {
        self.check_alive()?;
        if self.is_creator(cx) {
            return Err(Error::new(syscall::error::EBUSY));
        }
        let args = [number, map.size, map.flags.bits(), map.offset].map(|arg| arg as u64);
        let addr = self.words(cx, Opcode::MmapPrep, &args)?;
        if !addr.is_multiple_of(PAGE) {
            return Err(Error::new(EINVAL));
        }
        match &self.creator.space {
            Space::Here => Ok(Window::At(addr)),
            Space::Own(own) => {
                let size = map.size.next_multiple_of(PAGE);
                own.find(addr, size).map(Window::Behind).ok_or(Error::new(EFAULT))
            }
        }
    }
}

/// What an answer to open or dup opened. EIO for several descriptors.
fn opened(answer: Answer) -> Result<Opened> {
    match answer {
        Answer::Word { result, extra, .. } => {
            let number = result?;
            Ok(Opened::Local { number, positioned: positioned(extra)? })
        }
        Answer::File(file) => Ok(Opened::Other(file)),
        Answer::Files(_) => Err(Error::new(EIO)),
    }
}

impl Scheme for UserScheme {
    fn openat(
        &self,
        cx: &Cx,
        number: usize,
        path: &str,
        flags: usize,
        fcntl_flags: u32,
    ) -> Result<Opened> {
        let loan = self.lend_path(path)?;
        let rest = [flags as u64, fcntl_flags.into()];
        opened(self.lending(cx, Opcode::OpenAt, number, loan, &rest)?)
    }

    fn dup(&self, cx: &Cx, number: usize, verb: Buffer) -> Result<Opened> {
        let loan = self.lend(cx, verb)?;
        opened(self.lending(cx, Opcode::Dup, number, loan, &[])?)
    }

    fn read(&self, cx: &Cx, number: usize, to: Buffer, offset: u64, flags: u32) -> Result<usize> {
        let loan = self.lend(cx, to)?;
        self.lending(cx, Opcode::Read, number, loan, &[offset, flags.into()])?.word()
    }

    fn write(
        &self,
        cx: &Cx,
        number: usize,
        from: Buffer,
        offset: u64,
        flags: u32,
    ) -> Result<usize> {
        let loan = self.lend(cx, from)?;
        self.lending(cx, Opcode::Write, number, loan, &[offset, flags.into()])?.word()
    }

    fn fpath(&self, cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        let loan = self.lend(cx, to)?;
        self.lending(cx, Opcode::Fpath, number, loan, &[])?.word()
    }

    fn fstat(&self, cx: &Cx, number: usize, to: Buffer) -> Result<usize> {
        let loan = self.lend(cx, to)?;
        self.lending(cx, Opcode::Fstat, number, loan, &[])?.word()
    }

    fn fsync(&self, cx: &Cx, number: usize) -> Result<()> {
        self.words(cx, Opcode::Fsync, &[number as u64]).map(drop)
    }

    fn fsize(&self, cx: &Cx, number: usize) -> Result<u64> {
        self.words(cx, Opcode::Fsize, &[number as u64]).map(|size| size as u64)
    }

    fn fchown(&self, cx: &Cx, number: usize, uid: u32, gid: u32) -> Result<()> {
        let own = uid == cx.task.uid && gid == cx.task.gid;
        if cx.task.uid != 0 && !own {
            return Err(Error::new(EPERM));
        }
        self.words(cx, Opcode::Fchown, &[number as u64, uid.into(), gid.into()]).map(drop)
    }

    fn fcntl(&self, cx: &Cx, number: usize, cmd: usize, arg: usize) -> Result<usize> {
        self.words(cx, Opcode::Fcntl, &[number as u64, cmd as u64, arg as u64])
    }

    fn fevent(&self, cx: &Cx, number: usize, flags: EventFlags) -> Result<EventFlags> {
        let ready = self.words(cx, Opcode::Fevent, &[number as u64, flags.bits() as u64])?;
        Ok(EventFlags::from_bits_truncate(ready))
    }

    fn flink(&self, cx: &Cx, number: usize, path: &str) -> Result<()> {
        self.path(cx, Opcode::Flink, number, path, &[])
    }

    fn frename(&self, cx: &Cx, number: usize, path: &str) -> Result<()> {
        self.path(cx, Opcode::Frename, number, path, &[])
    }

    fn unlinkat(&self, cx: &Cx, number: usize, path: &str, flags: usize) -> Result<()> {
        self.path(cx, Opcode::UnlinkAt, number, path, &[flags as u64])
    }

    fn fmap(&self, cx: &Cx, number: usize, map: &Map) -> Result<Window> {
        self.window(cx, number, map)
    }

    fn funmap(
        &self,
        cx: &Cx,
        number: usize,
        offset: usize,
        size: usize,
        flags: MunmapFlags,
    ) -> Result<()> {
        let args = [number, size, flags.bits(), offset].map(|arg| arg as u64);
        self.words(cx, Opcode::Munmap, &args).map(drop)
    }

    fn funmap_and_go(&self, pid: Pid, [uid, gid]: [u32; 2], number: usize, args: [u64; 3]) {
        let [size, flags, offset] = args;
        let args = [number as u64, size, flags, offset];
        let sqe = request(pid, Opcode::Munmap, &args);
        let tag = lock(&self.inner).calls.begin_orphan();
        let mut sqe = Sqe { tag, ..sqe };
        sqe.args[5] = ids(uid, gid);
        self.post(sqe);
    }

    fn call(&self, cx: &Cx, number: usize, payload: Buffer, metadata: &[u64]) -> Result<usize> {
        let mut words = [0; 3];
        words[..metadata.len()].copy_from_slice(metadata);
        self.bare(cx, Opcode::Call, number, payload, words)?.word()
    }

    fn std_fs(
        &self,
        cx: &Cx,
        file: &Arc<Description>,
        payload: Buffer,
        call: StdFs,
    ) -> Result<usize> {
        let words = [call.kind as u64, call.arg1, call.arg2];
        let answer = self.bare(cx, Opcode::StdFsCall, file.number, payload, words)?;
        if let Answer::Word { notify_on_detach, .. } = answer {
            file.update(|state| state.notify_on_detach = notify_on_detach);
        }
        answer.word()
    }

    fn fd_write(
        &self,
        cx: &Cx,
        number: usize,
        files: Vec<Arc<Description>>,
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        let mut how = SendFdFlags::empty();
        how.set(SendFdFlags::EXCLUSIVE, flags.contains(CallFlags::FD_EXCLUSIVE));
        let first = metadata.first().copied().unwrap_or(0);
        let args = [number as u64, how.bits() as u64, first, files.len() as u64];
        let sqe = self.request(cx, Opcode::Sendfd, &args);
        self.call(cx, sqe, files, &mut Loan::nothing())?.word()
    }

    fn fd_read(
        &self,
        cx: &Cx,
        number: usize,
        payload: Buffer,
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        if !payload.len().is_multiple_of(size_of::<usize>()) {
            return Err(Error::new(EINVAL));
        }
        let mut how = RecvFdFlags::empty();
        how.set(RecvFdFlags::UPPER_TBL, flags.contains(CallFlags::FD_UPPER));
        let count = (payload.len() / size_of::<usize>()) as u64;
        let word = |n: usize| metadata.get(n).copied().unwrap_or(0);
        let args = [number as u64, how.bits() as u64, count, word(0), word(1)];
        let sqe = self.request(cx, Opcode::Recvfd, &args);
        match self.call(cx, sqe, Vec::new(), &mut Loan::nothing())? {
            Answer::Word { result: Err(error), .. } => Err(error),
            Answer::Word { .. } | Answer::File(_) => Err(Error::new(EIO)),
            Answer::Files(files) => install_all(cx, files, payload),
        }
    }

    fn close(&self, number: usize) -> Result<()> {
        self.message(0, Opcode::CloseMsg, number);
        Ok(())
    }

    fn detach(&self, pid: Pid, number: usize) -> Result<()> {
        self.message(pid, Opcode::Detach, number);
        Ok(())
    }
}
