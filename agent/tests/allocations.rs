//! The inline path allocates nothing.

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    sync::Arc,
};

use agent::{Bytes, Call, Data, Inbox, Message, Neighbour, Origin, ReplyPort, Spin, Status};
use common::{Inline, Target, Trail, tower};

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of this thread in `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_allocator_is_counted() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn a_call_to_a_neighbour_allocates_nothing() {
    let edge = Neighbour::new(Arc::new(Inline) as Target, 1);
    let (mut room, mut origin) = ([0; 16], Origin::root());
    let count = allocations(|| {
        let mut call = Call::new(Trail::new(), Data::sink(&mut room)).name(b"name");
        assert_eq!(call.run(&edge, &Spin), Status::OK);
        assert_eq!(edge.call(&mut origin, &Spin, &mut call), Status::OK);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_call_through_two_layers_allocates_nothing() {
    let port = tower(2, Arc::new(Inline));
    let mut call = Call::new(Trail::with_capacity(2), Data::NONE);
    assert_eq!(allocations(|| assert_eq!(call.run(&*port, &Spin), Status::ok(2))), 0);
    assert_eq!(*call.body(), [1, 2]);
}

#[test]
fn a_message_sent_again_and_again_allocates_once() {
    let port = Arc::new(Inline) as Target;
    let queue = Inbox::new(usize::MAX);
    let replies: Arc<dyn ReplyPort<Trail>> = queue.reply_port();
    let mut message = Message::new(Trail::new());
    message.set_data(Bytes::Source(vec![1; 100]));
    // The first reply makes room in the queue.
    message.send(&port, &replies);
    let mut back = queue.get();
    let count = allocations(|| {
        for _ in 0..100 {
            back.take().unwrap().send(&port, &replies);
            back = queue.get();
        }
    });
    assert!(back.is_some());
    assert_eq!(count, 0);
}
