//! What the examples share: a daemon where there is none, and threads.
#![allow(dead_code, reason = "each example uses its part")]

use std::thread::JoinHandle;

use agent::Errno;

/// Runs a program beside a daemon. In Redox one runs already.
#[cfg(target_os = "redox")]
pub(crate) fn with_daemon<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// Runs a program beside a daemon, which is started for it on the host's Redox ABI.
#[cfg(not(target_os = "redox"))]
pub(crate) fn with_daemon<T>(run: impl FnOnce() -> T) -> T {
    let init = host::Process::isolated("init", 0, 0);
    let daemon = init.child("portd", 0, 0);
    let (tell, ready) = std::sync::mpsc::channel();
    let serving = daemon.spawn(move || {
        let mut service = portd::serve("port", "").expect("nothing but ports");
        service.publish().expect("the name is free");
        tell.send(()).expect("the example waits");
        service.run().expect("it ends well");
    });
    ready.recv().expect("the daemon starts");
    let program = init.child("example", 0, 0);
    let result = program.enter(run);
    program.exit();
    daemon.exit();
    serving.join().expect("it ends well");
    result
}

/// Starts a thread. On the host it belongs to the process whose descriptor it uses first.
pub(crate) fn start<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Errno> + Send + 'static,
) -> JoinHandle<Result<T, Errno>> {
    std::thread::spawn(run)
}

/// What came of a thread.
pub(crate) fn join<T>(thread: JoinHandle<Result<T, Errno>>) -> Result<T, Errno> {
    thread.join().unwrap_or(Err(Errno::EIO))
}
