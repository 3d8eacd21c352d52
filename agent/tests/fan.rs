//! Fan-out: children share a parent's data, and the parent ends when they have.

mod common;

use std::{
    sync::{Arc, Mutex},
    thread,
};

use agent::{
    Call, Came, Child, Data, Errno, Exchange, Fan, Inbox, Kept, Message, Meter, Neighbour, Origin,
    Outcome, Port, Request, Saved, Serialized, Status, ThreadPort, Ticket, prefix, sum,
};
use common::{Inline, Keeper, Park, Target, Trail, block_on};

/// Gives each lower port an equal part of the data, its number, and sums what they answer.
struct Stripe {
    lower: Vec<Target>,
    fan: Fan<Trail>,
}

impl Stripe {
    fn over(lower: impl IntoIterator<Item = Target>) -> Stripe {
        Stripe { lower: lower.into_iter().collect(), fan: Fan::new() }
    }
}

impl Port<Trail> for Stripe {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let part = request.len() / self.lower.len().max(1);
        let children = self.lower.iter().enumerate().map(|(number, port)| Child {
            port: &**port,
            body: vec![number as u32],
            range: number * part..(number + 1) * part,
        });
        self.fan.forward(request, self, children, merge, [7, 8, 9])
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s, Trail>,
        s: Status,
        saved: Saved,
    ) -> Outcome<'s, Trail> {
        assert_eq!(saved, [7, 8, 9]);
        request.body_mut().push(99);
        request.done(s)
    }
}

fn merge(parent: &mut Trail, so_far: Status, child: Came<'_, Trail>) -> Status {
    parent.extend(child.body);
    sum(parent, so_far, child)
}

/// Fills what it sees with its number, at once.
struct Fills(u8);

impl Port<Trail> for Fills {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let len = request.len();
        let filled = request.fill(0, &vec![self.0; len]);
        request.done(filled.map(|()| len))
    }
}

fn fill(kept: &mut Kept<Trail>, with: u8) -> usize {
    let len = kept.len();
    kept.fill(0, &vec![with; len]).unwrap();
    len
}

#[test]
fn children_completed_at_once_complete_the_parent_at_once() {
    let stripe = Stripe::over([Arc::new(Fills(1)) as Target, Arc::new(Fills(2))]);
    let mut room = [0; 6];
    let mut call = Call::new(Trail::new(), Data::sink(&mut room));
    assert_eq!(call.run(&stripe, &Park), Status::ok(6));
    assert_eq!(*call.body(), [0, 1, 99]);
    assert_eq!(call.counts().messages, 3);
    assert_eq!(call.counts().looks, 2);
    assert_eq!(room, [1, 1, 1, 2, 2, 2]);
}

#[test]
fn the_parent_ends_when_the_last_child_is_back_and_hears_in_the_childrens_order() {
    let (first, second) = (Keeper::new(), Keeper::new());
    let stripe = Stripe::over([first.clone() as Target, Arc::new(Fills(7)), second.clone()]);
    let mut room = [0; 6];
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut call = Call::new(Trail::new(), Data::sink(&mut room));
            (call.run(&stripe, &Park), call.into_body())
        });
        let mut kept = second.next();
        let len = fill(&mut kept, 3);
        kept.done(Status::ok(len));
        let mut kept = first.next();
        assert!(!asked.is_finished());
        let len = fill(&mut kept, 1);
        kept.done(Status::ok(len));
        assert_eq!(asked.join().unwrap(), (Status::ok(6), vec![0, 1, 2, 99]));
    });
    assert_eq!(room, [1, 1, 7, 7, 3, 3]);
}

#[test]
fn the_first_error_in_order_is_the_parents_and_the_others_still_come_back() {
    let keepers = [Keeper::new(), Keeper::new(), Keeper::new()];
    let stripe: Target = Arc::new(Stripe::over(keepers.clone().map(|keeper| keeper as Target)));
    let pending = Message::new(Trail::new()).ask(&stripe);
    keepers[2].next().done(Errno::ENOSPC);
    keepers[1].next().done(Errno::EROFS);
    assert!(!pending.is_done());
    keepers[0].next().done(Status::OK);
    assert_eq!(block_on(pending).status(), Errno::EROFS.into());
}

#[test]
fn an_abort_of_the_parent_reaches_every_child_that_is_away() {
    let keepers = [Keeper::obedient(), Keeper::obedient(), Keeper::obedient()];
    let stripe: Target = Arc::new(Stripe::over(keepers.clone().map(|keeper| keeper as Target)));
    let pending = Message::new(Trail::new()).ask(&stripe);
    keepers[1].next().done(Status::ok(1));
    pending.abort();
    let ended = block_on(pending);
    assert_eq!(ended.status(), Errno::ECANCELED.into());
    let aborts = keepers.map(|keeper| keeper.aborts.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(aborts, [1, 0, 1]);
}

#[test]
fn an_abort_follows_through_a_fan_out_of_fan_outs() {
    let keepers = [Keeper::obedient(), Keeper::obedient()];
    let inner: Target = Arc::new(Stripe::over(keepers.clone().map(|keeper| keeper as Target)));
    let outer: Target = Arc::new(Stripe::over([inner, Arc::new(Inline) as Target]));
    let pending = Message::new(Trail::new()).ask(&outer);
    pending.abort();
    assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
    assert!(keepers.iter().all(|keeper| keeper.len() == 0));
}

#[test]
fn an_abort_reaches_the_children_of_a_serialized_driver() {
    let keeper = Keeper::obedient();
    let stripe: Target = Arc::new(Serialized::new(Stripe::over([keeper.clone() as Target])));
    let pending = Message::new(Trail::new()).ask(&stripe);
    pending.abort();
    assert_eq!(block_on(pending).status(), Errno::ECANCELED.into());
    assert_eq!(keeper.len(), 0);
}

/// Answers with `ECANCELED` at once, as a port that waits in another process and is interrupted.
struct Cancels;

impl Port<Trail> for Cancels {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.done(Errno::ECANCELED)
    }
}

#[test]
fn after_a_child_that_was_cancelled_the_others_are_not_begun() {
    let (first, last) = (Keeper::new(), Keeper::new());
    let lower = [first.clone() as Target, Arc::new(Cancels), last.clone(), last.clone()];
    let stripe: Target = Arc::new(Stripe::over(lower));
    for round in 1..4 {
        let pending = Message::new(Trail::new()).ask(&stripe);
        assert!(!pending.is_done(), "one is away, and nobody has asked for its abort");
        first.next().done(Status::ok(round));
        let mut message = block_on(pending);
        assert_eq!(message.status(), Errno::ECANCELED.into());
        assert_eq!(*message.body_mut(), [0, 1, 2, 3, 99], "each is heard of");
        assert_eq!(message.counts().messages, 3, "two were begun");
    }
    assert_eq!(last.len(), 0);
}

/// Asks for the abort of the message whose child this begins, which it answers all the same.
struct Unwanted(Arc<Mutex<Option<Ticket<Trail>>>>);

impl Port<Trail> for Unwanted {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        self.0.lock().unwrap().take().unwrap().abort();
        request.done(Status::ok(1))
    }
}

#[test]
fn once_a_parent_is_to_be_aborted_no_child_is_begun() {
    let ticket = Arc::new(Mutex::new(None));
    let last = Keeper::new();
    let lower = [Arc::new(Unwanted(ticket.clone())) as Target, last.clone()];
    let stripe: Target = Arc::new(Stripe::over(lower));
    let mut message = Message::new(Trail::new());
    *ticket.lock().unwrap() = Some(message.ticket());
    let inbox = Inbox::new(1);
    assert!(inbox.send(message, &stripe).is_ok());
    let message = inbox.get().unwrap();
    assert_eq!(message.status(), Errno::ECANCELED.into());
    assert_eq!(last.len(), 0);
}

#[test]
fn parts_that_are_not_of_the_data_or_overlap_where_they_are_filled_are_refused() {
    struct Odd(Fan<Trail>, Target, [std::ops::Range<usize>; 2]);
    impl Port<Trail> for Odd {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            let child = |range: &std::ops::Range<usize>| Child {
                port: &*self.1,
                body: Trail::new(),
                range: range.clone(),
            };
            self.0.forward(request, self, self.2.iter().map(child), sum, [0; 3])
        }
    }
    let odd = |parts| Odd(Fan::new(), Arc::new(Inline), parts);
    let mut room = [0; 8];
    let mut fill = |odd: &Odd| Call::new(Trail::new(), Data::sink(&mut room)).run(odd, &Park);
    assert_eq!(fill(&odd([0..4, 3..8])), Errno::EINVAL.into());
    assert_eq!(fill(&odd([0..4, 4..9])), Errno::EINVAL.into());
    assert_eq!(fill(&odd([0..4, 4..8])), Status::OK);
    // Bytes that are only fetched may go to several.
    let fetch = Call::new(Trail::new(), Data::source(b"12345678")).run(&odd([0..8, 0..8]), &Park);
    assert_eq!(fetch, Status::OK);
}

/// Calls the port that it is given, on behalf of the message that it got.
#[derive(Default)]
struct Calls(Mutex<Option<Target>>);

impl Port<Trail> for Calls {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let Some(target) = self.0.lock().unwrap().clone() else { return request.done(Status::OK) };
        let mut origin = request.origin();
        let mut call = Call::new(Trail::new(), Data::NONE);
        let status = Neighbour::new(target, 1).call(&mut origin, &Park, &mut call);
        request.rejoin(origin);
        request.done(status)
    }
}

#[test]
fn a_call_back_into_the_fanned_out_drivers_chain_is_answered_edeadlk() {
    // A fans out to B, which calls A, in one stack.
    let b = Arc::new(Calls::default());
    let a = Arc::new(Serialized::new(Stripe::over([b.clone() as Target, Arc::new(Inline)])));
    *b.0.lock().unwrap() = Some(a.clone());
    assert_eq!(Call::new(Trail::new(), Data::NONE).run(&*a, &Park), Errno::EDEADLK.into());
    *b.0.lock().unwrap() = None;
    // One from `Inline`, for the number in its trail.
    assert_eq!(Call::new(Trail::new(), Data::NONE).run(&*a, &Park), Status::ok(1));
}

#[test]
fn a_child_that_would_wait_for_the_thread_that_waits_for_its_parent_is_answered_edeadlk() {
    // B has a thread; it calls A, which fans out to B.
    let b = Arc::new(ThreadPort::new(Calls::default()));
    let a: Target = Arc::new(Stripe::over([Arc::new(Inline) as Target, b.clone()]));
    *b.inner().0.lock().unwrap() = Some(a);
    thread::scope(|scope| {
        scope.spawn(|| b.run(&Park));
        assert_eq!(Call::new(Trail::new(), Data::NONE).run(&*b, &Park), Errno::EDEADLK.into());
        b.close();
    });
    *b.inner().0.lock().unwrap() = None;
}

#[test]
fn joins_and_children_are_used_again() {
    let keeper = Keeper::new();
    let stripe: Target = Arc::new(Stripe::over([keeper.clone() as Target, keeper.clone()]));
    let inbox = Inbox::new(8);
    for round in 0..if cfg!(miri) { 10 } else { 100 } {
        for _ in 0..3 {
            assert!(inbox.send(Message::new(Trail::new()), &stripe).is_ok());
        }
        (0..6).for_each(|_| keeper.next().done(Status::ok(round)));
        for _ in 0..3 {
            assert_eq!(inbox.get().unwrap().status(), Status::ok(2 * round));
        }
    }
    assert_eq!(inbox.outstanding(), 0);
}

#[test]
fn what_children_begun_at_once_cost_is_in_the_rows_of_their_layers() {
    let edge = |layer| -> Target { Arc::new(Neighbour::new(Arc::new(Fills(1)) as Target, layer)) };
    let stripe: Target = Arc::new(Stripe::over([edge(2), edge(3)]));
    let top = Neighbour::new(stripe, 1);
    let mut room = [0; 6];
    let mut origin = Origin::root();
    origin.set_meter(Some(Meter::new(4, || 0)));
    let mut call = Call::new(Trail::new(), Data::sink(&mut room));
    assert_eq!(top.call(&mut origin, &Park, &mut call), Status::ok(6));
    let meter = origin.set_meter(None).unwrap();
    let rows: Vec<_> =
        meter.rows().iter().map(|row| (row.counts.messages, row.counts.looks)).collect();
    assert_eq!(rows, [(0, 0), (1, 0), (1, 1), (1, 1)]);
    assert_eq!((origin.counts().messages, origin.counts().looks), (3, 2));
}

#[test]
fn of_parts_that_are_shared_out_what_comes_before_the_first_gap_counts() {
    let ends = |ends: [Status; 3]| {
        (0..3).zip(ends).fold(Status::OK, |so_far, (at, status)| {
            let body = &Trail::new();
            let range = at * 10..(at + 1) * 10;
            prefix(&mut Trail::new(), so_far, Came { body, range, status })
        })
    };
    let (full, short, error) = (Status::ok(10), Status::ok(4), Status::from(Errno::EIO));
    assert_eq!(ends([full, full, full]), Status::ok(30));
    assert_eq!(ends([full, short, full]), Status::ok(14));
    assert_eq!(ends([full, Status::OK, full]), Status::ok(10));
    assert_eq!(ends([short, full, Status::ok(10)]), Status::ok(4));
    assert_eq!(ends([full, Status::ok(99), Status::OK]), Status::ok(20));
    assert_eq!(ends([short, error, Errno::ENOSPC.into()]), error);
}
