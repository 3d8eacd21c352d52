//! What is written to a send right: records, each checked, accepted or refused by itself.

use std::{collections::btree_map::Entry, sync::Arc};

use agent::{Access, Errno, Message, ReplyPort, Status};
use client::record::{Flags, MAX_DATA, RECORD, Record, Verb, View};

use super::{
    back::Reply,
    letter::Letter,
    right::{May, Right},
};
use crate::{
    handle::lock,
    socket::{Ask, Payload},
};

impl Right {
    /// Sends the records in the request's buffer: the bytes of those that were accepted.
    pub(crate) fn write(self: &Arc<Right>, ask: &Ask) -> Result<usize, Errno> {
        self.need(May::SEND)?;
        let payload = ask.payload(Access::FETCH);
        let _several = (payload.len() > RECORD).then(|| self.port.several());
        let mut at = 0;
        while at < payload.len() {
            match self.accept(&payload, at, ask.pid()) {
                Ok(bytes) => at += bytes,
                Err(errno) => {
                    // That there is room is news again, once there is.
                    self.tell();
                    return if at == 0 { Err(errno) } else { Ok(at) };
                }
            }
        }
        Ok(at)
    }

    /// Accepts the record at `at`: its bytes, data included. `EPROTO` where that is not all
    /// there; `EAGAIN`, `ENOMEM` where there is no room for the reply.
    fn accept(
        self: &Arc<Right>,
        payload: &Payload<'_>,
        at: usize,
        pid: u32,
    ) -> Result<usize, Errno> {
        let mut head = [0; RECORD];
        payload.copy_out(at, &mut head).map_err(|_| Errno::EPROTO)?;
        let view = View::new(&head).ok_or(Errno::EPROTO)?;
        let end = at.checked_add(RECORD + view.len()).filter(|end| *end <= payload.len());
        let bytes = end.ok_or(Errno::EPROTO)? - at;
        match view.parse().and_then(|record| self.check(record)) {
            Ok(record) if record.verb == Verb::Abort => {
                self.abort(record.id);
            }
            Ok(record) => {
                self.send(record, copy_of(payload, at + RECORD, view.len())?, pid)?;
            }
            Err(errno) => self.refuse(view.id(), errno)?,
        }
        Ok(bytes)
    }

    /// What is wrong with a record that a sender wrote.
    fn check(&self, record: Record) -> Result<Record, Errno> {
        let allowed = match record.verb {
            Verb::Send => Flags::PRIORITY | Flags::DROPPABLE,
            Verb::Abort if record.len == 0 => Flags::empty(),
            Verb::Abort => return Err(Errno::EPROTO),
            _ => return Err(Errno::EOPNOTSUPP),
        };
        let theirs = [record.uid, record.gid, record.pid] == [0; 3] && record.status == Status::OK;
        if !theirs || !allowed.contains(record.flags) {
            return Err(Errno::EPROTO);
        }
        if record.len.max(record.room) as usize > MAX_DATA {
            return Err(Errno::EMSGSIZE);
        }
        if record.flags.contains(Flags::PRIORITY) && !self.may.contains(May::PRIORITY) {
            return Err(Errno::EPERM);
        }
        Ok(record)
    }

    /// A bad record's error comes as its own reply.
    fn refuse(&self, id: u64, errno: Errno) -> Result<(), Errno> {
        let (flags, status) = (Flags::REFUSED, errno.into());
        let record = Record { flags, status, ..Record::new(Verb::Reply, id) };
        {
            let state = &mut *lock(&self.state);
            self.check_room(state)?;
            let charge = Some(self.account.charge(0)?);
            state.back.push(Reply { record, data: Vec::new(), _charge: charge });
        }
        self.pump();
        Ok(())
    }

    fn send(self: &Arc<Right>, record: Record, data: Vec<u8>, pid: u32) -> Result<(), Errno> {
        let droppable = record.flags.contains(Flags::DROPPABLE);
        let charge = self.account.charge(data.len().max(record.room as usize))?;
        let fill = |letter: &mut Letter| {
            letter.words = record.words;
            letter.data = data;
            letter.room = record.room;
            letter.flags = record.flags;
            letter.id = record.id;
            letter.from = self.cred;
            letter.pid = pid;
            letter.charge = Some(charge);
        };
        let priority = record.flags.contains(Flags::PRIORITY);
        let Some(message) = self.enter(record.id, fill, priority)? else {
            return self.refuse(record.id, Errno::EEXIST);
        };
        let reply = Arc::clone(self) as Arc<dyn ReplyPort<Letter>>;
        if droppable {
            self.port.send_droppable(message, &reply);
        } else {
            self.port.send(message, &reply);
        }
        Ok(())
    }

    /// A message of this id, noted as away; `None` where one of that id is.
    fn enter(
        &self,
        id: u64,
        fill: impl FnOnce(&mut Letter),
        priority: bool,
    ) -> Result<Option<Message<Letter>>, Errno> {
        let state = &mut *lock(&self.state);
        self.check_room(state)?;
        let Entry::Vacant(place) = state.sends.entry(id) else { return Ok(None) };
        // What was used before is empty.
        let spare = state.spare.pop();
        let mut message = spare.unwrap_or_else(|| Message::new(Letter::default()));
        fill(message.body_mut());
        if let Some(holder) = &state.holder {
            message.body_mut().holder = Some(Arc::clone(holder));
        }
        message.set_priority(priority);
        place.insert(message.ticket());
        Ok(Some(message))
    }
}

/// The data behind a record: mostly none.
fn copy_of(payload: &Payload<'_>, at: usize, len: usize) -> Result<Vec<u8>, Errno> {
    let mut data = vec![0; len];
    if len > 0 {
        payload.copy_out(at, &mut data)?;
    }
    Ok(data)
}
