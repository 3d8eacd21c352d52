//! Cancelling, dying.

use libredox::{call, errno::*, flag};
use smoke::echo::{Ask, Handle, Seen};
use smoke::{Daemon, End, Process, World, catch_signals, errno, files};

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_signal_cancels_a_call_and_the_caller_gets_eintr,
    a_cancelled_call_may_still_be_answered,
    a_killed_caller_is_no_cancel_but_a_close,
    a_daemon_that_is_killed_leaves_its_caller_waiting,
    a_handle_of_a_dead_scheme_is_closed_with_enodev,
    a_scheme_whose_creating_thread_is_gone_is_esrch,
    a_name_that_nobody_has_is_enodev,
    the_last_descriptor_s_close_is_the_one_that_arrives,
    the_end_of_a_process_closes_what_it_has,
    portd_that_is_killed_takes_no_client_with_it,
];

/// A client that waits for an answer, and the test's own handle.
fn waiting(world: &World, daemon: &Daemon, ask: Ask, payload: usize) -> (Process, Handle) {
    let handle = world.here(|| Handle::open(&daemon.path)).unwrap();
    let path = daemon.path.clone();
    let client = world.spawn(move || {
        catch_signals();
        Handle::open(&path)?.ask(ask, &[5], &mut vec![1; payload])
    });
    world.here(|| handle.wait_for(Seen::Holds, 1)).unwrap();
    (client, handle)
}

fn a_signal_cancels_a_call_and_the_caller_gets_eintr() {
    for payload in [0, 64, 10_000] {
        let world = World::new();
        let daemon = world.echo();
        let (client, handle) = waiting(&world, &daemon, Ask::Hold, payload);
        client.signal();
        assert_eq!(client.wait(), End::Gave(Err(EINTR)));
        world.here(|| {
            assert_eq!(handle.count(Seen::Cancels), Ok(1));
            drop(handle);
        });
    }
}

fn a_cancelled_call_may_still_be_answered() {
    let world = World::new();
    let daemon = world.echo();
    let (client, handle) = waiting(&world, &daemon, Ask::HoldOn, 100);
    client.signal();
    assert_eq!(client.wait(), End::Gave(Ok(5)));
    world.here(|| drop(handle));
}

fn a_killed_caller_is_no_cancel_but_a_close() {
    let world = World::new();
    let daemon = world.echo();
    let (client, handle) = waiting(&world, &daemon, Ask::Hold, 100);
    client.kill();
    assert_eq!(client.wait(), End::Killed);
    world.here(|| {
        assert_eq!(handle.wait_for(Seen::Closes, 1), Ok(1));
        assert_eq!(handle.count(Seen::Cancels), Ok(0));
        assert_eq!(handle.ask(Ask::Add, &[1, 2], &mut [0; 100]), Ok(3), "the scheme goes on");
        drop(handle);
    });
}

fn a_daemon_that_is_killed_leaves_its_caller_waiting() {
    let world = World::new();
    let mut daemon = world.echo();
    let (mut client, handle) = waiting(&world, &daemon, Ask::Hold, 0);
    daemon.kill();
    world.here(|| {
        assert_eq!(handle.ask(Ask::Add, &[1, 2], &mut []), Err(ENODEV));
        assert_eq!(handle.ask(Ask::Add, &[1, 2], &mut [0; 100]), Err(ENODEV));
        assert_eq!(Handle::open(&daemon.path).err(), Some(ENODEV));
    });
    assert!(!client.has_ended());
    client.kill();
    assert_eq!(client.wait(), End::Killed);
    world.here(|| drop(handle));
}

fn a_handle_of_a_dead_scheme_is_closed_with_enodev() {
    let world = World::new();
    let mut daemon = world.echo();
    let handle = world.here(|| Handle::open(&daemon.path)).unwrap();
    daemon.kill();
    world.here(|| {
        let raw = handle.0.into_raw();
        assert_eq!(errno(call::close(raw)), Err(ENODEV));
        assert_eq!(errno(call::close(raw)), Err(EBADF));
    });
}

fn a_scheme_whose_creating_thread_is_gone_is_esrch() {
    let world = World::new();
    let daemon = world.orphan();
    assert_eq!(world.here(|| Handle::open(&daemon.path).err()), Some(ESRCH));
}

fn a_name_that_nobody_has_is_enodev() {
    let world = World::new();
    world.here(|| {
        assert_eq!(files::open("/scheme/nobody-has-this/x", flag::O_RDWR, 0).err(), Some(ENODEV));
    });
}

fn the_last_descriptor_s_close_is_the_one_that_arrives() {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| {
        let (one, other) =
            (Handle::open(&daemon.path).unwrap(), Handle::open(&daemon.path).unwrap());
        let copy = one.0.dup(b"").unwrap();
        drop(one);
        assert_eq!(other.count(Seen::Closes), Ok(0));
        call::close(copy).unwrap();
        assert_eq!(other.wait_for(Seen::Closes, 1), Ok(1));
    });
}

fn the_end_of_a_process_closes_what_it_has() {
    let world = World::new();
    let daemon = world.echo();
    let handle = world.here(|| Handle::open(&daemon.path)).unwrap();
    let path = daemon.path.clone();
    let client = world.spawn(move || {
        let handles: Vec<_> = (0..5).map(|_| Handle::open(&path)).collect::<Result<_, _>>()?;
        handles.into_iter().for_each(std::mem::forget);
        Ok(5)
    });
    assert_eq!(client.wait(), End::Gave(Ok(5)));
    world.here(|| {
        assert_eq!(handle.wait_for(Seen::Closes, 5), Ok(5));
        drop(handle);
    });
}

fn portd_that_is_killed_takes_no_client_with_it() {
    const NULL: &str = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";
    let world = World::new();
    let mut daemon = world.portd(NULL);
    world.here(|| {
        let null = files::open(&daemon.at("null"), flag::O_RDWR, 0).unwrap();
        assert_eq!(errno(null.write(b"gone")), Ok(4));
        daemon.kill();
        assert_eq!(errno(null.write(b"gone")), Err(ENODEV));
        assert_eq!(files::open(&daemon.at("null"), flag::O_RDWR, 0).err(), Some(ENODEV));
    });
    let again = world.portd(NULL);
    assert_eq!(world.here(|| files::list(&again.path)), Ok(vec!["null".to_string()]));
}
