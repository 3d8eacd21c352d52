//! A port that a process made: its queue, who receives from it, who may send to it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use agent::{Errno, Message, MessageId, Port, ReplyPort, SpinPort, Watch};
use driver::{Attr, Cred, FileKind, OpenFlags, Rights, SetAttr};

use super::{
    batches::Batches,
    letter::{Account, Letter},
    listeners::Listeners,
    locks::{Holder, Locks},
    pushed::PushedBack,
    receive::Receive,
    right::Right,
};
use crate::{
    handle::{Mutex, lock},
    place::now,
};

/// Messages that wait at one port.
pub(crate) const MAX_QUEUED: usize = 4096;
/// The bit of a port's mode that says that its openers are connected directly.
const DIRECT: u16 = 0o1000;

/// A port, made by the open of a name.
pub(crate) struct UserPort {
    /// The name that it was made by.
    pub(crate) path: Vec<u8>,
    queue: Arc<SpinPort<Letter>>,
    /// Where messages go: there, or to the service's own locks.
    target: Arc<dyn Port<Letter>>,
    /// The port is the service's, and these are what is there.
    locks: Option<Arc<Locks>>,
    attr: Mutex<Attr>,
    receivers: Mutex<HashMap<u64, Weak<Receive>>>,
    /// Those that want to hear of the next message.
    listening: Listeners<Weak<Receive>>,
    /// Rights, by their tokens.
    pushed_back: PushedBack<Weak<Right>>,
    /// Those who put several messages in and ring afterwards.
    batches: Batches,
}

/// Messages come until this goes: then it rings, once for all.
pub(crate) struct Several<'a>(&'a UserPort);

impl Drop for Several<'_> {
    fn drop(&mut self) {
        self.0.batches.end(|| self.0.ring());
    }
}

struct Bell(Weak<UserPort>);

impl Watch for Bell {
    fn queued(&self) {
        if let Some(port) = self.0.upgrade() {
            port.batches.queued(|| port.ring());
        }
    }

    fn aborted(&self, id: MessageId) {
        if let Some(port) = self.0.upgrade() {
            port.each(|receive| receive.aborted(id));
        }
    }
}

impl UserPort {
    pub(crate) fn new(serial: u64, path: Vec<u8>, owner: Cred, mode: u16) -> Arc<UserPort> {
        UserPort::with(serial, path, owner, mode, None)
    }

    /// A port at which the service itself answers who asks for locks.
    pub(crate) fn of_locks(serial: u64, path: Vec<u8>, locks: Arc<Locks>) -> Arc<UserPort> {
        UserPort::with(serial, path, Cred::ROOT, 0o666, Some(locks))
    }

    fn with(
        serial: u64,
        path: Vec<u8>,
        owner: Cred,
        mode: u16,
        locks: Option<Arc<Locks>>,
    ) -> Arc<UserPort> {
        let time = now();
        let (atime, mtime, ctime) = (time, time, time);
        let kind = FileKind::Socket;
        let attr = Attr {
            inode: serial,
            kind,
            mode,
            links: 1,
            uid: owner.uid,
            gid: owner.gid,
            atime,
            mtime,
            ctime,
            ..Attr::default()
        };
        Arc::new_cyclic(|this| {
            let queue = SpinPort::watched(MAX_QUEUED, Arc::new(Bell(Weak::clone(this))));
            UserPort {
                path,
                target: match &locks {
                    Some(locks) => Arc::clone(locks) as Arc<dyn Port<Letter>>,
                    None => Arc::clone(&queue) as Arc<dyn Port<Letter>>,
                },
                queue,
                locks,
                attr: Mutex::new(attr),
                receivers: Mutex::default(),
                listening: Listeners::new(),
                pushed_back: PushedBack::new(),
                batches: Batches::new(),
            }
        })
    }

    pub(crate) fn attr(&self) -> Attr {
        let size = self.queue.len() as u64;
        Attr { size, ..*lock(&self.attr) }
    }

    pub(crate) fn owner(&self) -> u32 {
        lock(&self.attr).uid
    }

    pub(crate) fn is_direct(&self) -> bool {
        lock(&self.attr).mode & DIRECT != 0
    }

    pub(crate) fn set_attr(&self, set: SetAttr, cred: Cred) -> Result<(), Errno> {
        set.apply(&mut lock(&self.attr), cred, now())
    }

    /// Permission to open the port: to write is to send, and else it is only looked at.
    pub(crate) fn allow(&self, access: OpenFlags, cred: Cred) -> Result<(), Errno> {
        let attr = lock(&self.attr);
        match access {
            _ if access.contains(OpenFlags::WRITE) => attr.allow(cred, Rights::WRITE),
            _ if access.contains(OpenFlags::READ) => attr.allow(cred, Rights::READ),
            _ => Ok(()),
        }
    }

    /// True where a listing shows the port to `cred`.
    pub(crate) fn is_shown_to(&self, cred: Cred) -> bool {
        let attr = lock(&self.attr);
        let allows = |rights| attr.allow(cred, rights).is_ok();
        attr.owned_by(cred).is_ok() || allows(Rights::READ) || allows(Rights::WRITE)
    }

    /// Whose the locks are that a new right to this port asks for, on an account.
    pub(crate) fn holder(&self, number: u64, account: &Arc<Account>) -> Option<Arc<Holder>> {
        Some(self.locks.as_ref()?.holder(number, account))
    }

    /// True where the service itself holds the port, by its configuration.
    pub(crate) fn is_configured(&self) -> bool {
        self.locks.is_some()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUED
    }

    /// Tells `right` once there is room. False where there is.
    pub(crate) fn push_back(&self, token: u64, right: &Weak<Right>) -> bool {
        self.pushed_back.push_back(token, Weak::clone(right), || self.is_full())
    }

    /// A right that is gone need not be told.
    pub(crate) fn forget(&self, token: u64) {
        self.pushed_back.forget(token);
    }

    pub(crate) fn send(&self, message: Message<Letter>, reply: &Arc<dyn ReplyPort<Letter>>) {
        message.send(&self.target, reply);
    }

    /// The same for a message that may be dropped.
    pub(crate) fn send_droppable(
        &self,
        message: Message<Letter>,
        reply: &Arc<dyn ReplyPort<Letter>>,
    ) {
        message.droppable().send(&self.target, reply);
    }

    pub(crate) fn target(&self) -> &Arc<dyn Port<Letter>> {
        &self.target
    }

    pub(crate) fn queue(&self) -> &SpinPort<Letter> {
        &self.queue
    }

    pub(crate) fn add(&self, receive: &Arc<Receive>) {
        lock(&self.receivers).insert(receive.id(), Arc::downgrade(receive));
    }

    /// Takes a receive right off; true where it was the last.
    pub(crate) fn remove(&self, receive: &Receive) -> bool {
        let receivers = &mut *lock(&self.receivers);
        receivers.remove(&receive.id());
        receivers.is_empty()
    }

    /// The handle of who made the port, where that has not been used for as long as `limit`.
    pub(crate) fn unclaimed(&self, limit: Duration) -> Option<u64> {
        // Another right is made of the first one, by its use.
        let first = lock(&self.receivers).values().next().and_then(Weak::upgrade);
        first?.unclaimed(limit)
    }

    /// True where every receive right is held by the chain: whoever waits for this port then
    /// waits for ever.
    pub(crate) fn is_held_by(&self, chain: &[u64]) -> bool {
        !chain.is_empty()
            && !self.is_configured()
            && lock(&self.receivers).keys().all(|id| chain.contains(id))
    }

    /// The receiver wants to hear of the next message, once; it has its turn by `place`, which
    /// nobody else has. True where it may have missed a message, and has to look again.
    pub(crate) fn listen(&self, place: u64, receive: Weak<Receive>) -> bool {
        self.listening.listen(place, receive, || !self.queue.is_empty())
    }

    /// Nobody listens at this place any more.
    pub(crate) fn listen_no_more(&self, place: u64) {
        self.listening.leave(place);
    }

    /// Several messages are about to come: receivers are told at the end.
    pub(crate) fn several(&self) -> Several<'_> {
        self.batches.begin();
        Several(self)
    }

    /// There may be something to receive, or room.
    pub(crate) fn ring(&self) {
        let heard = |receive: Weak<Receive>| {
            receive.upgrade().into_iter().for_each(|receive| receive.heard());
        };
        self.listening.tell(|| !self.queue.is_empty(), heard);
        self.tell_of_room();
    }

    /// Those who were pushed back are told, where there is room again.
    pub(crate) fn tell_of_room(&self) {
        let told = |right: Weak<Right>| right.upgrade().into_iter().for_each(|right| right.tell());
        self.pushed_back.tell(|| self.is_full(), told);
    }

    /// Does something with each receive right. It may lead back to the port, so no lock is held.
    fn each(&self, work: impl Fn(&Receive)) {
        let receivers: Vec<_> = lock(&self.receivers).values().filter_map(Weak::upgrade).collect();
        receivers.iter().for_each(|receive| work(receive));
    }
}
