//! The thread of a driver that blocks: requests wait at a thread port, answers go out late.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::JoinHandle,
};

use agent::{
    Errno, Exchange, Message, Outcome, Port, QUEUE_LIMIT, ReplyPort, Request, Status, ThreadPort,
    Ticket,
};

use crate::{
    serve::Core,
    socket::{Answer, Ask},
    wait::PARK,
};

/// A request on its way through a worker.
pub(crate) struct Job {
    ask: Option<Ask>,
    answer: Answer,
}

/// A thread and the port in front of it.
pub(crate) struct Worker {
    thread_port: Arc<ThreadPort<Job, Desk>>,
    port: Arc<dyn Port<Job>>,
    replies: Arc<Replies>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where the thread performs requests.
pub(crate) struct Desk(Weak<Core>);

impl Port<Job> for Desk {
    fn begin<'s>(&'s self, mut request: Request<'s, Job>) -> Outcome<'s, Job> {
        let Some(core) = self.0.upgrade() else { return request.done(Errno::ENODEV) };
        let Some(ask) = request.body_mut().ask.take() else { return request.done(Errno::EIO) };
        let answer = core.perform(&ask);
        *request.body_mut() = Job { ask: Some(ask), answer };
        request.done(Status::OK)
    }
}

/// Takes the messages back and answers.
struct Replies {
    core: Weak<Core>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that may still be cancelled, by tag; notes have none.
    tickets: HashMap<u32, Ticket<Job>>,
    /// Messages to use again.
    spare: Vec<Message<Job>>,
}

impl Replies {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplyPort<Job> for Replies {
    fn reply(&self, mut message: Message<Job>) {
        let status = message.status();
        let Some(ask) = message.body_mut().ask.take() else { return };
        let answer = match status.result() {
            Ok(_) => message.body().answer,
            Err(errno) => Answer::error(errno),
        };
        {
            let mut state = self.state();
            // Forgotten before it is answered: the tag may be used again right after.
            if !ask.is_note() {
                state.tickets.remove(&ask.tag());
            }
            state.spare.push(message);
        }
        if let Some(core) = self.core.upgrade() {
            core.answer(ask, answer);
        }
    }
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(core: &Arc<Core>, name: &str) -> std::io::Result<Worker> {
        // Requests are limited below; a close must never be turned away.
        let desk = ThreadPort::new(Desk(Arc::downgrade(core))).with_limit(usize::MAX);
        let thread_port = Arc::new(desk);
        let replies = Arc::new(Replies { core: Arc::downgrade(core), state: Mutex::default() });
        let running = Arc::clone(&thread_port);
        let thread = std::thread::Builder::new()
            .name(format!("driver {name}"))
            .spawn(move || running.run(&PARK))?;
        let port = Arc::clone(&thread_port) as Arc<dyn Port<Job>>;
        Ok(Worker { thread_port, port, replies, thread: Mutex::new(Some(thread)) })
    }

    /// Passes a request to the thread; it is answered from there. `Err` gives it back: the
    /// queue is full.
    pub(crate) fn send(&self, ask: Ask) -> Result<(), Ask> {
        let message = {
            let mut state = self.replies.state();
            if !ask.is_note() && state.tickets.len() >= QUEUE_LIMIT {
                return Err(ask);
            }
            let (tag, note) = (ask.tag(), ask.is_note());
            let job = Job { ask: Some(ask), answer: Answer::error(Errno::EIO) };
            let mut message = match state.spare.pop() {
                Some(mut message) => {
                    *message.body_mut() = job;
                    message
                }
                None => Message::new(job),
            };
            if !note {
                state.tickets.insert(tag, message.ticket());
            }
            message
        };
        message.send(&self.port, &(Arc::clone(&self.replies) as Arc<dyn ReplyPort<Job>>));
        Ok(())
    }

    /// Cancels the request of this tag if it waits; one that is worked on ends by itself.
    pub(crate) fn cancel(&self, tag: u32) {
        let ticket = self.replies.state().tickets.remove(&tag);
        if let Some(ticket) = ticket {
            ticket.abort();
        }
    }
}

impl Worker {
    /// Ends the thread, once the request that it works on is done. What waits is answered
    /// `ENODEV`.
    pub(crate) fn stop(&self) {
        self.thread_port.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}
