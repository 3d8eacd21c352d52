//! Two ends that questions and answers go between, whatever carries them.

use std::{
    hint::spin_loop,
    thread,
    time::{Duration, Instant},
};

use crate::{cores, work::Work};

/// The end that asks. What it sends it gets back, to be used again.
pub(crate) trait Client<W>: Send {
    type Item: Send;

    fn item(&self) -> Self::Item;
    fn work(item: &mut Self::Item) -> &mut W;
    fn send(&mut self, item: Self::Item);
    fn get(&mut self) -> Option<Self::Item>;
    /// Sleeps until there is one, or does what its maker takes for that.
    fn wait(&mut self) -> Self::Item;
}

/// The end that answers.
pub(crate) trait Server<W>: Send {
    /// Answers the next question, if there is one; false where `work` says that it was the last.
    fn serve(&mut self, work: impl FnOnce(&mut W) -> bool) -> Option<bool>;
    /// Sleeps until there is one.
    fn wait(&mut self, work: impl FnOnce(&mut W) -> bool) -> bool;
}

/// Makes one client and its server.
pub(crate) trait Link<W>: 'static {
    type Client: Client<W>;
    type Server: Server<W>;

    /// Ends with room for `limit` questions.
    fn open(limit: usize) -> (Self::Client, Self::Server);
}

/// Makes many clients of one server.
pub(crate) trait Fan<W>: 'static {
    type Client: Client<W>;
    type Server: Server<W>;

    /// Ends with room for `limit` questions of each client.
    fn open(clients: usize, limit: usize) -> (Vec<Self::Client>, Self::Server);
}

/// What an end does while there is nothing for it.
pub(crate) trait Patience: 'static {
    fn get<W, C: Client<W>>(client: &mut C) -> C::Item;
    fn serve<W: Work, S: Server<W>>(server: &mut S) -> bool;
}

/// Looks again at once.
pub(crate) struct Spinning;
/// Lets another thread run first.
pub(crate) struct Yielding;
/// Sleeps.
pub(crate) struct Sleeping;

fn poll<T>(mut look: impl FnMut() -> Option<T>, between: impl Fn()) -> T {
    loop {
        match look() {
            Some(found) => return found,
            None => between(),
        }
    }
}

impl Patience for Spinning {
    #[inline]
    fn get<W, C: Client<W>>(client: &mut C) -> C::Item {
        poll(|| client.get(), spin_loop)
    }

    #[inline]
    fn serve<W: Work, S: Server<W>>(server: &mut S) -> bool {
        poll(|| server.serve(W::serve), spin_loop)
    }
}

impl Patience for Yielding {
    fn get<W, C: Client<W>>(client: &mut C) -> C::Item {
        poll(|| client.get(), thread::yield_now)
    }

    fn serve<W: Work, S: Server<W>>(server: &mut S) -> bool {
        poll(|| server.serve(W::serve), thread::yield_now)
    }
}

impl Patience for Sleeping {
    fn get<W, C: Client<W>>(client: &mut C) -> C::Item {
        client.wait()
    }

    fn serve<W: Work, S: Server<W>>(server: &mut S) -> bool {
        server.wait(W::serve)
    }
}

/// Asks `count` questions, as many under way at a time as there are items, and checks every
/// answer. Answers come in the order of the questions.
pub(crate) fn ask<W: Work, C: Client<W>, P: Patience>(
    client: &mut C,
    items: &mut Vec<C::Item>,
    count: u64,
) {
    let mut asked = 0;
    let mut send = |client: &mut C, mut item: C::Item| {
        C::work(&mut item).ask(asked);
        client.send(item);
        asked += 1;
    };
    let at_once = count.min(items.len() as u64);
    for item in items.drain(items.len() - at_once as usize..) {
        send(client, item);
    }
    for back in 0..count {
        let mut item = P::get(client);
        C::work(&mut item).check(back);
        if back + at_once < count { send(client, item) } else { items.push(item) }
    }
}

/// Ends the server.
pub(crate) fn end<W: Work, C: Client<W>, P: Patience>(client: &mut C, item: Option<C::Item>) {
    let mut item = item.expect("nothing is under way");
    C::work(&mut item).end();
    client.send(item);
    P::get(client);
}

pub(crate) fn items<W, C: Client<W>>(client: &C, count: usize) -> Vec<C::Item> {
    (0..count).map(|_| client.item()).collect()
}

/// Questions before the first that counts: the other thread is there then, and all is warm.
pub(crate) const WARM: u64 = 256;

/// Times of questions to another thread.
pub(crate) struct Times {
    /// What they took, once both threads were there.
    pub(crate) took: Duration,
    /// Processor time of both threads, over their lives.
    pub(crate) used: Duration,
}

/// What `count` questions to another thread take, on two processors.
pub(crate) fn across<W: Work, L: Link<W>, P: Patience>(outstanding: usize, count: u64) -> Times {
    let (mut client, mut server) = L::open(outstanding);
    let mut items = items(&client, outstanding);
    let _here = cores::pin(0);
    thread::scope(|scope| {
        let there = scope.spawn(move || {
            let _there = cores::pin(1);
            while P::serve(&mut server) {}
            cores::time_used()
        });
        let before = cores::time_used();
        ask::<W, _, P>(&mut client, &mut items, WARM);
        let start = Instant::now();
        ask::<W, _, P>(&mut client, &mut items, count);
        let took = start.elapsed();
        end::<W, _, P>(&mut client, items.pop());
        let here = cores::time_used() - before;
        Times { took, used: here + there.join().expect("it ends") }
    })
}
