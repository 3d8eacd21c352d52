//! Messages as links.

use std::{hint::black_box, marker::PhantomData, sync::Arc};

use agent::{
    Call, Data, Exchange, Inbox, Kept, Mailbox, Message, Outcome, Port, Receiver, Request, Spin,
    Status,
};

use crate::{
    links::{Client, Fan, Link, Server},
    waits::{Park, Waits},
    work::Work,
};

/// The target completes a message in its sender's context.
pub(crate) struct Inline;

/// The target's owner takes messages, and completes them later. Where an end waits, it does so
/// in the way `T`.
pub(crate) struct Boxed<T = Park>(PhantomData<T>);

pub(crate) struct Sends<W: Work, T> {
    port: Arc<dyn Port<W>>,
    inbox: Inbox<W>,
    waits: PhantomData<fn() -> T>,
}

pub(crate) struct Takes<W: Work, T> {
    receiver: Receiver<W>,
    waits: PhantomData<fn() -> T>,
}

impl<W: Work, T> Sends<W, T> {
    pub(crate) fn new(port: Arc<dyn Port<W>>, limit: usize) -> Self {
        // Nobody is to see which port that is.
        let port = black_box(port);
        Sends { inbox: Inbox::at(&port, limit), port, waits: PhantomData }
    }
}

impl<W: Work, T: Waits> Client<W> for Sends<W, T> {
    type Item = Message<W>;

    fn item(&self) -> Message<W> {
        Message::new(W::new())
    }

    #[inline]
    fn work(item: &mut Message<W>) -> &mut W {
        item.body_mut()
    }

    #[inline]
    fn send(&mut self, item: Message<W>) {
        assert!(self.inbox.send(item, &self.port).is_ok(), "there is room");
    }

    #[inline]
    fn get(&mut self) -> Option<Message<W>> {
        self.inbox.get()
    }

    #[inline]
    fn wait(&mut self) -> Message<W> {
        self.inbox.wait(&T::default())
    }
}

#[inline]
fn answer<W: Work>(mut kept: Kept<W>, work: impl FnOnce(&mut W) -> bool) -> bool {
    let goes_on = work(kept.body_mut());
    kept.done(Status::OK);
    goes_on
}

impl<W: Work, T> Takes<W, T> {
    /// The next message, to be completed later.
    pub(crate) fn take(&mut self) -> Option<Kept<W>> {
        self.receiver.get()
    }
}

impl<W: Work, T: Waits> Server<W> for Takes<W, T> {
    #[inline]
    fn serve(&mut self, work: impl FnOnce(&mut W) -> bool) -> Option<bool> {
        self.receiver.get().map(|kept| answer(kept, work))
    }

    #[inline]
    fn wait(&mut self, work: impl FnOnce(&mut W) -> bool) -> bool {
        answer(self.receiver.wait(&T::default()), work)
    }
}

impl<W: Work, T: Waits> Fan<W> for Boxed<T> {
    type Client = Sends<W, T>;
    type Server = Takes<W, T>;

    fn open(clients: usize, limit: usize) -> (Vec<Self::Client>, Self::Server) {
        let (mailbox, receiver) = Mailbox::new(clients * limit);
        let clients = (0..clients).map(|_| Sends::new(mailbox.clone(), limit)).collect();
        (clients, Takes { receiver, waits: PhantomData })
    }
}

impl<W: Work, T: Waits> Link<W> for Boxed<T> {
    type Client = Sends<W, T>;
    type Server = Takes<W, T>;

    fn open(limit: usize) -> (Self::Client, Self::Server) {
        let (mut clients, server) = <Self as Fan<W>>::open(1, limit);
        (clients.remove(0), server)
    }
}

struct Serves;

impl<W: Work> Port<W> for Serves {
    #[inline]
    fn begin<'s>(&'s self, mut request: Request<'s, W>) -> Outcome<'s, W> {
        request.body_mut().serve();
        request.done(Status::OK)
    }
}

/// Has nothing to do: the target has done it.
pub(crate) struct Idle;

impl<W: Work> Server<W> for Idle {
    #[inline]
    fn serve(&mut self, _: impl FnOnce(&mut W) -> bool) -> Option<bool> {
        Some(true)
    }

    fn wait(&mut self, _: impl FnOnce(&mut W) -> bool) -> bool {
        true
    }
}

impl<W: Work> Link<W> for Inline {
    type Client = Sends<W, Park>;
    type Server = Idle;

    fn open(limit: usize) -> (Self::Client, Idle) {
        (Sends::new(Arc::new(Serves), limit), Idle)
    }
}

/// Calls, of the same target as [`Boxed`]: the client spins.
pub(crate) struct Called;

pub(crate) struct Calls<W: 'static> {
    port: Arc<dyn Port<W>>,
    back: Option<W>,
}

impl<W: Work> Client<W> for Calls<W> {
    type Item = W;

    fn item(&self) -> W {
        W::new()
    }

    #[inline]
    fn work(item: &mut W) -> &mut W {
        item
    }

    #[inline]
    fn send(&mut self, item: W) {
        let mut call = Call::new(item, Data::NONE);
        call.run(&*self.port, &Spin);
        self.back = Some(call.into_body());
    }

    #[inline]
    fn get(&mut self) -> Option<W> {
        self.back.take()
    }

    fn wait(&mut self) -> W {
        self.get().expect("a call returns with it")
    }
}

impl<W: Work> Link<W> for Called {
    type Client = Calls<W>;
    type Server = Takes<W, Park>;

    fn open(limit: usize) -> (Calls<W>, Self::Server) {
        let (mailbox, receiver) = Mailbox::new(limit);
        (Calls { port: black_box(mailbox), back: None }, Takes { receiver, waits: PhantomData })
    }
}
