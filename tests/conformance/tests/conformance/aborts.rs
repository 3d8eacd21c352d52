//! Aborts of what a driver keeps.

use std::sync::Arc;

use agent::{MessageId, Outcome, Pending, ThreadPort};
use driver::{Body, Bytes, Cred, Driver, Errno, Message, Node, Op, Port, Request, Status};
use kit::{Files, sent};
use service::PARK;

use crate::{placement::everywhere, stacks};

/// A driver as a port of a known size, for a thread to wait in its callers' stead.
struct Away(Arc<dyn Driver>);

impl Port<Body> for Away {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.0.begin(request)
    }

    fn interrupt(&self, id: MessageId) {
        self.0.interrupt(id);
    }
}

fn ask(port: &Arc<dyn Port<Body>>, op: Op, data: Bytes) -> Pending<Body> {
    let mut message = Message::new(Body::new(op, Cred::ROOT));
    message.set_data(data);
    message.ask(port)
}

/// A message that is aborted comes back all the same, once: done, or aborted.
pub(crate) fn ended(driver: &Arc<dyn Driver>, op: Op, data: Bytes, done: Status) {
    let late = sent(driver, op, data);
    late.abort();
    let message = late.back();
    assert!([done, Errno::ECANCELED.into()].contains(&message.status()), "{op:?}");
    assert_eq!(message.body().op, op);
}

/// Messages that nobody answers: each is aborted, and comes back as it was.
fn aborted(driver: &Arc<dyn Driver>, at: &str) {
    let front = Arc::new(ThreadPort::new(Away(Arc::clone(driver))));
    let port: Arc<dyn Port<Body>> = Arc::<ThreadPort<_, _>>::clone(&front);
    let node = Node::ROOT;
    let data = || [Bytes::Source(vec![1; 4096]), Bytes::Sink(vec![2; 4096])];
    let ops = [Op::Write { node, offset: 0 }, Op::Read { node, offset: 512 }];
    std::thread::scope(|scope| {
        scope.spawn(|| front.run(&PARK));
        for _ in 0..20 {
            for (op, data) in ops.into_iter().zip(data()) {
                let pending = ask(&port, op, data);
                pending.abort();
                let message = back(pending);
                assert_eq!(message.status(), Errno::ECANCELED.into(), "{at}: {op:?}");
                assert_eq!(message.body().op, op);
            }
        }
        front.close();
    });
}

/// The same for file systems that make no directory.
fn aborted_files(driver: &Arc<dyn Driver>, at: &str) {
    let front = Arc::new(ThreadPort::new(Away(Arc::clone(driver))));
    let port: Arc<dyn Port<Body>> = Arc::<ThreadPort<_, _>>::clone(&front);
    let op = Op::Mkdir { parent: Node::ROOT, mode: 0o755 };
    std::thread::scope(|scope| {
        scope.spawn(|| front.run(&PARK));
        for _ in 0..20 {
            let mut message = Message::new(Body::new(op, Cred::ROOT));
            message.set_names([b"dir".to_vec()]);
            let pending = message.ask(&port);
            pending.abort();
            let message = back(pending);
            assert_eq!(message.status(), Errno::ECANCELED.into(), "{at}");
            assert_eq!(message.body().op, op);
        }
        front.close();
    });
    let files = Files(Arc::clone(driver));
    assert_eq!(files.find("dir").map(drop), Err(Errno::ENOENT), "{at}");
    assert!(files.create(Cred::ROOT, Node::ROOT, "file").is_ok(), "{at}: it goes on");
}

/// The message, once it is back.
fn back(mut pending: Pending<Body>) -> Message<Body> {
    loop {
        match pending.try_take() {
            Ok(message) => return message,
            Err(away) => pending = away,
        }
        std::thread::yield_now();
    }
}

pub(crate) fn what_is_kept_comes_back_when_it_is_aborted_in_every_placement() {
    for stack in stacks::silent() {
        everywhere(&stack.text, |placement, driver| {
            aborted(&driver, &format!("{} {placement}", stack.name));
        });
    }
    for stack in stacks::stuck() {
        everywhere(&stack.text, |placement, driver| {
            aborted_files(&driver, &format!("{} {placement}", stack.name));
        });
    }
}
