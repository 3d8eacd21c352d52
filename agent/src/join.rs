//! A join: owns a parent while its children are away, and ends it when they are back.

use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{ops::Range, ptr::NonNull};

use crate::{
    count::LayerId,
    data::{Access, Slot},
    engine,
    exchange::{Exchange, sealed::Holder},
    fan::{Came, Child, Merge},
    heap::Heap,
    keeper::Through,
    kept::Kept,
    late::Reply,
    pending::Ticket,
    port::{MessageId, Port},
    record::Record,
    reply::ReplyPort,
    request::{Ended, Outcome, Request},
    send::Message,
    status::{Errno, Status},
    sync::{AtomicBool, AtomicUsize, Counted, Mutex, Ordering, left_out, order},
};

type Rec<B> = NonNull<Record<B>>;

/// One parent and its children. Used again for other parents.
pub(crate) struct Join<B: 'static> {
    pub(crate) free: AtomicBool,
    this: Weak<Join<B>>,
    /// Children that are away; and the parent, until it has come and they are all sent.
    left: AtomicUsize,
    inner: Mutex<Inner<B>>,
}

struct Inner<B: 'static> {
    parent: Option<Kept<B>>,
    merge: Option<Merge<B>>,
    /// The first `used` are this parent's.
    children: Vec<Place<B>>,
    used: usize,
}

/// A child, at home or away.
struct Place<B: 'static> {
    at_home: Option<Message<B>>,
    record: Rec<B>,
    /// The part of the parent's data that it sees.
    range: Range<usize>,
    /// Where it is to be begun, until it is.
    port: Option<*const (dyn Port<B> + 'static)>,
    /// Kept by its target; not handed over before the parent is.
    kept: bool,
}

// SAFETY: a child's record is its message's, or, while that is away, its holder's; here it is
// followed only to hand the message over, before which it is this place's, and to abort it.
unsafe impl<B: Send> Send for Place<B> {}

impl<B: Send + 'static> Join<B> {
    /// A join that is not free.
    pub(crate) fn new() -> Arc<Join<B>> {
        let inner = Inner { parent: None, merge: None, children: Vec::new(), used: 0 };
        Arc::new_cyclic(|this| Join {
            free: AtomicBool::new(false),
            this: this.clone(),
            left: AtomicUsize::new(0),
            inner: Mutex::new(inner),
        })
    }

    /// Begins the children of a message.
    pub(crate) fn begin<'s>(
        &'s self,
        mut request: Request<'s, B>,
        children: impl IntoIterator<Item = Child<'s, B>>,
        merge: Merge<B>,
    ) -> Outcome<'s, B> {
        let planned = match self.plan(request.record_mut(), children) {
            Ok(planned) => planned,
            Err(errno) => {
                self.free.store(true, Ordering::Release);
                return request.done(errno);
            }
        };
        let away = self.begin_children(&request, planned);
        if away == 0 {
            let status = self.merge(request.record_mut(), merge);
            self.free.store(true, Ordering::Release);
            return request.done(status);
        }
        self.left.store(away + 1, Ordering::Relaxed);
        self.inner.lock().merge = Some(merge);
        request.keep_through(self, Through::JOIN)
    }

    /// Writes the children down, each with its part of the parent's data; how many there are.
    fn plan<'s>(
        &self,
        parent: &mut Record<B>,
        children: impl IntoIterator<Item = Child<'s, B>>,
    ) -> Result<usize, Errno> {
        let mut inner = self.inner.lock();
        inner.used = 0;
        let (mut filled, fills) = (0, parent.data.access().contains(Access::FILL));
        for child in children {
            if fills && child.range.start < filled {
                return Err(Errno::EINVAL);
            }
            filled = child.range.end;
            let part = parent.data.part_of(child.range.clone())?;
            let place = inner.place(child.body, part);
            (place.range, place.port) = (child.range, Some(forever(child.port)));
        }
        Ok(inner.used)
    }

    /// Begins the children, as long as nobody wants the parent aborted; how many are kept. An
    /// abort may have come to a child alone, whose port waited in another process: that one's
    /// status tells of it.
    fn begin_children(&self, request: &Request<'_, B>, planned: usize) -> usize {
        let parent = request.parts().0;
        let (mut away, mut aborted) = (0, false);
        for index in 0..planned {
            aborted |= request.is_aborted();
            if aborted && !left_out("join-aborted") {
                self.inner.lock().children[index].leave();
                continue;
            }
            // SAFETY: the parent is begun here, in whose context its children are.
            match unsafe { self.begin_child(index, parent) } {
                Some(status) => aborted = status == Errno::ECANCELED.into(),
                None => away += 1,
            }
        }
        away
    }

    /// Begins a child; its status, or `None` where it is kept.
    ///
    /// # Safety
    /// The caller holds the parent, which stays until the child is back, and which the child's
    /// port outlives.
    unsafe fn begin_child(&self, index: usize, parent: Rec<B>) -> Option<Status> {
        let (message, port) = {
            let place = &mut self.inner.lock().children[index];
            (place.at_home.take(), place.port.take())
        };
        let (Some(message), Some(port), Some(reply)) = (message, port, self.this.upgrade()) else {
            return Some(Status::OK);
        };
        // SAFETY: as the caller's.
        let record = unsafe { message.start_for(Reply::Port(reply), parent) };
        // SAFETY: just started, and the parent is the caller's.
        let layer = unsafe { lend_meter(parent, record) };
        // SAFETY: just started; the port outlives the parent, and so the child.
        let ended = unsafe { (*port).begin(Request::new(record)) }.ended;
        // SAFETY: done or not handed over yet, and so this join's; as above.
        unsafe { take_meter_back(parent, record, layer) };
        let place = &mut self.inner.lock().children[index];
        place.kept = matches!(ended, Ended::Kept(_));
        let Ended::Done(status) = ended else { return None };
        // SAFETY: completed at once, and nobody else has held it.
        place.at_home = Some(unsafe { Message::back_at_once(record, status) });
        Some(status)
    }

    /// What the children came to, for the parent.
    fn merge(&self, parent: &mut Record<B>, merge: Merge<B>) -> Status {
        // Out of the lock: it is the driver's code.
        let (children, used) = {
            let mut inner = self.inner.lock();
            (core::mem::take(&mut inner.children), inner.used)
        };
        let mut status = Status::OK;
        for place in &children[..used] {
            let Some(child) = &place.at_home else { continue };
            if place.was_begun() {
                // By layer, they are where the child was begun.
                parent.add(child.counts());
            }
            let (body, range) = (child.body(), place.range.clone());
            status = merge(&mut parent.body, status, Came { body, range, status: child.status() });
        }
        self.inner.lock().children = children;
        status
    }

    /// A child is back, or the parent has come and its children are sent.
    fn one_less(&self) {
        if self.left.fetch_sub(1, order("join-left", Ordering::AcqRel)) != 1 {
            return;
        }
        let (parent, merge) = {
            let mut inner = self.inner.lock();
            (inner.parent.take(), inner.merge.take())
        };
        let (Some(mut parent), Some(merge)) = (parent, merge) else { return };
        let status = self.merge(parent.record_mut(), merge);
        self.free.store(true, Ordering::Release);
        parent.done(status);
    }

    /// A child to hand over, if there is one still.
    fn next_kept(&self) -> Option<Rec<B>> {
        let mut inner = self.inner.lock();
        let used = inner.used;
        let place = inner.children[..used].iter_mut().find(|place| place.kept)?;
        place.kept = false;
        Some(place.record)
    }
}

impl<B: Send + 'static> Inner<B> {
    /// The next place, for a child that asks `body` of a part of the data.
    fn place(&mut self, body: B, part: Slot) -> &mut Place<B> {
        let at = self.used;
        self.used += 1;
        match self.children.get_mut(at).and_then(|place| place.at_home.as_mut()) {
            Some(message) => {
                *message.body_mut() = body;
                message.set_slot(part);
            }
            None => {
                let mut message = Message::new(body);
                message.set_slot(part);
                self.children.truncate(at);
                self.children.push(Place::new(message));
            }
        }
        &mut self.children[at]
    }
}

/// Costs by layer go to the parent's meter while a child is begun; what is kept has none. The
/// layer that has the parent.
///
/// # Safety
/// Both records are the caller's.
unsafe fn lend_meter<B>(mut parent: Rec<B>, mut child: Rec<B>) -> LayerId {
    // SAFETY: as the caller's.
    let (parent, child) = unsafe { (parent.as_mut(), child.as_mut()) };
    child.set_meter(parent.set_meter(None));
    child.layer()
}

/// # Safety
/// As [`lend_meter`].
unsafe fn take_meter_back<B>(mut parent: Rec<B>, mut child: Rec<B>, layer: LayerId) {
    // SAFETY: as the caller's.
    let (parent, child) = unsafe { (parent.as_mut(), child.as_mut()) };
    child.switch_layer(layer);
    parent.set_meter(child.set_meter(None));
}

/// The port of a child that does not outlive the port.
fn forever<'s, B: 'static>(port: &'s dyn Port<B>) -> *const (dyn Port<B> + 'static) {
    let port: *const (dyn Port<B> + 's) = port;
    // SAFETY: only the bound is changed. The child's parent was sent for `'s`, which lasts until
    // it is delivered, and the child is back before.
    unsafe { core::mem::transmute(port) }
}

impl<B: Send + 'static> Place<B> {
    fn new(message: Message<B>) -> Place<B> {
        let record = message.record_at();
        Place { record, at_home: Some(message), range: 0..0, port: None, kept: false }
    }

    /// The child is not begun: its sender wants the parent aborted.
    fn leave(&mut self) {
        self.kept = false;
        if let Some(message) = &mut self.at_home {
            message.end_alone(Errno::ECANCELED.into());
        }
    }

    fn was_begun(&self) -> bool {
        self.port.is_none()
    }

    /// A handle on a child that is away.
    fn ticket(&self) -> Option<Ticket<B>> {
        if self.at_home.is_some() {
            return None;
        }
        // SAFETY: the record of a message.
        let heap = unsafe { Heap::of(self.record) };
        // SAFETY: away, so the count that its sending gave up is there still; one more here.
        let heap = unsafe {
            Counted::increment_strong_count(heap);
            Counted::from_raw(heap)
        };
        let send = heap.state().sends();
        Some(Ticket::new(heap, send))
    }
}

impl<B: Send + 'static> Port<B> for Join<B> {
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        request.done(Errno::EINVAL)
    }

    /// The parent has come: its children can be sent.
    fn take(&self, mut parent: Kept<B>) {
        let (held, gates) = parent.record_mut().held();
        let id = parent.id();
        // Asked for on the way here; nobody else passes it on then.
        let aborted = parent.aborted();
        self.inner.lock().parent = Some(parent);
        while let Some(record) = self.next_kept() {
            // SAFETY: kept and not handed over: this join's. What the parent's chain of calls
            // still holds, the child's does; its ports live until the parent is delivered.
            unsafe {
                (*record.as_ptr()).inherit(held, &gates);
                engine::hand_over_first(record);
            }
        }
        if aborted {
            self.abort(id);
        }
        self.one_less();
    }

    fn abort(&self, id: MessageId) {
        let away: Vec<Ticket<B>> = {
            let inner = self.inner.lock();
            if inner.parent.as_ref().is_none_or(|parent| parent.id() != id) {
                return;
            }
            inner.children[..inner.used].iter().filter_map(Place::ticket).collect()
        };
        if !left_out("join-abort") {
            away.iter().for_each(Ticket::abort);
        }
    }
}

impl<B: Send + 'static> ReplyPort<B> for Join<B> {
    fn reply(&self, message: Message<B>) {
        {
            let mut inner = self.inner.lock();
            let id = message.id();
            let this = |place: &&mut Place<B>| place.record.as_ptr() as usize == id.0;
            let Some(place) = inner.children.iter_mut().find(this) else { return };
            place.at_home = Some(message);
        }
        self.one_less();
    }
}
