//! Signals to programs that wait.

use libredox::errno::{EINTR, ESRCH};

use crate::Test;
use crate::program::Program;

pub(crate) const TESTS: &[Test] = &[
    ("a_signal_cancels_a_call_which_the_service_answers", cancels),
    ("a_signal_ends_the_read_of_a_socket", ends_a_read),
    ("the_kernel_passes_signals_on", passed_on),
    ("no_signal_is_missed", none_is_missed),
];

fn cancels() {
    let mut service = Program::start(&["stuck", "cancels"]);
    service.expect("ready");
    let mut caller = Program::start(&["call", "/scheme/cancels/x", "10"]);
    caller.expect("open");
    service.expect("call 0");
    caller.signal(libc::SIGUSR1);
    service.expect("cancel 0");
    caller.expect(&format!("Err({EINTR}) Some(99)"));
}

fn ends_a_read() {
    let mut service = Program::start(&["stops", "stops"]);
    service.expect("ready");
    service.wait_blocked();
    service.signal(libc::SIGTERM);
    service.expect("1");
    service.ends_well();
}

fn passed_on() {
    let mut service = Program::start(&["stops", "stops-too"]);
    service.expect("ready");
    service.wait_blocked();
    libredox::call::kill(service.pid(), libc::SIGTERM as u32).unwrap();
    service.expect("1");
    service.ends_well();
    let gone = libredox::call::kill(service.pid(), libc::SIGTERM as u32);
    assert_eq!(gone.err().map(|error| error.errno()), Some(ESRCH));
}

/// As soon as the service is there: whether it reads already or not.
fn none_is_missed() {
    let mut service = Program::start(&["stuck", "missed"]);
    service.expect("ready");
    let mut caller = Program::start(&["call", "/scheme/missed/x", "0"]);
    caller.expect("open");
    for round in 0..100 {
        assert!(service.says().starts_with("call "), "round {round}");
        caller.signal(libc::SIGUSR1);
        assert!(service.says().starts_with("cancel "), "round {round}");
        caller.expect(&format!("Err({EINTR}) None"));
        caller.tell("again");
    }
}
