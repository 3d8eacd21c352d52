//! What is back at a send right, and not read yet.

use std::collections::VecDeque;

use agent::{Access, Errno};
use client::record::{Flags, RECORD, Record};

use super::letter::Charge;
use crate::socket::Ask;

/// What is back, and not read yet.
#[derive(Default)]
pub(super) struct Back {
    urgent: VecDeque<Reply>,
    others: VecDeque<Reply>,
}

pub(super) struct Reply {
    pub(super) record: Record,
    pub(super) data: Vec<u8>,
    /// Given back once it is read.
    pub(super) _charge: Option<Charge>,
}

impl Back {
    pub(super) fn len(&self) -> usize {
        self.urgent.len() + self.others.len()
    }

    pub(super) fn push(&mut self, reply: Reply) {
        let urgent = reply.record.flags.contains(Flags::PRIORITY);
        if urgent { &mut self.urgent } else { &mut self.others }.push_back(reply);
    }

    /// Puts as many replies into the request's buffer as fit: the bytes of them, 0 where there
    /// is none. `EINVAL` for a buffer that no record fits into, `EMSGSIZE` for one that the next
    /// does not.
    pub(super) fn fill(&mut self, ask: &Ask) -> Result<usize, Errno> {
        let payload = ask.payload(Access::FILL);
        if payload.len() < RECORD {
            return Err(Errno::EINVAL);
        }
        let mut at = 0;
        loop {
            let lane = if self.urgent.is_empty() { &mut self.others } else { &mut self.urgent };
            let Some(reply) = lane.front() else { return Ok(at) };
            if payload.len() - at < RECORD + reply.data.len() {
                return if at == 0 { Err(Errno::EMSGSIZE) } else { Ok(at) };
            }
            payload.copy_in(at, &reply.record.to_bytes())?;
            if !reply.data.is_empty() {
                payload.copy_in(at + RECORD, &reply.data)?;
            }
            at += RECORD + reply.data.len();
            lane.pop_front();
        }
    }
}
