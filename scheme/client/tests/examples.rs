//! The examples do what they say.
#![cfg(not(target_os = "redox"))]
// Each example brings it along.
#![allow(clippy::duplicate_mod)]

#[path = "../examples/echo.rs"]
mod echo;
#[path = "../examples/pool.rs"]
mod pool;
#[path = "../examples/proxy.rs"]
mod proxy;
#[path = "../examples/shared/mod.rs"]
mod shared;

use client::Port;

#[test]
fn the_echo_server_gives_back_what_it_got() {
    shared::with_daemon(|| {
        let path = "/scheme/port/user/0/echo";
        let port = Port::create(path, 0o622).unwrap();
        let server = shared::start(move || echo::serve(port, 3));
        let lines = ["one", "", "and three"];
        assert_eq!(echo::ask(path, &lines).unwrap(), lines);
        shared::join(server).unwrap();
    });
}

#[test]
fn the_worker_pool_answers_each_message_once() {
    shared::with_daemon(|| {
        let asked = |right: &client::SendRight| pool::ask(right, 1_500);
        let (counted, done) = pool::with_pool("/scheme/port/user/0/pool", 4, asked).unwrap();
        assert!(counted.iter().map(|(number, _)| *number).eq(1..=1_500));
        assert_eq!(
            counted[..6].iter().map(|(_, count)| *count).collect::<Vec<_>>(),
            [1, 2, 2, 3, 2, 4]
        );
        assert_eq!((done.len(), done.iter().sum::<usize>()), (4, 1_500));
    });
}

#[test]
fn the_proxy_passes_on_and_the_servers_answer_the_sender() {
    shared::with_daemon(|| {
        let answers = proxy::run("/scheme/port/user/0/proxy", 6).unwrap();
        assert_eq!(answers, [2001, 1002, 2003, 1004, 2005, 1006]);
    });
}

#[test]
fn the_programs_run_as_they_are() {
    for program in [echo::main, pool::main, proxy::main] {
        assert_eq!(program(), Ok(()));
    }
}
