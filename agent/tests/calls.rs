//! Calls: inline, forwarded, kept.

mod common;

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
};

use agent::{
    Call, Counts, Data, Errno, Exchange, MAX_DEPTH, Meter, Neighbour, Origin, Outcome, Port,
    Request, Spin, Status,
};
use common::{Inline, Interrupted, Keeper, Layer, Park, Target, Trail, Up, tower};

fn ask(port: &Target) -> (Status, Trail) {
    let mut call = Call::new(Trail::new(), Data::NONE);
    let status = call.run(&**port, &Park);
    (status, call.into_body())
}

/// Asks on one thread while `other` runs on this one.
fn ask_beside(port: &Target, other: impl FnOnce()) -> (Status, Trail) {
    thread::scope(|scope| {
        let asked = scope.spawn(|| ask(port));
        other();
        asked.join().unwrap()
    })
}

/// Reads a name and its data back to front.
struct Reverse;

impl Port<Trail> for Reverse {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let name = request.name(0).map_or(0, <[u8]>::len);
        assert!(request.name(2).is_none());
        let Some(room) = request.room() else { return request.done(Errno::EFAULT) };
        room.reverse();
        request.done(Status::ok(name))
    }
}

#[test]
fn an_inline_call_works_on_the_callers_memory_and_counts_its_look() {
    let mut room = *b"abc";
    let mut call = Call::new(Trail::new(), Data::sink(&mut room)).name(b"name");
    assert_eq!(call.run(&Reverse, &Spin), Status::ok(4));
    assert_eq!(call.counts(), Counts { messages: 1, looks: 1, ..Counts::default() });
    call.reset(Trail::new(), Data::source(b"x"));
    assert_eq!(call.run(&Reverse, &Spin), Errno::EFAULT.into());
    assert_eq!(call.counts(), Counts { messages: 1, ..Counts::default() });
    assert_eq!(room, *b"cba");
}

#[test]
fn inline_completions_go_up_through_every_layer_in_order() {
    assert_eq!(ask(&tower(3, Arc::new(Inline))), (Status::ok(3), vec![1, 2, 3]));
}

#[test]
fn late_completions_go_up_through_every_layer_in_order_on_the_completers_thread() {
    let keeper = Keeper::new();
    let port = tower(2, keeper.clone());
    let came = ask_beside(&port, || keeper.next().done(Status::ok(5)));
    assert_eq!(came, (Status::ok(7), vec![1, 2]));
}

#[test]
fn a_layer_may_keep_a_completed_message() {
    let (keeper, second) = (Keeper::new(), Keeper::new());
    let mut layer = Layer::over(1, keeper.clone());
    (layer.other, layer.up) = (Some(second.clone() as Target), Up::Keep);
    let port: Target = Arc::new(Layer::over(2, Arc::new(layer)));
    let came = ask_beside(&port, || {
        keeper.next().done(Status::OK);
        let kept = second.next();
        assert_eq!(*kept.body(), [1]);
        kept.done(Status::ok(10));
    });
    assert_eq!(came, (Status::ok(11), vec![1, 2]));
}

#[test]
fn a_layer_may_forward_a_completed_message_and_hears_of_it_before_those_above() {
    let (keeper, second) = (Keeper::new(), Keeper::new());
    let mut layer = Layer::over(1, keeper.clone());
    (layer.other, layer.up) = (Some(tower(1, second.clone())), Up::Forward);
    let port: Target = Arc::new(Layer::over(9, Arc::new(layer)));
    let came = ask_beside(&port, || {
        keeper.next().done(Status::OK);
        second.next().done(Status::ok(20));
    });
    // The layer, the tower's, the layer again, the one above.
    assert_eq!(came, (Status::ok(23), vec![1, 1, 1, 9]));
}

#[test]
fn letting_go_of_a_kept_message_cancels_it() {
    let keeper = Keeper::new();
    let port = tower(1, keeper.clone());
    let came = ask_beside(&port, || drop(keeper.next()));
    assert_eq!(came, (Errno::ECANCELED.into(), vec![1]));
}

#[test]
fn a_kept_message_forwarded_on_still_comes_back_through_its_layers() {
    let (first, second) = (Keeper::new(), Keeper::new());
    let port = tower(1, first.clone());
    let onward = tower(2, second.clone());
    let came = ask_beside(&port, || {
        first.next().forward(&onward);
        drop(onward);
        second.next().done(Status::OK);
    });
    assert_eq!(came, (Status::ok(3), vec![1, 2, 1]));
}

#[test]
fn a_message_forwarded_to_too_many_ports_comes_back_with_eloop() {
    let first = Keeper::new();
    let port: Target = first.clone();
    let came = ask_beside(&port, || {
        let mut at = first.clone();
        for _ in 0..9 {
            let next = Keeper::new();
            at.next().forward(&(next.clone() as Target));
            at = next;
        }
    });
    assert_eq!(came.0, Errno::ELOOP.into());
}

#[test]
fn as_many_layers_as_may_stand_on_each_other_do_and_no_more() {
    let keeper = Keeper::new();
    let port = tower(MAX_DEPTH as u32, keeper.clone());
    let came = ask_beside(&port, || keeper.next().done(Status::OK));
    assert_eq!(came.0, Status::ok(MAX_DEPTH));
    let (status, trail) = ask(&tower(MAX_DEPTH as u32 + 1, keeper));
    assert_eq!(status, Errno::ELOOP.into());
    assert_eq!(trail.len(), MAX_DEPTH);
}

#[test]
fn an_interrupted_wait_asks_for_the_abort_once_and_waits_on() {
    let keeper = Keeper::new();
    let port: &dyn Port<Trail> = &*keeper;
    thread::scope(|scope| {
        let asked = scope.spawn(|| Call::new(Trail::new(), Data::NONE).run(port, &Interrupted));
        let kept = keeper.next();
        while keeper.aborts.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert!(kept.aborted());
        (0..1000).for_each(|_| thread::yield_now());
        assert!(!asked.is_finished());
        kept.done(Status::ok(3));
        assert_eq!(asked.join().unwrap(), Status::ok(3));
    });
    assert_eq!(keeper.aborts.load(Ordering::SeqCst), 1);
}

#[test]
fn an_unwound_begin_leaves_nothing_behind_for_the_next_run() {
    struct Unwinds(Target);
    impl Port<Trail> for Unwinds {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            let _kept = request.forward(self, &*self.0, [0; 3]);
            panic!("on purpose");
        }
    }
    let mut call = Call::new(Trail::new(), Data::NONE);
    {
        // The layer is gone by the time of the second run.
        let port = tower(1, Arc::new(Unwinds(Keeper::new())));
        let run = std::panic::AssertUnwindSafe(|| call.run(&*port, &Spin));
        assert!(std::panic::catch_unwind(run).is_err());
    }
    struct LetsGo;
    impl Port<Trail> for LetsGo {
        fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
            request.keep(self)
        }
    }
    assert_eq!(call.run(&LetsGo, &Spin), Errno::ECANCELED.into());
    assert_eq!(*call.body(), []);
}

/// Ticks at every reading.
fn clock() -> u64 {
    thread_local!(static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
    NOW.with(|now| now.replace(now.get() + 1))
}

fn metered(port: Target) -> Vec<agent::Row> {
    let mut origin = Origin::root();
    origin.set_meter(Some(Meter::new(4, clock)));
    let edge = Neighbour::new(port, 3);
    let mut room = [0; 4];
    let mut call = Call::new(Trail::new(), Data::sink(&mut room));
    edge.call(&mut origin, &Park, &mut call);
    // The sender's own, after the reply.
    origin.count(Counts { copies: 1, ..Counts::default() });
    origin.set_meter(None).unwrap().rows().to_vec()
}

fn shares(port: Target) -> Vec<[u32; 3]> {
    let rows = metered(port);
    rows.iter().map(|row| [row.counts.messages, row.counts.looks, row.counts.copies]).collect()
}

#[test]
fn rows_of_a_meter_are_each_layers_own() {
    // Sender 0, upper layer 3, lower layer 2, the port itself 1... which is the tower's bottom.
    let lower = Layer { lower: Neighbour::new(Arc::new(Reverse), 1), ..Layer::over(1, none()) };
    let upper = Layer { lower: Neighbour::new(Arc::new(lower), 2), ..Layer::over(2, none()) };
    let port: Target = Arc::new(upper);
    assert_eq!(shares(port.clone()), [[0, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]]);
    assert!(metered(port)[1..].iter().all(|row| row.time > 0));
}

fn none() -> Target {
    Arc::new(Inline)
}

/// Answers on a thread of its own, with a look.
struct Elsewhere;

impl Port<Trail> for Elsewhere {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.keep(self)
    }

    fn take(&self, mut kept: agent::Kept<Trail>) {
        thread::spawn(move || {
            kept.fill(0, b"late").unwrap();
            kept.done(Status::ok(4));
        });
    }
}

#[test]
fn rows_of_a_meter_are_each_layers_own_where_the_reply_is_late() {
    let lower = Layer { lower: Neighbour::new(Arc::new(Elsewhere), 1), ..Layer::over(1, none()) };
    assert_eq!(shares(Arc::new(lower)), [[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]]);
    // No layer above to switch back: the sender's row is the sender's again all the same.
    assert_eq!(shares(Arc::new(Elsewhere))[0], [0, 0, 1]);
}

#[test]
fn what_a_message_costs_while_its_meter_is_away_is_its_layers() {
    struct Looker(Neighbour<u32>);
    impl Port<u32> for Looker {
        fn begin<'s>(&'s self, mut request: Request<'s, u32>) -> Outcome<'s, u32> {
            let mut origin = request.origin();
            self.0.call(&mut origin, &Spin, &mut Call::new(0, Data::NONE));
            request.fill(0, &[1]).expect("there is room");
            request.rejoin(origin);
            request.done(Status::OK)
        }
    }
    struct Nothing;
    impl Port<u32> for Nothing {
        fn begin<'s>(&'s self, request: Request<'s, u32>) -> Outcome<'s, u32> {
            request.done(Status::OK)
        }
    }
    let bottom = Neighbour::new(Arc::new(Nothing), 2);
    let top = Neighbour::new(Arc::new(Looker(bottom)), 1);
    let mut origin = Origin::root();
    origin.set_meter(Some(Meter::new(3, || 0)));
    top.call(&mut origin, &Spin, &mut Call::new(0, Data::sink(&mut [0])));
    let meter = origin.set_meter(None).expect("it is back");
    let row = |messages, looks| Counts { messages, looks, ..Counts::default() };
    assert_eq!([meter.rows()[1].counts, meter.rows()[2].counts], [row(1, 1), row(1, 0)]);
}
