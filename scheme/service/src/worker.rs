//! The thread of a driver that blocks: requests wait at a thread port, answers go out late. What
//! the driver keeps does not hold the thread up.

use std::{
    sync::{self, Arc, Weak},
    thread::JoinHandle,
};

use agent::{
    Errno, Exchange, Message, Outcome, Port, QUEUE_LIMIT, ReplyPort, Request, Status, ThreadPort,
};

use crate::{
    abort::Flights,
    late::Spare,
    scope::Scope,
    serve::Core,
    socket::{Answer, Ask},
    sync::{Mutex, hold, lock},
    wait::PARK,
};

/// A request on its way through a worker.
pub(crate) struct Job {
    ask: Option<Ask>,
    note: bool,
    answer: Answer,
}

/// A thread and the port in front of it.
pub(crate) struct Worker {
    thread_port: Arc<ThreadPort<Job, Desk>>,
    port: Arc<dyn Port<Job>>,
    replies: Arc<Replies>,
    thread: sync::Mutex<Option<JoinHandle<()>>>,
}

/// Where the thread performs requests.
pub(crate) struct Desk {
    core: Weak<Core>,
    /// The thread's own.
    spare: sync::Mutex<Spare>,
}

impl Port<Job> for Desk {
    fn begin<'s>(&'s self, mut request: Request<'s, Job>) -> Outcome<'s, Job> {
        let Some(core) = self.core.upgrade() else { return request.done(Errno::ENODEV) };
        let Some(ask) = request.body_mut().ask.take() else { return request.done(Errno::EIO) };
        if let Some(answer) = work(&core, &ask, &mut hold(&self.spare)) {
            (request.body_mut().ask, request.body_mut().answer) = (Some(ask), answer);
        }
        request.done(Status::OK)
    }
}

/// Performs a request, unless its abort has been asked for. None where it is answered later on.
fn work(core: &Arc<Core>, ask: &Ask, spare: &mut Spare) -> Option<Answer> {
    let scope = Scope::of_thread();
    let job = scope.next();
    if !ask.is_note() && !core.flights.works(ask.tag(), &scope, job) {
        return Some(Answer::error(Errno::ECANCELED));
    }
    core.perform_late(ask, spare)
}

/// Takes the messages back and answers.
struct Replies {
    core: Weak<Core>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that are in the queue or worked on, notes not counted.
    waiting: usize,
    /// Messages to use again.
    spare: Vec<Message<Job>>,
}

impl ReplyPort<Job> for Replies {
    fn reply(&self, mut message: Message<Job>) {
        let status = message.status();
        let Job { note, answer, .. } = *message.body();
        let ask = message.body_mut().ask.take();
        {
            let mut state = lock(&self.state);
            state.waiting -= usize::from(!note);
            state.spare.push(message);
        }
        // What a driver has kept is answered when it comes back.
        let (Some(core), Some(ask)) = (self.core.upgrade(), ask) else { return };
        if !ask.is_note() {
            core.flights.over(ask.tag());
        }
        core.answer(ask, status.result().map_or_else(Answer::error, |_| answer));
    }
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(core: &Arc<Core>, name: &str) -> std::io::Result<Worker> {
        // Requests are limited below; a close must never be turned away.
        let desk = Desk { core: Arc::downgrade(core), spare: sync::Mutex::default() };
        let desk = ThreadPort::new(desk).with_limit(usize::MAX);
        let thread_port = Arc::new(desk);
        let replies = Arc::new(Replies { core: Arc::downgrade(core), state: Mutex::default() });
        let running = Arc::clone(&thread_port);
        let thread = std::thread::Builder::new()
            .name(format!("driver {name}"))
            .spawn(move || running.run(&PARK))?;
        let port = Arc::clone(&thread_port) as Arc<dyn Port<Job>>;
        Ok(Worker { thread_port, port, replies, thread: sync::Mutex::new(Some(thread)) })
    }

    /// Passes a request to the thread; it is answered from there. `Err` gives it back: the
    /// queue is full.
    pub(crate) fn send(&self, flights: &Flights, ask: Ask) -> Result<(), Ask> {
        let mut message = {
            let mut state = lock(&self.replies.state);
            let note = ask.is_note();
            if !note && state.waiting >= QUEUE_LIMIT {
                return Err(ask);
            }
            state.waiting += usize::from(!note);
            let job = Job { ask: None, note, answer: Answer::error(Errno::EIO) };
            match state.spare.pop() {
                Some(mut message) => {
                    *message.body_mut() = job;
                    message
                }
                None => Message::new(job),
            }
        };
        if !ask.is_note() {
            flights.waits(ask.name(), message.ticket());
        }
        message.body_mut().ask = Some(ask);
        message.send(&self.port, &(Arc::clone(&self.replies) as Arc<dyn ReplyPort<Job>>));
        Ok(())
    }
}

impl Worker {
    /// Ends the thread, once the request that it works on is done. What waits is answered
    /// `ENODEV`.
    pub(crate) fn stop(&self) {
        self.thread_port.close();
        let thread = hold(&self.thread).take();
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
