//! The real thing: ports, inboxes and messages, and what is noted of them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    sync::{Arc, Weak, mpsc::Sender},
    task::{Wake, Waker},
    thread,
};

use agent::{Inbox, Kept, Message, MessageId, Pending, Port, ReplyPort, Ticket};

use proptest::test_runner::{TestCaseError, TestCaseResult};

use crate::{
    model::{INBOX_LIMIT, INBOXES},
    places::{Owned, Place},
    script::{Act, Event, Holder, Key, Kind, Snapshot},
};

/// What a message asks.
pub(crate) struct Body {
    pub(crate) acts: VecDeque<Act>,
    pub(crate) token: Token,
}

impl Body {
    pub(crate) fn new(key: Key) -> Body {
        world().alive.borrow_mut().insert(key);
        Body { acts: VecDeque::new(), token: Token(key) }
    }

    pub(crate) fn key(&self) -> Key {
        self.token.0
    }

    /// What a driver does next with the message.
    pub(crate) fn next_act(&mut self) -> Option<Act> {
        let act = self.acts.pop_front();
        act.filter(|_| !world().calm.get())
    }
}

/// Notes that it is freed.
pub(crate) struct Token(Key);

impl Drop for Token {
    fn drop(&mut self) {
        let world = world();
        if !world.alive.borrow_mut().remove(&self.0) {
            world.wrong(format!("message {} is freed twice", self.0));
        }
        world.ids.borrow_mut().remove(&self.0);
        world.note(Event::Freed(self.0));
    }
}

pub(crate) type Target = Arc<dyn Port<Body>>;

/// Notes that it is woken.
struct Noted(Event);

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        world().note(self.0.clone());
    }
}

pub(crate) fn noted(event: Event) -> Waker {
    Arc::new(Noted(event)).into()
}

/// The reply ports of one inbox, as it is for the time being.
pub(crate) struct Home {
    pub(crate) inbox: Inbox<Body>,
    pub(crate) replies: Arc<dyn ReplyPort<Body>>,
    pub(crate) age: usize,
}

impl Home {
    fn new(age: usize) -> Rc<Home> {
        let inbox = Inbox::new(INBOX_LIMIT);
        let replies = inbox.reply_port();
        Rc::new(Home { inbox, replies, age })
    }
}

pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) send: u32,
    pub(crate) ticket: Rc<Ticket<Body>>,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) ports: RefCell<Vec<Rc<Place>>>,
    pub(crate) homes: RefCell<Vec<Rc<Home>>>,
    pub(crate) mine: RefCell<BTreeMap<Key, Message<Body>>>,
    pub(crate) kept: RefCell<BTreeMap<Key, (Holder, Kept<Body>)>>,
    pub(crate) futures: RefCell<Vec<(Key, Rc<Pending<Body>>)>>,
    pub(crate) tickets: RefCell<Vec<Asked>>,
    pub(crate) sends: RefCell<BTreeMap<Key, u32>>,
    /// The inbox, with its age, that a message was last sent from.
    pub(crate) sent_from: RefCell<BTreeMap<Key, (usize, usize)>>,
    pub(crate) ids: RefCell<BTreeMap<Key, MessageId>>,
    /// Messages that were last sent to be dropped, perhaps.
    pub(crate) droppable: RefCell<BTreeSet<Key>>,
    pub(crate) alive: RefCell<BTreeSet<Key>>,
    /// Aborts that drivers were asked for, of the message's present send.
    pub(crate) hints: RefCell<BTreeMap<MessageId, usize>>,
    /// The names of messages that callers wait for, as drivers see them.
    pub(crate) called: RefCell<BTreeMap<Key, MessageId>>,
    pub(crate) made: Cell<Key>,
    pub(crate) now: Cell<u64>,
    pub(crate) inside: Cell<usize>,
    pub(crate) depth: Cell<usize>,
    pub(crate) calm: Cell<bool>,
    pub(crate) events: RefCell<Vec<Event>>,
    pub(crate) wrong: RefCell<Vec<String>>,
    /// Where the case reports to, which nobody can leave by a panic.
    report: Cell<Option<Sender<TestCaseResult>>>,
    /// What an inbox gave last.
    pub(crate) choice: Cell<Option<Key>>,
}

thread_local! {
    static WORLD: RefCell<Rc<World>> = RefCell::default();
}

/// The world of this thread.
pub(crate) fn world() -> Rc<World> {
    WORLD.with_borrow(Rc::clone)
}

impl World {
    /// A new world with ports of these kinds.
    pub(crate) fn start(kinds: &[Kind]) -> Rc<World> {
        let world = Rc::<World>::default();
        WORLD.set(world.clone());
        (0..INBOXES).for_each(|_| world.homes.borrow_mut().push(Home::new(0)));
        for kind in kinds {
            let port = world.port(*kind);
            world.ports.borrow_mut().push(Rc::new(port));
        }
        world
    }

    pub(crate) fn place(&self, port: usize) -> Rc<Place> {
        self.ports.borrow()[port].clone()
    }

    pub(crate) fn target(&self, port: usize) -> Target {
        self.place(port).target.clone()
    }

    pub(crate) fn note(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    /// Notes a failure: not all that find one may unwind.
    pub(crate) fn wrong(&self, what: String) {
        self.wrong.borrow_mut().push(what);
    }

    pub(crate) fn make(&self) -> Body {
        let key = self.made.get();
        self.made.set(key + 1);
        Body::new(key)
    }

    pub(crate) fn report_to(&self, sender: Sender<TestCaseResult>) {
        self.report.set(Some(sender));
    }

    pub(crate) fn report(&self, result: TestCaseResult) {
        if let Some(sender) = self.report.take() {
            // Nobody listens any more where the case took too long.
            let _ = sender.send(result);
        }
    }

    /// Ends a case from where a panic may not.
    pub(crate) fn give_up(&self, why: &str) -> ! {
        self.report(Err(TestCaseError::fail(why.to_owned())));
        loop {
            thread::park();
        }
    }

    /// A new inbox in place of one that is dropped.
    pub(crate) fn renew(&self, inbox: usize) {
        let age = self.homes.borrow()[inbox].age;
        let old = std::mem::replace(&mut self.homes.borrow_mut()[inbox], Home::new(age + 1));
        drop(old);
    }

    pub(crate) fn queues(&self) -> Vec<usize> {
        let is_queue = |port: &usize| {
            matches!(self.place(*port).owned, Owned::Mailbox { .. } | Owned::Spin { .. })
        };
        (0..self.ports.borrow().len()).filter(is_queue).collect()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let kept = self.kept.borrow();
        let kept = kept.iter().map(|(key, (holder, kept))| (*key, *holder, kept.aborted()));
        let outstanding = |home: &Rc<Home>| home.inbox.outstanding();
        Snapshot {
            alive: self.alive.borrow().iter().copied().collect(),
            mine: self.mine.borrow().keys().copied().collect(),
            kept: kept.collect(),
            futures: self.futures.borrow().iter().map(|(key, f)| (*key, f.is_done())).collect(),
            tickets: self.tickets.borrow().iter().map(|asked| asked.ticket.is_done()).collect(),
            outstanding: self.homes.borrow().iter().map(outstanding).collect(),
            ports: self.ports.borrow().iter().map(|place| place.state()).collect(),
            now: self.now.get(),
        }
    }

    /// Lets go of everything; what is left then that should not be.
    pub(crate) fn end(&self) -> usize {
        self.tickets.borrow_mut().clear();
        drop(self.futures.take());
        drop(self.mine.take());
        drop(self.homes.take());
        let ports: Vec<Rc<Place>> = self.ports.take();
        let weak: Vec<Weak<_>> = ports.iter().map(|port| Arc::downgrade(&port.target)).collect();
        drop(ports);
        let held = weak.iter().filter(|port| port.upgrade().is_some()).count();
        held + self.alive.borrow().len()
    }
}
