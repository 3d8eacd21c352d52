//! A sender of a crowd, on its thread.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use agent::{Call, Data, Inbox, Message, Pending, Ticket, Wait, Woken};

use crate::{
    crew::{Load, Target, Wish},
    crowd::Crowd,
    threads::Deed,
};

/// Messages that an inbox sends at a time.
const INBOX: usize = 8;

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits by parking the thread.
pub(crate) struct Park;

impl Wait for Park {
    fn waker(&self) -> Waker {
        Arc::new(Unpark(thread::current())).into()
    }

    fn park(&self) -> Woken {
        thread::park();
        Woken::Look
    }
}

fn block_on(pending: Pending<Load>) -> Message<Load> {
    let (mut pending, waker) = (pin!(pending), Park.waker());
    loop {
        match pending.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(message) => return message,
            Poll::Pending => thread::park(),
        }
    }
}

pub(crate) struct Sender<'a> {
    crowd: &'a Crowd,
    inbox: Inbox<Load>,
    futures: Vec<Pending<Load>>,
    tickets: Vec<Ticket<Load>>,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(crowd: &'a Crowd) -> Sender<'a> {
        Sender { crowd, inbox: Inbox::new(INBOX), futures: Vec::new(), tickets: Vec::new() }
    }

    pub(crate) fn run(mut self, deeds: &[Deed]) {
        deeds.iter().for_each(|deed| self.act(*deed));
        while self.inbox.outstanding() > 0 {
            self.got(self.inbox.wait(&Park));
        }
        while let Some(pending) = self.futures.pop() {
            self.got(block_on(pending));
        }
        if self.inbox.get().is_some() {
            self.crowd.tally.wrong("a message came back that was not sent from here");
        }
    }

    fn got(&self, mut message: Message<Load>) {
        let status = message.status();
        message.body_mut().comes_back(status);
    }

    fn message(&mut self, wish: Wish) -> Message<Load> {
        let mut message = Message::new(Load::new(&self.crowd.tally, wish));
        message.body_mut().leaves();
        self.tickets.push(message.ticket());
        message
    }

    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Send { to, wish, priority, droppable } => {
                self.send(self.crowd.target(to), wish, priority, droppable);
            }
            Deed::Ask { to, wish } => {
                let pending = self.message(wish).ask(self.crowd.target(to));
                self.futures.push(pending);
            }
            Deed::Call { to, wish } => {
                let mut load = Load::new(&self.crowd.tally, wish);
                load.leaves();
                let mut call = Call::new(load, Data::NONE);
                let status = call.run(&**self.crowd.target(to), &Park);
                call.into_body().comes_back(status);
            }
            Deed::Abort => self.tickets.drain(..).for_each(|ticket| ticket.abort()),
            Deed::DropFuture => drop(self.futures.pop()),
            Deed::AwaitFuture => {
                if let Some(pending) = self.futures.pop() {
                    self.got(block_on(pending));
                }
            }
            Deed::Get => {
                if let Some(message) = self.inbox.get() {
                    self.got(message);
                }
            }
            Deed::Renew => self.inbox = Inbox::new(INBOX),
        }
    }

    fn send(&mut self, to: &Target, wish: Wish, priority: bool, droppable: bool) {
        if self.inbox.outstanding() == INBOX {
            self.got(self.inbox.wait(&Park));
        }
        let mut message = self.message(wish);
        message.set_priority(priority);
        let refused = if droppable {
            self.inbox.send_droppable(message.droppable(), to).is_err()
        } else {
            self.inbox.send(message, to).is_err()
        };
        if refused || self.inbox.outstanding() > INBOX {
            self.crowd.tally.wrong("the inbox does not keep its limit");
        }
    }
}
