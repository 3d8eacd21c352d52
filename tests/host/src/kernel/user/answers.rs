//! What a daemon writes to its socket.

use syscall::error::{EINVAL, ENOENT, Error, Result};
use syscall::flag::{EventFlags, FobtainFdFlags};
use syscall::schemev2::{Cqe, CqeOpcode};

use super::UserScheme;
use super::calls::Answer;
use crate::kernel::events;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;
use crate::sync::lock;

const CQE_SIZE: usize = size_of::<Cqe>();
const OPCODE_MASK: u8 = 0b111;

/// Reads an answer from its bytes.
fn decode(bytes: &[u8; CQE_SIZE]) -> Cqe {
    let mut cqe = Cqe::default();
    cqe.copy_from_slice(bytes);
    cqe
}

impl UserScheme {
    /// Takes answers in order, up to the first that is refused: the bytes taken, or the refusal
    /// if nothing was.
    pub(crate) fn write(&self, cx: &Cx, from: Buffer) -> Result<usize> {
        let mut done = 0;
        while let Ok(bytes) = from.skip(done).array() {
            match self.take_answer(cx, &decode(&bytes)) {
                Ok(()) => done += CQE_SIZE,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn take_answer(&self, cx: &Cx, cqe: &Cqe) -> Result<()> {
        let invalid = Error::new(EINVAL);
        match CqeOpcode::try_from_raw(cqe.flags & OPCODE_MASK).ok_or(invalid)? {
            CqeOpcode::RespondRegular => self.answer(cqe.tag, word(cqe, false)),
            CqeOpcode::RespondAndNotifyOnDetach => self.answer(cqe.tag, word(cqe, true)),
            CqeOpcode::RespondWithMultipleFds => self.answer(cqe.tag, Answer::Files(Vec::new())),
            CqeOpcode::RespondWithFd => {
                let taken = cx.task.table(|table| table.take(cqe.result as usize));
                self.answer(cqe.tag, Answer::File(taken.map_err(|_| invalid)?))
            }
            CqeOpcode::SendFevent => {
                let flags = EventFlags::from_bits(cqe.tag as usize).ok_or(invalid)?;
                events().trigger(self.id, cqe.result as usize, flags);
                Ok(())
            }
            CqeOpcode::ObtainFd => {
                FobtainFdFlags::from_bits(cqe.extra() as usize).ok_or(invalid)?;
                self.obtain_first(cx, cqe.tag, cqe.result as usize)
            }
        }
    }

    fn answer(&self, tag: u32, answer: Answer) -> Result<()> {
        let rest = lock(&self.inner).calls.answer(tag, answer)?;
        for file in rest {
            // As on Redox: nobody is left to hear of trouble with it.
            let _ = file.close();
        }
        Ok(())
    }

    /// Takes the first descriptor that came with a request. EINVAL for a tag that is not in use,
    /// ENOENT if there is none; without a free number the descriptor is lost, as on Redox.
    fn obtain_first(&self, cx: &Cx, tag: u32, fd: usize) -> Result<()> {
        let file = {
            let mut inner = lock(&self.inner);
            let files = inner.calls.files(tag as usize).ok_or(Error::new(EINVAL))?;
            let files = files.filter(|files| !files.is_empty()).ok_or(Error::new(ENOENT))?;
            files.remove(0)
        };
        cx.task.table(|table| {
            if table.reserve_at(fd).is_ok() {
                let _ = table.fill(fd, file);
            }
        });
        Ok(())
    }
}

fn word(cqe: &Cqe, notify_on_detach: bool) -> Answer {
    let result = match cqe.result as u32 {
        // An address may be this, of which there is no negative.
        0x8000_0000 => Ok(cqe.result as usize),
        _ => Error::demux(cqe.result as usize),
    };
    Answer::Word { result, extra: cqe.extra_raw[0], notify_on_detach }
}
