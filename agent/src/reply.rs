//! Where messages come back: reply ports.

use alloc::{collections::VecDeque, sync::Arc};
use core::task::Waker;

use crate::send::Message;

/// Takes messages back. The simplest is a [`ReplyQueue`]; others act on the reply at once, in
/// the context of whoever replies, and so must not block or take long.
pub trait ReplyPort<B: 'static>: Send + Sync {
    /// A message is back; it is the receiver's.
    fn reply(&self, message: Message<B>);
}

/// A reply port that queues.
pub struct ReplyQueue<B: 'static> {
    state: spin::Mutex<QueueState<B>>,
}

struct QueueState<B: 'static> {
    messages: VecDeque<Message<B>>,
    bell: Option<Waker>,
}

impl<B: Send + 'static> ReplyQueue<B> {
    /// An empty queue. Messages that come back when nobody holds it any more are freed.
    pub fn new() -> Arc<ReplyQueue<B>> {
        let state = QueueState { messages: VecDeque::new(), bell: None };
        Arc::new(ReplyQueue { state: spin::Mutex::new(state) })
    }

    /// The next message that is back, if there is one.
    pub fn get(&self) -> Option<Message<B>> {
        self.state.lock().messages.pop_front()
    }

    /// Waits for the next message. For one thread at a time: a reply wakes the last to wait.
    pub fn wait(&self, wait: &dyn crate::Wait) -> Message<B> {
        loop {
            {
                let mut state = self.state.lock();
                if let Some(message) = state.messages.pop_front() {
                    return message;
                }
                state.bell = Some(wait.waker());
            }
            wait.park();
        }
    }
}

impl<B: Send + 'static> ReplyPort<B> for ReplyQueue<B> {
    fn reply(&self, message: Message<B>) {
        let bell = {
            let mut state = self.state.lock();
            state.messages.push_back(message);
            state.bell.take()
        };
        if let Some(bell) = bell {
            bell.wake();
        }
    }
}
