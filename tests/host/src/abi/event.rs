//! Event queues.

use std::ops::DerefMut;

use syscall::data::Event;
use syscall::error::{EFAULT, EINVAL, Error, Result};
use syscall::flag::{EventFlags, O_CREAT, O_RDWR};

use super::mux;
use crate::kernel::memory::Buffer;
use crate::rt::flags::REDOX_O_CLOEXEC;
use crate::thread::enter;
use crate::trap::Trap;

/// An event as `redox_event` reads it.
#[repr(C)]
struct RawEvent {
    fd: usize,
    user_data: usize,
    flags: u32,
}

/// Makes a queue: an open of `/scheme/event`, which a null namespace doesn't have.
#[unsafe(no_mangle)]
extern "C" fn redox_event_queue_create_v1(flags: u32) -> usize {
    if flags != 0 {
        return mux(Err(Error::new(EINVAL)));
    }
    let flags = REDOX_O_CLOEXEC | O_CREAT | O_RDWR | 0o700;
    mux(enter(None, Trap::Open { flags }, Buffer::from_slice(b"/scheme/event")))
}

/// Takes one event. As on Redox, the timeout and the signal mask are not looked at.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_event_queue_get_events_v1(
    queue: usize,
    to: *mut RawEvent,
    count: usize,
    flags: u32,
    _timeout: *const libc::timespec,
    _sigset: *const u64,
) -> usize {
    mux(next_event(queue, count, flags).and_then(|event| {
        if to.is_null() {
            return Err(Error::new(EFAULT));
        }
        let flags = event.flags.bits() as u32;
        let raw = RawEvent { fd: event.id, user_data: event.data, flags };
        // SAFETY: the caller passes room for at least one event.
        unsafe { to.write(raw) };
        Ok(1)
    }))
}

fn next_event(queue: usize, count: usize, flags: u32) -> Result<Event> {
    if flags != 0 || count == 0 {
        return Err(Error::new(EINVAL));
    }
    let mut event = Event::default();
    let to = Buffer::from_slice_mut(event.deref_mut());
    enter(Some(queue), Trap::Read { fd: queue }, to)?;
    Ok(event)
}

/// Registers a descriptor with a queue, or forgets it.
#[unsafe(no_mangle)]
extern "C" fn redox_event_queue_ctl_v1(
    queue: usize,
    fd: usize,
    flags: u32,
    user_data: usize,
) -> usize {
    mux(EventFlags::from_bits(flags as usize).ok_or(Error::new(EINVAL)).and_then(|flags| {
        let event = Event { id: fd, flags, data: user_data };
        enter(Some(queue), Trap::Write { fd: queue }, Buffer::from_slice(&event))?;
        Ok(0)
    }))
}

/// Closes a queue.
#[unsafe(no_mangle)]
extern "C" fn redox_event_queue_destroy_v1(queue: usize) -> usize {
    mux(enter(Some(queue), Trap::Close { fd: queue }, Buffer::nothing()))
}
