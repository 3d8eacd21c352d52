//! SIGTERM: the daemon's clean stop.

use service::Stop;

/// The daemon's one scheme ends with its process.
pub(crate) static STOP: Stop = Stop::new();

/// Has SIGTERM ask for the stop.
#[cfg(target_os = "redox")]
pub(crate) fn install() {
    let handler: extern "C" fn(i32) = on_sigterm;
    // SAFETY: the handler is good wherever a signal interrupts: see `Stop`.
    unsafe { libc::signal(libc::SIGTERM, handler as *const () as libc::sighandler_t) };
}

#[cfg(target_os = "redox")]
extern "C" fn on_sigterm(_: i32) {
    STOP.ask();
}

/// A host's signals are its own, not those of the processes that it stands in for.
#[cfg(not(target_os = "redox"))]
pub(crate) fn install() {}
