//! Many threads send, abort and drop over stacks that keep, queue and forward: every message
//! comes back, and every one is freed.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use agent::{
    Call, Data, Errno, Exchange, Inbox, Kept, Message, Neighbour, Outcome, Pending, Port,
    ReplyPort, Request, Saved, Serialized, Status, ThreadPort, Ticket,
};
use common::{Park, block_on};

const SENDERS: u64 = 4;
const ROUNDS: usize = if cfg!(miri) { 30 } else { 30_000 };

/// A small generator: good enough, and the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}

/// A body that counts those that are alive.
struct Token {
    alive: Arc<AtomicUsize>,
    ups: u32,
}

impl Token {
    fn new(alive: &Arc<AtomicUsize>) -> Token {
        alive.fetch_add(1, Ordering::SeqCst);
        Token { alive: alive.clone(), ups: 0 }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

type Target = Arc<dyn Port<Token>>;

/// Completes at once.
struct End;

impl Port<Token> for End {
    fn begin<'s>(&'s self, request: Request<'s, Token>) -> Outcome<'s, Token> {
        request.done(Status::OK)
    }
}

/// Hears of every completion; not to be entered twice at a time.
struct Through(Neighbour<Token>, Mutex<()>);

impl Through {
    fn over(lower: Target) -> Through {
        Through(Neighbour::new(lower, 1), Mutex::new(()))
    }
}

impl Port<Token> for Through {
    fn begin<'s>(&'s self, request: Request<'s, Token>) -> Outcome<'s, Token> {
        drop(self.1.try_lock().expect("entered twice"));
        request.forward(self, &self.0, [1, 2, 3])
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s, Token>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Token> {
        let _inside = self.1.try_lock().expect("entered twice");
        assert_eq!(saved, [1, 2, 3]);
        request.body_mut().ups += 1;
        request.done(status)
    }
}

/// Gives what it keeps to a thread.
struct Away(Mutex<Option<Sender<Kept<Token>>>>);

impl Away {
    /// Lets the thread end.
    fn close(&self) {
        self.0.lock().unwrap().take();
    }
}

impl Port<Token> for Away {
    fn begin<'s>(&'s self, request: Request<'s, Token>) -> Outcome<'s, Token> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Token>) {
        let to = self.0.lock().unwrap();
        to.as_ref().expect("open").send(kept).expect("the thread runs until the close");
    }
}

/// Completes, drops and forwards.
fn serve(kept: Receiver<Kept<Token>>, onward: &[Target]) {
    let mut dice = Dice(77);
    for kept in kept {
        match dice.below(4) {
            0 => kept.done(Status::OK),
            1 => drop(kept),
            _ => kept.forward(&onward[dice.below(onward.len() as u64) as usize]),
        }
    }
}

#[derive(Default)]
struct Tally {
    sent: AtomicUsize,
    back: AtomicUsize,
}

struct Client<'a> {
    dice: Dice,
    alive: &'a Arc<AtomicUsize>,
    tally: &'a Tally,
    targets: &'a [Target],
    replies: &'a Arc<dyn ReplyPort<Token>>,
    pending: Vec<Pending<Token>>,
    tickets: Vec<Ticket<Token>>,
}

impl Client<'_> {
    fn run(mut self) {
        for _ in 0..ROUNDS {
            self.step();
        }
        self.pending.drain(..).for_each(|pending| check(&block_on(pending)));
    }

    fn step(&mut self) {
        let target = &self.targets[self.dice.below(self.targets.len() as u64) as usize];
        match self.dice.below(6) {
            0 => {
                let mut call = Call::new(Token::new(self.alive), Data::NONE);
                check_status(call.run(&**target, &Park));
                assert!(call.body().ups <= 2);
            }
            1 | 2 => {
                let mut message = Message::new(Token::new(self.alive));
                self.tickets.push(message.ticket());
                self.tally.sent.fetch_add(1, Ordering::SeqCst);
                message.send(target, self.replies);
            }
            3 => self.pending.push(Message::new(Token::new(self.alive)).ask(target)),
            4 => drop(Message::new(Token::new(self.alive)).ask(target)),
            _ => self.settle(),
        }
    }

    /// Aborts some, waits for some, drops some.
    fn settle(&mut self) {
        self.tickets.drain(..).for_each(|ticket| ticket.abort());
        for pending in self.pending.drain(..) {
            match self.dice.below(3) {
                0 => drop(pending),
                1 => {
                    pending.abort();
                    check(&block_on(pending));
                }
                _ => check(&block_on(pending)),
            }
        }
    }
}

fn check(message: &Message<Token>) {
    check_status(message.status());
}

fn check_status(status: Status) {
    let expected = [Ok(0), Err(Errno::ECANCELED), Err(Errno::ELOOP), Err(Errno::EAGAIN)];
    assert!(expected.contains(&status.result()), "{status:?}");
}

#[test]
fn every_message_comes_back_and_is_freed() {
    let (alive, tally) = (Arc::new(AtomicUsize::new(0)), Tally::default());
    let (sender, receiver) = channel();
    let away = Arc::new(Away(Mutex::new(Some(sender))));
    let threaded = Arc::new(ThreadPort::new(Through::over(away.clone())).with_limit(64));
    let serialized: Target = Arc::new(Serialized::new(Through::over(away.clone())));
    let both: Target = Arc::new(Serialized::new(Through::over(threaded.clone())));
    let onward = [Arc::new(End) as Target, Arc::new(Serialized::new(End))];
    let targets = [away.clone() as Target, serialized, both, threaded.clone()];
    let queue = Inbox::new(usize::MAX);
    let replies: Arc<dyn ReplyPort<Token>> = queue.reply_port();
    thread::scope(|scope| {
        scope.spawn(|| threaded.run(&Park));
        scope.spawn(|| serve(receiver, &onward));
        let clients: Vec<_> = (1..=SENDERS)
            .map(|seed| Client {
                dice: Dice(seed << 32 | 0x7f4a_7c15),
                alive: &alive,
                tally: &tally,
                targets: &targets,
                replies: &replies,
                pending: Vec::new(),
                tickets: Vec::new(),
            })
            .map(|client| scope.spawn(|| client.run()))
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        while tally.back.load(Ordering::SeqCst) < tally.sent.load(Ordering::SeqCst) {
            check(&queue.wait(&Park));
            tally.back.fetch_add(1, Ordering::SeqCst);
        }
        // What nobody waits for any more is on its way still.
        while alive.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        assert!(queue.get().is_none());
        threaded.close();
        away.close();
    });
    assert!(tally.sent.load(Ordering::SeqCst) > ROUNDS);
}
