//! The calls that wait, by tag.

use std::sync::Arc;

use syscall::error::{ECANCELED, EINTR, EINVAL, EIO, Error, Result};

use super::unknown_tag;
use crate::kernel::context::Context;
use crate::kernel::description::Description;
use crate::kernel::lend::Pages;

/// A daemon's answer.
pub(super) enum Answer {
    Word { result: Result<usize>, extra: u8, notify_on_detach: bool },
    File(Arc<Description>),
    Files(Vec<Arc<Description>>),
}

impl Answer {
    /// EIO for an answer with a descriptor, where only a word will do.
    pub(super) fn word(self) -> Result<usize> {
        match self {
            Answer::Word { result, .. } => result,
            Answer::File(_) | Answer::Files(_) => Err(Error::new(EIO)),
        }
    }
}

enum Call {
    /// A tag that nobody uses.
    Free,
    Waiting(Waiting),
    /// Answered; the caller has not yet looked.
    Answered(Answer),
}

struct Waiting {
    /// None if the caller is dead.
    caller: Option<Arc<Context>>,
    files: Vec<Arc<Description>>,
    canceling: bool,
    /// Pages that a dead caller left on loan.
    _leftover: Option<Pages>,
}

/// Calls by tag. Tags are small, and used again.
#[derive(Default)]
pub(super) struct Calls {
    slots: Vec<Call>,
    free: Vec<u32>,
}

impl Calls {
    /// A new call's tag.
    pub(super) fn begin(&mut self, caller: &Arc<Context>, files: Vec<Arc<Description>>) -> u32 {
        let caller = Some(Arc::clone(caller));
        let call = Waiting { caller, files, canceling: false, _leftover: None };
        self.insert(Call::Waiting(call))
    }

    /// A tag for a caller that won't wait.
    pub(super) fn begin_orphan(&mut self) -> u32 {
        let call = Waiting { caller: None, files: Vec::new(), canceling: false, _leftover: None };
        self.insert(Call::Waiting(call))
    }

    fn insert(&mut self, call: Call) -> u32 {
        match self.free.pop() {
            Some(tag) => {
                self.slots[tag as usize] = call;
                tag
            }
            None => {
                self.slots.push(call);
                (self.slots.len() - 1) as u32
            }
        }
    }

    fn slot(&mut self, tag: usize) -> Option<&mut Call> {
        self.slots.get_mut(tag).filter(|call| !matches!(call, Call::Free))
    }

    fn waiting(&mut self, tag: u32) -> Option<&mut Waiting> {
        match self.slot(tag as usize) {
            Some(Call::Waiting(call)) => Some(call),
            _ => None,
        }
    }

    fn remove(&mut self, tag: u32) -> Call {
        self.free.push(tag);
        std::mem::replace(&mut self.slots[tag as usize], Call::Free)
    }

    /// The answer, if there is one; the tag is free then.
    pub(super) fn collect(&mut self, tag: u32) -> Option<Answer> {
        if !matches!(self.slot(tag as usize), Some(Call::Answered(_))) {
            return None;
        }
        match self.remove(tag) {
            Call::Answered(answer) => Some(answer),
            Call::Free | Call::Waiting(_) => None,
        }
    }

    /// The caller dies. Its pages stay until the answer.
    pub(super) fn orphan(&mut self, tag: u32, pages: Option<Pages>) {
        match self.waiting(tag) {
            Some(call) => {
                call.caller = None;
                call._leftover = pages;
            }
            None => drop(self.collect(tag)),
        }
    }

    /// Notes that the caller wants out; says whether that is news.
    pub(super) fn cancel(&mut self, tag: u32) -> bool {
        self.waiting(tag).is_some_and(|call| !std::mem::replace(&mut call.canceling, true))
    }

    /// The descriptors with a call. None if the tag is not in use; `Some(None)` if the call is
    /// answered.
    pub(super) fn files(&mut self, tag: usize) -> Option<Option<&mut Vec<Arc<Description>>>> {
        Some(match self.slot(tag)? {
            Call::Waiting(call) => Some(&mut call.files),
            _ => None,
        })
    }

    /// Answers a call. Gives back the descriptors that the daemon never took, to be closed.
    ///
    /// EBADFD for a tag that is not in use, EINVAL for one that is answered.
    pub(super) fn answer(&mut self, tag: u32, answer: Answer) -> Result<Vec<Arc<Description>>> {
        let call = match self.slot(tag as usize) {
            None => return Err(unknown_tag()),
            Some(Call::Waiting(call)) => call,
            Some(_) => return Err(Error::new(EINVAL)),
        };
        let files = std::mem::take(&mut call.files);
        let (answer, rest) = match answer {
            Answer::Files(_) => (Answer::Files(files), Vec::new()),
            other => (translate(other, call.canceling), files),
        };
        match call.caller.take() {
            Some(caller) => {
                self.slots[tag as usize] = Call::Answered(answer);
                caller.wake();
            }
            None => drop(self.remove(tag)),
        }
        Ok(rest)
    }
}

/// "Cancelled" becomes EINTR for a caller that was interrupted, and EINTR becomes EIO for one
/// that was not.
fn translate(answer: Answer, canceling: bool) -> Answer {
    let Answer::Word { result: Err(error), extra, notify_on_detach } = answer else {
        return answer;
    };
    let errno = match error.errno {
        ECANCELED if canceling => EINTR,
        EINTR if !canceling => EIO,
        other => other,
    };
    Answer::Word { result: Err(Error::new(errno)), extra, notify_on_detach }
}

#[cfg(test)]
mod tests {
    use syscall::error::{EBADFD, ENOENT};

    use super::*;
    use crate::kernel::context::Bell;

    fn word(result: Result<usize>) -> Answer {
        Answer::Word { result, extra: 0, notify_on_detach: false }
    }

    fn begin(calls: &mut Calls) -> u32 {
        calls.begin(&Context::new(Arc::default(), Box::<Bell>::default()), Vec::new())
    }

    fn answer(calls: &mut Calls, tag: u32, result: Result<usize>) -> Result<()> {
        calls.answer(tag, word(result)).map(drop)
    }

    #[test]
    fn a_second_answer_is_einval_until_the_first_is_collected_and_ebadfd_afterwards() {
        let mut calls = Calls::default();
        let tag = begin(&mut calls);
        answer(&mut calls, tag, Ok(1)).unwrap();
        assert_eq!(answer(&mut calls, tag, Ok(2)), Err(Error::new(EINVAL)));
        assert_eq!(calls.collect(tag).unwrap().word(), Ok(1));
        assert_eq!(answer(&mut calls, tag, Ok(3)), Err(Error::new(EBADFD)));
    }

    #[test]
    fn tags_are_used_again() {
        let mut calls = Calls::default();
        let (first, second) = (begin(&mut calls), begin(&mut calls));
        assert_eq!((first, second), (0, 1));
        answer(&mut calls, first, Ok(0)).unwrap();
        assert_eq!(begin(&mut calls), 2);
        drop(calls.collect(first));
        assert_eq!(begin(&mut calls), 0);
    }

    #[test]
    fn cancelled_is_eintr_only_after_a_cancellation() {
        let mut calls = Calls::default();
        let tag = begin(&mut calls);
        assert!(calls.cancel(tag));
        assert!(!calls.cancel(tag));
        answer(&mut calls, tag, Err(Error::new(ECANCELED))).unwrap();
        assert_eq!(calls.collect(tag).unwrap().word(), Err(Error::new(EINTR)));
        let tag = begin(&mut calls);
        answer(&mut calls, tag, Err(Error::new(ECANCELED))).unwrap();
        assert_eq!(calls.collect(tag).unwrap().word(), Err(Error::new(ECANCELED)));
    }

    #[test]
    fn eintr_without_cancellation_is_eio() {
        let mut calls = Calls::default();
        let tag = begin(&mut calls);
        answer(&mut calls, tag, Err(Error::new(EINTR))).unwrap();
        assert_eq!(calls.collect(tag).unwrap().word(), Err(Error::new(EIO)));
    }

    #[test]
    fn an_answer_to_a_dead_caller_succeeds_and_frees_the_tag() {
        let mut calls = Calls::default();
        let tag = begin(&mut calls);
        calls.orphan(tag, None);
        answer(&mut calls, tag, Err(Error::new(ENOENT))).unwrap();
        assert_eq!(answer(&mut calls, tag, Ok(0)), Err(Error::new(EBADFD)));
    }
}
