//! Peers with a runtime: an ask of a service that is a task of its own, on one thread.

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    error::Infallible,
    message::{Context, Message},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
};

use crate::{
    rounds::Way,
    work::{Number, Work},
};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// One ask after the other, of a service whose task and asker share a thread.
fn asks(
    name: &'static str,
    runtime: Runtime,
    ask: impl AsyncFn(Number) -> Number + 'static,
) -> Way<'static> {
    Way::timed(name, move |count| {
        runtime.block_on(async {
            for number in 0..count {
                let mut work = Number::new();
                work.ask(number);
                ask(work).await.check(number);
            }
        });
    })
}

type Question = (Number, oneshot::Sender<Number>);

fn answer((mut work, reply): Question) {
    work.serve();
    assert!(reply.send(work).is_ok(), "the asker is there");
}

pub(crate) fn bounded(name: &'static str) -> Way<'static> {
    let runtime = runtime();
    let (sender, mut receiver) = mpsc::channel::<Question>(64);
    runtime.spawn(async move {
        while let Some(question) = receiver.recv().await {
            answer(question);
        }
    });
    asks(name, runtime, async move |work| {
        let (reply, answered) = oneshot::channel();
        assert!(sender.send((work, reply)).await.is_ok(), "the service is there");
        answered.await.expect("the service is there")
    })
}

pub(crate) fn unbounded(name: &'static str) -> Way<'static> {
    let runtime = runtime();
    let (sender, mut receiver) = mpsc::unbounded_channel::<Question>();
    runtime.spawn(async move {
        while let Some(question) = receiver.recv().await {
            answer(question);
        }
    });
    asks(name, runtime, async move |work| {
        let (reply, answered) = oneshot::channel();
        assert!(sender.send((work, reply)).is_ok(), "the service is there");
        answered.await.expect("the service is there")
    })
}

struct Service;

impl Actor for Service {
    type Args = Service;
    type Error = Infallible;

    async fn on_start(service: Service, _: ActorRef<Service>) -> Result<Service, Infallible> {
        Ok(service)
    }
}

impl Message<Number> for Service {
    type Reply = Result<Number, Infallible>;

    async fn handle(
        &mut self,
        mut work: Number,
        _: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        work.serve();
        Ok(work)
    }
}

pub(crate) fn actor(name: &'static str) -> Way<'static> {
    let runtime = runtime();
    let service = runtime.block_on(async { Service::spawn(Service) });
    asks(name, runtime, async move |work| {
        service.ask(work).await.unwrap_or_else(|_| panic!("the service is there"))
    })
}
