//! What senders do, for real.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use agent::{Call, Data, Discard, Kept, Message, MessageId, Pending, ReplyPort, Status};

use crate::{
    fake_wait::{FakeWait, Last},
    model::{INBOXES, TICKETS},
    script::{Ending, Event, Key, Op, Pick, Plan, Way, pick},
    world::{Asked, Body, Home, World, noted},
};

impl World {
    pub(crate) fn step(&self, op: &Op) {
        self.depth.set(self.depth.get() + 1);
        self.take_step(op);
        self.depth.set(self.depth.get() - 1);
        while self.depth.get() == 0 && self.tickets.borrow().len() > TICKETS {
            let oldest = self.tickets.borrow_mut().remove(0);
            drop(oldest);
        }
    }

    fn take_step(&self, op: &Op) {
        match op {
            Op::Send { inbox, to, way, plan } => self.send(*inbox, *to, *way, plan),
            Op::Ask { to, plan } => self.ask(*to, plan),
            Op::DropMessage(at) => {
                let key = pick(&self.keys_of(&self.mine), *at).copied();
                drop(key.and_then(|key| self.mine.borrow_mut().remove(&key)));
            }
            Op::AbortFuture(at) => {
                if let Some((_, pending)) = self.future(*at) {
                    pending.abort();
                }
            }
            Op::DropFuture(at) => self.drop_future(*at),
            Op::Abort(at) => self.abort(*at),
            Op::Receive { port, patience } => self.receive_until(*port, *patience),
            Op::Done(at, count) => {
                if let Some(kept) = self.pick_kept(*at) {
                    kept.done(Status::ok((*count).into()));
                }
            }
            Op::LetGo(at) => drop(self.pick_kept(*at)),
            Op::Forward(at, to) => {
                if let Some(kept) = self.pick_kept(*at) {
                    kept.forward(&self.target(usize::from(*to) % self.ports.borrow().len()));
                }
            }
            Op::Unqueue { port, message } => self.unqueue(*port, *message),
            Op::Close(port) => {
                if let Some(port) = pick(&self.queues(), *port) {
                    self.close(*port);
                }
            }
            Op::Calm => self.calm.set(true),
            _ if self.inside.get() > 0 => {}
            Op::Call { to, plan, until, interrupted, during } => {
                self.call(*to, plan, *until, *interrupted, during);
            }
            Op::TryTake(at) => self.try_take(*at),
            Op::Poll(at) => self.poll(*at),
            Op::Run { port, during } => self.run_thread(*port, during),
            _ if self.depth.get() > 1 => {}
            Op::Get { inbox, patience, during } => self.get(*inbox, *patience, during),
            Op::GetOne(at) => self.get_one(*at),
            Op::DropInbox(inbox) => self.renew(usize::from(*inbox) % INBOXES),
        }
    }

    fn keys_of<T>(&self, of: &RefCell<std::collections::BTreeMap<Key, T>>) -> Vec<Key> {
        of.borrow().keys().copied().collect()
    }

    pub(crate) fn remove(&self, key: Key) -> Kept<Body> {
        self.kept.borrow_mut().remove(&key).expect("it is kept").1
    }

    fn pick_kept(&self, at: Pick) -> Option<Kept<Body>> {
        pick(&self.keys_of(&self.kept), at).map(|key| self.remove(*key))
    }

    fn prepare(&self, plan: &Plan) -> Message<Body> {
        let again = plan.again.and_then(|at| pick(&self.keys_of(&self.mine), at).copied());
        let again = again.and_then(|key| self.mine.borrow_mut().remove(&key));
        let mut message = again.unwrap_or_else(|| Message::new(self.make()));
        let key = message.body().key();
        message.body_mut().acts = plan.acts.clone().into();
        message.set_priority(plan.priority);
        message.set_receipt(plan.receipt.then(|| noted(Event::Receipt(key))));
        self.ids.borrow_mut().insert(key, message.id());
        if plan.ticket {
            let send = self.sends.borrow().get(&key).map_or(1, |sends| sends + 1);
            let ticket = Rc::new(message.ticket());
            self.tickets.borrow_mut().push(Asked { key, send, ticket });
        }
        message
    }

    /// The message is on its way.
    fn count_send(&self, key: Key, id: MessageId) {
        *self.sends.borrow_mut().entry(key).or_default() += 1;
        self.hints.borrow_mut().remove(&id);
    }

    fn note_droppable(&self, key: Key, droppable: bool) -> bool {
        let mut keys = self.droppable.borrow_mut();
        let before = keys.remove(&key);
        if droppable {
            keys.insert(key);
        }
        before
    }

    fn send(&self, inbox: Pick, to: Pick, way: Way, plan: &Plan) {
        let inbox = usize::from(inbox) % INBOXES;
        let home = self.homes.borrow()[inbox].clone();
        let target = self.target(usize::from(to) % self.ports.borrow().len());
        let message = self.prepare(plan);
        let (key, id) = (message.body().key(), message.id());
        let before = self.sends.borrow().get(&key).copied().unwrap_or(0);
        self.sent_from.borrow_mut().insert(key, (inbox, home.age));
        let droppable = matches!(way, Way::Droppable | Way::DroppableReplyPort);
        let was_droppable = self.note_droppable(key, droppable);
        self.count_send(key, id);
        let refused = match way {
            Way::Inbox => home.inbox.send(message, &target).err(),
            Way::Right => home.inbox.right(target).send(message).err(),
            Way::Droppable => {
                let refused = home.inbox.send_droppable(message.droppable(), &target).err();
                refused.map(|message| message.into_message())
            }
            _ => {
                if way == Way::Discard {
                    self.sent_from.borrow_mut().remove(&key);
                }
                let discard: Arc<dyn ReplyPort<Body>> = Arc::new(Discard);
                let replies = if way == Way::Discard { &discard } else { &home.replies };
                if way == Way::DroppableReplyPort {
                    message.droppable().send(&target, replies);
                } else {
                    message.send(&target, replies);
                }
                None
            }
        };
        if let Some(message) = refused {
            self.sends.borrow_mut().insert(key, before);
            self.sent_from.borrow_mut().remove(&key);
            self.note_droppable(key, was_droppable);
            self.note(Event::Refused(key));
            self.mine.borrow_mut().insert(key, message);
        }
    }

    fn ask(&self, to: Pick, plan: &Plan) {
        let target = self.target(usize::from(to) % self.ports.borrow().len());
        let message = self.prepare(plan);
        let key = message.body().key();
        self.count_send(key, message.id());
        self.sent_from.borrow_mut().remove(&key);
        self.note_droppable(key, false);
        let pending = Rc::new(message.ask(&target));
        self.futures.borrow_mut().push((key, pending));
    }

    fn got(&self, message: Message<Body>) {
        let ending = Ending {
            status: message.status(),
            dropped: message.was_dropped(),
            messages: message.counts().messages,
        };
        let key = message.body().key();
        self.sent_from.borrow_mut().remove(&key);
        self.note(Event::Back(key, ending));
        self.mine.borrow_mut().insert(key, message);
    }

    pub(crate) fn note_call(&self, call: Call<'_, Body>, status: Status) {
        if let Some(id) = self.called.borrow_mut().remove(&call.body().key()) {
            self.hints.borrow_mut().remove(&id);
        }
        let messages = call.counts().messages;
        let ending = Ending { status, dropped: false, messages };
        self.note(Event::Back(call.body().key(), ending));
    }

    fn call(&self, to: Pick, plan: &Plan, until: Option<u8>, interrupted: bool, during: &[Op]) {
        let mut body = self.make();
        let key = body.key();
        body.acts = plan.acts.clone().into();
        let mut call = Call::new(body, Data::NONE);
        if plan.priority {
            call = call.priority();
        }
        let target = self.target(usize::from(to) % self.ports.borrow().len());
        let wait = FakeWait::settling(key, during).interrupted(interrupted);
        let status = match until {
            None => call.run(&*target, &wait),
            Some(until) => call.run_until(&*target, &wait, self.now.get() + u64::from(until)),
        };
        self.note_call(call, status);
    }

    fn future(&self, at: Pick) -> Option<(Key, Rc<Pending<Body>>)> {
        pick(&self.futures.borrow(), at).cloned()
    }

    fn drop_future(&self, at: Pick) {
        let Some((key, pending)) = self.future(at) else { return };
        self.futures.borrow_mut().retain(|(other, _)| *other != key);
        drop(pending);
    }

    /// Takes a future out, to be looked at.
    fn take_future(&self, at: Pick) -> Option<(Key, Pending<Body>)> {
        let (key, pending) = self.future(at)?;
        self.futures.borrow_mut().retain(|(other, _)| *other != key);
        Rc::into_inner(pending).map(|pending| (key, pending))
    }

    fn put_future(&self, key: Key, pending: Pending<Body>) {
        let mut futures = self.futures.borrow_mut();
        futures.push((key, Rc::new(pending)));
    }

    fn try_take(&self, at: Pick) {
        let Some((key, pending)) = self.take_future(at) else { return };
        match pending.try_take() {
            Ok(message) => self.got(message),
            Err(pending) => self.put_future(key, pending),
        }
    }

    fn poll(&self, at: Pick) {
        let Some((key, mut pending)) = self.take_future(at) else { return };
        let waker = noted(Event::Woken(key));
        match Future::poll(Pin::new(&mut pending), &mut Context::from_waker(&waker)) {
            Poll::Ready(message) => self.got(message),
            Poll::Pending => self.put_future(key, pending),
        }
    }

    fn abort(&self, at: Pick) {
        let ticket = pick(&self.tickets.borrow(), at).map(|asked| asked.ticket.clone());
        if let Some(ticket) = ticket {
            ticket.abort();
        }
    }

    fn get(&self, inbox: Pick, patience: u8, during: &[Op]) {
        let home: Rc<Home> = self.homes.borrow()[usize::from(inbox) % INBOXES].clone();
        let wait = FakeWait::new(Last::Nothing, during);
        let moment = self.now.get() + u64::from(patience);
        if let Some(message) = home.inbox.wait_until(&wait, moment) {
            self.choice.set(Some(message.body().key()));
            self.got(message);
        }
    }

    fn get_one(&self, at: Pick) {
        let tickets = self.tickets.borrow();
        let Some(asked) = pick(&tickets, at) else { return };
        let sends = self.sends.borrow().get(&asked.key).copied();
        let there = asked.ticket.is_done() && sends == Some(asked.send);
        let Some((inbox, age)) = self.sent_from.borrow().get(&asked.key).copied() else { return };
        let home = self.homes.borrow()[inbox].clone();
        if there && home.age == age {
            let message = home.inbox.wait_for(&asked.ticket, &FakeWait::new(Last::Nothing, &[]));
            self.got(message);
        }
    }
}
