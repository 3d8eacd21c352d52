//! What receivers and the threads of ports do, for real.

use agent::{Errno, Exchange, Status};

use crate::{
    fake_wait::{FakeWait, Last},
    places::Owned,
    script::{Event, Holder, Key, Op, Pick, pick},
    world::World,
};

impl World {
    fn receive(&self, port: usize, patience: u8) -> Option<Key> {
        let wait = FakeWait::new(Last::Nothing, &[]);
        let moment = self.now.get() + u64::from(patience);
        let kept = match &self.place(port).owned {
            Owned::Mailbox { receiver, receiving } => {
                let receiver = receiver.borrow().clone().filter(|_| !receiving.get())?;
                receiving.set(true);
                let kept = receiver.wait_until(&wait, moment);
                receiving.set(false);
                kept?
            }
            Owned::Spin { port, .. } => port.wait_until(&wait, moment)?,
            _ => return None,
        };
        let key = kept.body().key();
        self.note(Event::Received(port, key));
        let there = self.kept.borrow_mut().insert(key, (Holder::Hand, kept));
        if there.is_some() {
            self.give_up("a receiver gets a message that somebody has");
        }
        Some(key)
    }

    pub(crate) fn receive_until(&self, port: Pick, patience: u8) {
        if let Some(port) = pick(&self.queues(), port) {
            self.receive(*port, patience);
        }
    }

    pub(crate) fn unqueue(&self, port: Pick, message: Pick) {
        let queues =
            |port: &usize| !matches!(self.place(*port).owned, Owned::Nothing | Owned::Contained(_));
        let ports: Vec<_> = (0..self.ports.borrow().len()).filter(queues).collect();
        let mut ids: Vec<_> = self.ids.borrow().iter().map(|(key, id)| (*key, *id)).collect();
        if !message.is_multiple_of(4) {
            ids.retain(|(key, _)| self.droppable.borrow().contains(key));
        }
        let (Some(port), Some((key, id))) = (pick(&ports, port), pick(&ids, message)) else {
            return;
        };
        // Noted before what comes of it.
        let noted = self.events.borrow().len();
        self.note(Event::Unqueued(*port, *key, Ok(())));
        let result = match &self.place(*port).owned {
            Owned::Gate(port) => port.drop_message(*id),
            Owned::Thread { port, .. } => port.drop_message(*id),
            Owned::Spin { port, .. } => port.drop_message(*id),
            Owned::Mailbox { receiver, receiving } => {
                let (receiver, before) = (receiver.borrow().clone(), receiving.replace(true));
                let result = receiver.map_or(Err(Errno::ENOENT), |it| it.drop_message(*id));
                receiving.set(before);
                result
            }
            Owned::Nothing | Owned::Contained(_) => return,
        };
        self.events.borrow_mut()[noted] = Event::Unqueued(*port, *key, result);
    }

    pub(crate) fn close(&self, port: usize) {
        match &self.place(port).owned {
            Owned::Mailbox { receiver, receiving } if !receiving.get() => {
                let receiver = receiver.borrow_mut().take();
                drop(receiver);
            }
            Owned::Spin { port, open } => {
                open.set(false);
                port.close();
            }
            _ => {}
        }
    }

    /// Whoever has a message that is waited for completes it; false where it is not found.
    pub(crate) fn settle(&self, key: Key) -> bool {
        if self.kept.borrow().contains_key(&key) {
            self.remove(key).done(Status::OK);
            return true;
        }
        for port in self.queues() {
            while let Some(got) = self.receive(port, 0) {
                self.remove(got).done(Status::OK);
                if got == key {
                    return true;
                }
            }
        }
        false
    }

    pub(crate) fn run_thread(&self, port: Pick, during: &[Op]) {
        let waits = |port: &usize| match &self.place(*port).owned {
            Owned::Thread { ran, .. } => !ran.get(),
            _ => false,
        };
        let there: Vec<_> = (0..self.ports.borrow().len()).filter(waits).collect();
        let Some(number) = pick(&there, port) else { return };
        if let Owned::Thread { port, ran } = &self.place(*number).owned {
            ran.set(true);
            port.run(&FakeWait::new(Last::Close(*number), during));
        }
    }

    pub(crate) fn close_thread(&self, port: usize) {
        if let Owned::Thread { port, .. } = &self.place(port).owned {
            port.close();
        }
    }
}
