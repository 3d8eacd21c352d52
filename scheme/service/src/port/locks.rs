//! Byte-range locks at a port of their own, which the service holds itself: what comes there as a
//! letter is asked of the driver `rangelock`. An owner is a send right; its locks go with it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use agent::{
    Call, Contained, Data, Errno, Exchange, Kept, Message, MessageId, Outcome, Port, ReplyPort,
    Request, Spin, Status, Ticket, Words,
};
use driver::{Body, Class, Description, Driver, Features, Kind, Stands};
use driver_rangelock::{LockBody, LockOp, LockReply, Owner, RangeLocks};

use super::letter::{Account, Charge, Letter};
use crate::{
    handle::{Mutex, lock},
    place::Catches,
};

/// Locks that are paid for at once.
const AT_ONCE: usize = 64;
/// Bytes that a lock takes, rounded up.
const BYTES: usize = 256;
/// Locks that one user may wait for: others have room too.
const MAX_WAITING: usize = 128;
/// Bytes of what is asked, and of what is answered.
const PARCEL: usize = 48;

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "rangelock",
    help: "byte-range locks, which are asked for at a port of their own",
    stands: Stands::Alone,
    options: &[],
    make: |_, _, _| Ok(Arc::new(Elsewhere)),
};

/// What is there for those who take it for a device: its messages are others.
struct Elsewhere;

impl Port<Body> for Elsewhere {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        request.done(Errno::EOPNOTSUPP)
    }
}

impl Driver for Elsewhere {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

type Service = Contained<LockBody, RangeLocks, Catches>;

/// The locks of one name.
pub(crate) struct Locks {
    this: Weak<Locks>,
    service: Arc<Service>,
    waiting: Mutex<HashMap<MessageId, Waiting>>,
}

/// A letter whose lock is waited for.
struct Waiting {
    letter: Kept<Letter>,
    ticket: Ticket<LockBody>,
}

/// Who owns the locks that are asked for with one send right. There for as long as the right or
/// any of its messages is; then the locks are given back.
pub(crate) struct Holder {
    service: Arc<Service>,
    owner: Owner,
    account: Arc<Account>,
    paid: Mutex<Vec<Charge>>,
}

impl Holder {
    /// Pays for one lock more. `ENOLCK` where the user has too much in flight.
    fn pay(&self) -> Result<(), Errno> {
        let paid = &mut *lock(&self.paid);
        if self.service.inner().held(self.owner) >= AT_ONCE * paid.len() {
            paid.push(self.account.charge(AT_ONCE * BYTES).map_err(|_| Errno::ENOLCK)?);
        }
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let body = LockBody::new(LockOp::Release, self.owner);
        // It can't fail.
        let _ = Call::new(body, Data::NONE).run(&*self.service, &Spin);
    }
}

impl Locks {
    pub(crate) fn new(name: &str) -> Arc<Locks> {
        let service = Contained::new(RangeLocks::new(), Arc::new(Catches::new(name)));
        Arc::new_cyclic(|this| Locks {
            this: Weak::clone(this),
            service: Arc::new(service),
            waiting: Mutex::default(),
        })
    }

    /// An owner of this number, whose locks are on an account.
    pub(crate) fn holder(&self, number: u64, account: &Arc<Account>) -> Arc<Holder> {
        Arc::new(Holder {
            service: Arc::clone(&self.service),
            owner: Owner(number),
            account: Arc::clone(account),
            paid: Mutex::default(),
        })
    }

    /// What a letter asks. `EOPNOTSUPP` for one that somebody passed on: locks are their asker's.
    fn asked(&self, letter: &Letter) -> Result<LockBody, Errno> {
        let holder = letter.holder.as_ref().ok_or(Errno::EOPNOTSUPP)?;
        if !Arc::ptr_eq(&holder.service, &self.service) {
            return Err(Errno::EOPNOTSUPP);
        }
        let [op, 0, 0] = letter.words else { return Err(Errno::EPROTO) };
        let op = u16::try_from(op).map_err(|_| Errno::ENOSYS)?;
        if letter.data.len() != PARCEL {
            return Err(Errno::EPROTO);
        }
        if (letter.room as usize) < PARCEL {
            return Err(Errno::EMSGSIZE);
        }
        let body = LockBody::unpack(&Words { op, ..Words::default() }, &letter.data, holder.owner)?;
        if let LockOp::Lock { .. } = body.op {
            holder.pay()?;
        }
        Ok(body)
    }

    /// Asks what is answered at once.
    fn ask(&self, body: LockBody) -> (Status, LockReply) {
        let mut call = Call::new(body, Data::NONE);
        let status = call.run(&*self.service, &Spin);
        (status, call.into_body().reply)
    }

    /// True where a user may wait for one lock more.
    fn may_wait(&self, uid: u32) -> bool {
        let waiting = lock(&self.waiting);
        let theirs = |waiting: &&Waiting| waiting.letter.body().from.uid == uid;
        waiting.values().filter(theirs).count() < MAX_WAITING
    }

    /// A lock that was waited for has come, or not.
    fn came(&self, id: MessageId, body: &LockBody, status: Status) {
        let waiting = lock(&self.waiting).remove(&id);
        if let Some(Waiting { mut letter, .. }) = waiting {
            write(letter.body_mut(), status, body.reply);
            letter.done(status);
        }
    }
}

/// Puts the answer into a letter; an error is all that there is to say of one.
fn write(letter: &mut Letter, status: Status, reply: LockReply) {
    if !status.is_ok() {
        return;
    }
    let body = LockBody { reply, ..LockBody::new(LockOp::Release, Owner(0)) };
    (letter.words, letter.data, letter.answered) = ([0; 3], body.encode_reply(), true);
}

/// The same without a wait; and whether there was one.
fn at_once(mut body: LockBody) -> (LockBody, bool) {
    match &mut body.op {
        LockOp::Lock { wait, .. } => {
            let waits = std::mem::take(wait);
            (body, waits)
        }
        _ => (body, false),
    }
}

impl Port<Letter> for Locks {
    fn begin<'s>(&'s self, mut request: Request<'s, Letter>) -> Outcome<'s, Letter> {
        let body = match self.asked(request.body()) {
            Ok(body) => body,
            Err(errno) => return request.done(errno),
        };
        let (body, waits) = at_once(body);
        let (status, reply) = self.ask(body);
        if waits && status == Errno::EAGAIN.into() {
            return match self.may_wait(request.body().from.uid) {
                true => request.keep(self),
                false => request.done(Errno::ENOLCK),
            };
        }
        write(request.body_mut(), status, reply);
        request.done(status)
    }

    /// A lock that has to be waited for; or has come meanwhile.
    fn take(&self, letter: Kept<Letter>) {
        let body = match self.asked(letter.body()) {
            Ok(body) => body,
            Err(errno) => return letter.done(errno),
        };
        let id = letter.id();
        let mut message = Message::new(body);
        let ticket = message.ticket();
        lock(&self.waiting).insert(id, Waiting { letter, ticket });
        let port: Arc<dyn Port<LockBody>> = Arc::<Service>::clone(&self.service);
        let back: Arc<dyn ReplyPort<LockBody>> = Arc::new(Back(Weak::clone(&self.this), id));
        message.send(&port, &back);
    }

    fn abort(&self, id: MessageId) {
        let ticket = lock(&self.waiting).get(&id).map(|waiting| waiting.ticket.clone());
        if let Some(ticket) = ticket {
            ticket.abort();
        }
    }
}

/// Where the answer for a letter comes.
struct Back(Weak<Locks>, MessageId);

impl ReplyPort<LockBody> for Back {
    fn reply(&self, message: Message<LockBody>) {
        // The letter keeps the port.
        if let Some(locks) = self.0.upgrade() {
            locks.came(self.1, message.body(), message.status());
        }
    }
}
