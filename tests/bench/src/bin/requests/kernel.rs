//! A kernel that asks one thing over and over: the symbols of the Redox ABI that a service needs
//! once it is made, and nothing behind them.

use std::{
    alloc::{self, Layout},
    sync::{Mutex, MutexGuard, PoisonError},
};

use syscall::{
    error::ENOSYS,
    schemev2::{Cqe, Sqe},
};

/// What is asked, how often still, and the last answer.
struct Script {
    ask: Sqe,
    left: u64,
    result: u64,
}

static SCRIPT: Mutex<Option<Script>> = Mutex::new(None);

fn script() -> MutexGuard<'static, Option<Script>> {
    SCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `serve` answer the request `count` times; then the socket closes. The last result.
///
/// # Safety
/// What the request lends is good for as long, and nobody else holds a reference to it.
pub(super) unsafe fn ask(ask: Sqe, count: u64, serve: impl FnOnce()) -> u64 {
    *script() = Some(Script { ask, left: count, result: 0 });
    serve();
    let script = script().take().expect("put there above");
    assert_eq!(script.left, 0, "the service gave up");
    script.result
}

fn unsupported() -> usize {
    (ENOSYS as usize).wrapping_neg()
}

/// Any path is the socket.
#[unsafe(no_mangle)]
extern "C" fn redox_open_v1(_: *const u8, _: usize, _: u32, _: u16) -> usize {
    3
}

#[unsafe(no_mangle)]
extern "C" fn redox_dup_v1(_: usize, _: *const u8, _: usize) -> usize {
    3
}

#[unsafe(no_mangle)]
extern "C" fn redox_close_v1(_: usize) -> usize {
    0
}

/// The next request; nothing once all have been asked.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_read_v1(_: usize, base: *mut u8, len: usize) -> usize {
    let mut script = script();
    let Some(script) = script.as_mut().filter(|script| script.left > 0) else { return 0 };
    assert!(len >= size_of::<Sqe>());
    script.left -= 1;
    script.ask.tag = script.left as u32;
    // SAFETY: the caller passes `len` bytes to fill, which are enough.
    unsafe { base.cast::<Sqe>().write_unaligned(script.ask) };
    size_of::<Sqe>()
}

/// One answer, to the request that was asked last.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_write_v1(_: usize, base: *const u8, len: usize) -> usize {
    let mut script = script();
    let Some(script) = script.as_mut() else { return unsupported() };
    assert_eq!(len, size_of::<Cqe>());
    // SAFETY: the caller passes `len` bytes, which are those of an answer.
    let answer = unsafe { base.cast::<Cqe>().read_unaligned() };
    assert_eq!(answer.tag, script.ask.tag);
    script.result = answer.result;
    len
}

#[unsafe(no_mangle)]
extern "C" fn redox_sys_call_v0(
    _: usize,
    _: *mut u8,
    _: usize,
    _: usize,
    _: *const u64,
    _: usize,
) -> usize {
    unsupported()
}

fn pages(len: usize) -> Layout {
    Layout::from_size_align(len, 4096).expect("whole pages")
}

/// Fresh memory; there is nothing else to map.
#[unsafe(no_mangle)]
extern "C" fn redox_mmap_v1(_: *mut (), len: usize, _: u32, _: u32, _: usize, _: u64) -> usize {
    // SAFETY: never of no size.
    unsafe { alloc::alloc_zeroed(pages(len)) as usize }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn redox_munmap_v1(base: *mut (), len: usize) -> usize {
    // SAFETY: the caller gives back what it was given, as a whole.
    unsafe { alloc::dealloc(base.cast(), pages(len)) };
    0
}
