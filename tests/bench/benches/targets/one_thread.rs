//! Send and reply on one thread, where the target completes at once or keeps the message and
//! answers later: beside queues, and beside actors that are asked.

use crate::{
    asks,
    channels::{ArrayQueue, Crossbeam, CrossbeamUnbounded, SegQueue},
    links::{Client, Link, Server},
    ours::{Boxed, Inline},
    peers::Pair,
    rounds::{Rounds, Way},
    table::{Report, Row, Target},
    work::{Number, Work},
};

pub(crate) fn run(report: &mut Report) {
    let ours = vec![alone::<Inline>("inline"), alone::<Boxed>("kept")];
    let peers = vec![
        alone::<Pair<ArrayQueue, Number>>("crossbeam ArrayQueue"),
        alone::<Pair<SegQueue, Number>>("crossbeam SegQueue"),
        alone::<Pair<Crossbeam, Number>>("crossbeam bounded"),
        alone::<Pair<CrossbeamUnbounded, Number>>("crossbeam unbounded"),
        asks::bounded("tokio mpsc + oneshot"),
        asks::unbounded("tokio unbounded + oneshot"),
        asks::actor("kameo"),
    ];
    let results = Rounds::SHORT.run(ours, peers);
    for (measure, ours, peers, most) in [
        ("send and reply, inline; two pushes and pops", "inline", "crossbeam", 0.25),
        ("send and reply, kept; two pushes and pops", "kept", "crossbeam", 0.6),
        ("send and reply, inline; an ask", "inline", "tokio", 0.1),
        ("send and reply, kept; an ask", "kept", "tokio", 0.1),
        ("send and reply, inline; an actor's ask", "inline", "kameo", 0.1),
        ("send and reply, kept; an actor's ask", "kept", "kameo", 0.1),
    ] {
        let row = Row::times(measure, results.of(ours), results.best_of(peers));
        report.row(row.target(Target::Ratio(most)));
    }
    report.ways("one thread", results.into_samples());
}

/// Messages that there is room for.
const ROOM: usize = 64;

/// Both ends on this thread, one question after the other.
fn alone<L: Link<Number>>(name: &'static str) -> Way<'static>
where
    L::Client: 'static,
    L::Server: 'static,
{
    let (mut client, mut server) = L::open(ROOM);
    let mut item = Some(client.item());
    Way::timed(name, move |count| {
        for number in 0..count {
            let mut question = item.take().expect("it is back");
            L::Client::work(&mut question).ask(number);
            client.send(question);
            server.serve(Number::serve);
            let mut answer = client.get().expect("it is answered");
            L::Client::work(&mut answer).check(number);
            item = Some(answer);
        }
    })
}
