//! The ports that a message keeps alive.

use alloc::{boxed::Box, sync::Arc};

use crate::{port::Port, status::Errno};

/// Ports outside the first stack that one message may be forwarded to.
const MAX_HOLDS: usize = 8;

type Others<B> = [Option<Arc<dyn Port<B>>>; MAX_HOLDS - 1];

/// The port that a message was sent to, and those that it was forwarded to.
pub(crate) struct Holds<B: 'static> {
    first: Option<Arc<dyn Port<B>>>,
    /// Room that few messages need, which those keep.
    others: Option<Box<Others<B>>>,
}

impl<B> Holds<B> {
    pub(crate) const fn none() -> Holds<B> {
        Holds { first: None, others: None }
    }

    /// Keeps `port` alive until the sender has the message back. `ELOOP` where that would be too
    /// many.
    pub(crate) fn hold(&mut self, port: &Arc<dyn Port<B>>) -> Result<(), Errno> {
        let others = self.others.iter().flat_map(|others| others.iter());
        let mut held = core::iter::once(&self.first).chain(others).flatten();
        if held.any(|held| Arc::ptr_eq(held, port)) {
            return Ok(());
        }
        *self.free().ok_or(Errno::ELOOP)? = Some(Arc::clone(port));
        Ok(())
    }

    fn free(&mut self) -> Option<&mut Option<Arc<dyn Port<B>>>> {
        if self.first.is_none() {
            return Some(&mut self.first);
        }
        let others = self.others.get_or_insert_with(|| Box::new([const { None }; MAX_HOLDS - 1]));
        others.iter_mut().find(|place| place.is_none())
    }

    /// The message is its sender's again.
    pub(crate) fn let_go(&mut self) {
        self.first = None;
        if let Some(others) = &mut self.others {
            **others = [const { None }; MAX_HOLDS - 1];
        }
    }
}
