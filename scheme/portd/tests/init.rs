//! Life under init: it hears that a service is ready by getting the scheme's root.
#![cfg(not(target_os = "redox"))]

mod common;

use common::{errno, list};
use host::Process;
use libredox::{Fd, call, errno::*, flag::*};
use service::Service;
use syscall::CallFlags;

const NULL: &str = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";

fn service() -> Service {
    portd::serve("port", NULL).expect("the description is good")
}

#[test]
fn init_gets_the_root_and_registers_the_name() {
    let init = Process::isolated("init", 0, 0);
    let (reader, writer) = init.pipe().unwrap();
    let daemon = init.child("portd", 0, 0);
    let end = daemon.inherit(&init, writer).unwrap();
    let running = daemon.spawn(move || {
        let mut service = service();
        service.publish_to(&Fd::new(end)).unwrap();
        service::enter_null_namespace().unwrap();
        service.run().unwrap();
    });
    init.enter(|| {
        let mut slot = usize::MAX.to_ne_bytes();
        call::call_ro(reader, &mut slot, CallFlags::FD | CallFlags::FD_UPPER, &[]).unwrap();
        let root = usize::from_ne_bytes(slot);
        call::register_scheme_to_ns(call::getns().unwrap(), "port", root).unwrap();
    });
    let client = init.child("client", 0, 0);
    assert_eq!(client.enter(|| list("/scheme/port")).unwrap(), ["null"]);
    daemon.exit();
    running.join().unwrap();
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let init = Process::isolated("init", 0, 0);
    init.enter(|| {
        let (mut first, mut second) = (service(), service());
        first.publish().unwrap();
        let failure = second.publish().unwrap_err();
        assert_eq!(failure.errno(), agent::Errno(EEXIST as u16));
        assert!(failure.to_string().contains("another service has the name"), "{failure}");
    });
}

#[test]
fn only_root_makes_a_scheme() {
    let user = Process::isolated("user", 5, 5);
    let error = user.enter(|| portd::serve("port", NULL).err().unwrap());
    assert!(error.to_string().contains("it takes root"), "{error}");
}

#[test]
fn in_the_null_namespace_nothing_is_opened_by_path() {
    let init = Process::isolated("init", 0, 0);
    let daemon = init.child("portd", 0, 0);
    daemon.enter(|| {
        let mut service = service();
        service.publish().unwrap();
        service::enter_null_namespace().unwrap();
        assert_eq!(errno(Fd::open("/scheme/port", O_RDONLY, 0)).err(), Some(ENODEV));
    });
}

#[test]
fn a_daemon_that_is_asked_to_stop_ends_well() {
    static STOP: service::Stop = service::Stop::new();
    let init = Process::isolated("init", 0, 0);
    let daemon = init.child("portd", 0, 0);
    let (tell, ready) = std::sync::mpsc::channel();
    let running = daemon.spawn(move || {
        let mut service = service();
        service.publish().unwrap();
        tell.send(()).unwrap();
        service.run_until(&STOP)
    });
    ready.recv().unwrap();
    let client = init.child("client", 0, 0);
    assert_eq!(client.enter(|| list("/scheme/port")).unwrap(), ["null"]);
    daemon.wait_blocked(1);
    daemon.enter(|| STOP.ask());
    daemon.interrupt();
    running.join().unwrap().unwrap();
    daemon.exit();
    assert_eq!(client.enter(|| list("/scheme/port")), Err(ENODEV));
}
