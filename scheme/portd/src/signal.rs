//! SIGTERM: the daemon's clean stop.

use service::Stop;

/// The daemon's one scheme ends with its process.
pub(crate) static STOP: Stop = Stop::new();

/// Has SIGTERM ask for the stop. On a host the daemon is a program of its own, too, where it is
/// run by its command line.
pub(crate) fn install() {
    let handler: extern "C" fn(i32) = on_sigterm;
    // SAFETY: the handler is good wherever a signal interrupts: see `Stop`.
    unsafe { libc::signal(libc::SIGTERM, handler as *const () as libc::sighandler_t) };
}

extern "C" fn on_sigterm(_: i32) {
    STOP.ask();
}
