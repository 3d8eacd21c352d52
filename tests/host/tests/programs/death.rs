//! Death of either side of a call.

use libredox::errno::{EBADFD, ECONNRESET, EIO, ENODEV, ESRCH};

use crate::Test;
use crate::program::Program;

pub(crate) const TESTS: &[Test] = &[
    ("calls_of_a_service_that_was_killed_are_enodev", calls_are_enodev),
    ("a_caller_of_a_killed_service_stays_blocked_until_it_is_killed", stays_blocked),
    ("a_program_with_the_socket_answers_for_a_killed_service", || guarded("exec")),
    ("a_copy_with_the_socket_answers_for_a_killed_service", || guarded("fork")),
    ("a_guard_hears_of_the_death_and_answers_every_caller", guard),
    ("a_killed_caller_sends_no_cancel_only_the_close_of_its_handle", killed_caller),
    ("a_name_of_a_killed_service_stays_taken", name_stays),
];

/// A service that never answers, and a caller that waits for it.
fn waiting(name: &str, len: &str) -> (Program, Program) {
    let mut service = Program::start(&["stuck", name]);
    service.expect("ready");
    let caller = caller(name, len);
    service.expect("call 0");
    (service, caller)
}

fn caller(name: &str, len: &str) -> Program {
    let mut caller = Program::start(&["call", &format!("/scheme/{name}/x"), len]);
    caller.expect("open");
    caller
}

fn calls_are_enodev() {
    let mut service = Program::start(&["echo", "dead"]);
    service.expect("ready");
    let mut caller = caller("dead", "3");
    caller.expect("Ok(0) Some(2)");
    service.kill();
    caller.tell("again");
    caller.expect(&format!("Err({ENODEV}) Some(1)"));
    let mut late = Program::start(&["call", "/scheme/dead/x", "0"]);
    late.expect(&format!("open Err({ENODEV})"));
}

fn stays_blocked() {
    let (mut service, mut caller) = waiting("blocked", "0");
    service.kill();
    let mut late = Program::start(&["call", "/scheme/blocked/x", "0"]);
    late.expect(&format!("open Err({ENODEV})"));
    caller.wait_blocked();
    assert!(caller.is_running());
    caller.kill();
    assert_eq!(caller.says(), "");
}

fn guarded(holder: &str) {
    let name = format!("guarded-{holder}");
    let mut service = Program::start(&["stuck", &name, holder]);
    service.expect("ready");
    let mut callers = ["0", "9", "4096"].map(|len| {
        let caller = caller(&name, len);
        // Both the service and its guard say what they say here.
        let tag = service.says();
        (caller, tag.strip_prefix("call ").unwrap().to_owned())
    });
    service.kill();
    for (caller, tag) in &mut callers {
        caller.wait_blocked();
        service.tell(&format!("{tag} {ECONNRESET}"));
        service.expect("Ok(16)");
        let line = caller.says();
        assert!(line.starts_with(&format!("Err({ECONNRESET})")), "{line}");
        // What the service had written by then has gone back.
        assert!(line.ends_with("None") || line.ends_with("Some(99)"), "{line}");
    }
    service.tell(&format!("{} {ECONNRESET}", callers[0].1));
    service.expect(&format!("Err({EBADFD})"));
    // The scheme is there for as long as its socket, but nothing can be lent to it.
    callers[1].0.tell("again");
    callers[1].0.expect(&format!("Err({ESRCH}) Some(1)"));
    callers[0].0.tell("again");
    service.tell(&format!("next {EIO}"));
    service.expect("Ok(16)");
    callers[0].0.expect(&format!("Err({EIO}) None"));
}

fn guard() {
    for round in 0..5 {
        let name = format!("watched-{round}");
        let mut service = Program::start(&["watched", &name]);
        service.expect("ready");
        let mut callers = ["0", "64", "4096", "9", "0"].map(|len| caller(&name, len));
        callers.iter().for_each(|_| service.expect("call"));
        service.kill();
        for caller in &mut callers {
            assert!(caller.says().starts_with(&format!("Err({ECONNRESET}) ")));
        }
        callers[1].tell("again");
        callers[1].expect(&format!("Err({ESRCH}) Some(1)"));
        callers[0].tell("again");
        callers[0].expect(&format!("Err({ECONNRESET}) None"));
    }
}

fn killed_caller() {
    let (mut service, mut caller) = waiting("bereft", "100");
    caller.kill();
    service.expect("Some(CloseMsg) 7");
    // The next thing that it hears of is another caller.
    let _other = Program::start(&["call", "/scheme/bereft/x", "0"]);
    service.expect("call 1");
}

fn name_stays() {
    let mut service = Program::start(&["echo", "taken"]);
    service.expect("ready");
    service.kill();
    let path = "/scheme/taken";
    let namespace = libredox::call::getns().unwrap();
    assert!(libredox::call::open(path, 0, 0).is_err());
    host::sys::unlinkat(namespace, path, 0).unwrap();
    let mut successor = Program::start(&["echo", "taken"]);
    successor.expect("ready");
    let mut caller = caller("taken", "1");
    caller.expect("Ok(0) Some(2)");
}
