//! Channels as links: one carries the questions of all clients, one for each of them the answers.

use std::{borrow::BorrowMut, marker::PhantomData};

use crate::{
    channels::Channel,
    links::{Client, Fan, Link, Server},
    work::Work,
};

/// One client. The channels carry `I`: the work itself, or a box of it that is used again.
pub(crate) struct Pair<C, I>(PhantomData<(C, I)>);

/// Many clients.
pub(crate) struct Many<C, I>(PhantomData<(C, I)>);

/// Whose question it is; with one client, nothing at all.
pub(crate) trait Address: Copy + Send + 'static {
    type Ends<S: Send>: Send;

    fn end<S: Send>(self, ends: &Self::Ends<S>) -> &S;
}

impl Address for () {
    type Ends<S: Send> = S;

    #[inline]
    fn end<S: Send>(self, end: &S) -> &S {
        end
    }
}

impl Address for u32 {
    type Ends<S: Send> = Vec<S>;

    #[inline]
    fn end<S: Send>(self, ends: &Vec<S>) -> &S {
        &ends[self as usize]
    }
}

/// What a channel carries of some work.
pub(crate) trait Item<W>: From<W> + BorrowMut<W> + Send + 'static {}

impl<W, I: From<W> + BorrowMut<W> + Send + 'static> Item<W> for I {}

pub(crate) struct Asks<C: Channel, I: Send + 'static, A: Address> {
    address: A,
    questions: C::Sender<(A, I)>,
    answers: C::Receiver<I>,
}

pub(crate) struct Answers<C: Channel, I: Send + 'static, A: Address> {
    questions: C::Receiver<(A, I)>,
    answers: A::Ends<C::Sender<I>>,
}

impl<W: Work, C: Channel, I: Item<W>, A: Address> Client<W> for Asks<C, I, A> {
    type Item = I;

    fn item(&self) -> I {
        W::new().into()
    }

    #[inline]
    fn work(item: &mut I) -> &mut W {
        item.borrow_mut()
    }

    #[inline]
    fn send(&mut self, item: I) {
        C::push(&self.questions, (self.address, item));
    }

    #[inline]
    fn get(&mut self) -> Option<I> {
        C::try_pop(&self.answers)
    }

    #[inline]
    fn wait(&mut self) -> I {
        C::pop(&self.answers)
    }
}

impl<C: Channel, I: Send, A: Address> Answers<C, I, A> {
    #[inline]
    fn answer<W: Work>(&self, question: (A, I), work: impl FnOnce(&mut W) -> bool) -> bool
    where
        I: Item<W>,
    {
        let (address, mut item) = question;
        let goes_on = work(item.borrow_mut());
        C::push(address.end(&self.answers), item);
        goes_on
    }
}

impl<W: Work, C: Channel, I: Item<W>, A: Address> Server<W> for Answers<C, I, A> {
    #[inline]
    fn serve(&mut self, work: impl FnOnce(&mut W) -> bool) -> Option<bool> {
        C::try_pop(&self.questions).map(|question| self.answer(question, work))
    }

    #[inline]
    fn wait(&mut self, work: impl FnOnce(&mut W) -> bool) -> bool {
        self.answer(C::pop(&self.questions), work)
    }
}

impl<W: Work, C: Channel, I: Item<W>> Link<W> for Pair<C, I> {
    type Client = Asks<C, I, ()>;
    type Server = Answers<C, I, ()>;

    fn open(limit: usize) -> (Self::Client, Self::Server) {
        let (ask, asked) = C::open(limit);
        let (answer, answered) = C::open(limit);
        let client = Asks { address: (), questions: ask, answers: answered };
        (client, Answers { questions: asked, answers: answer })
    }
}

impl<W: Work, C: Channel, I: Item<W>> Fan<W> for Many<C, I> {
    type Client = Asks<C, I, u32>;
    type Server = Answers<C, I, u32>;

    fn open(clients: usize, limit: usize) -> (Vec<Self::Client>, Self::Server) {
        let (ask, asked) = C::open(clients * limit);
        let ends = (0..clients as u32).map(|address| {
            let (answer, answers) = C::open(limit);
            (answer, Asks { address, questions: C::Sender::clone(&ask), answers })
        });
        let (answers, clients) = ends.unzip();
        (clients, Answers { questions: asked, answers })
    }
}
