//! Who is killed leaves nobody waiting, and others go on.

use std::time::Duration;

use agent::Errno;
use client::{
    Batch, Event, Port, SendRight,
    record::{RECORD, Record, Verb, View},
};
use libredox::{Fd, call, errno::EBADF};
use service::{Bound, Limits};
use smoke::{Daemon, End, Process, World, errno};
use syscall::CallFlags;

use super::{
    ALL, NULL, beside, ended, make,
    random::Random,
    talk::{ends, message, numbered, replies},
    until,
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    what_a_killed_client_had_outstanding_is_aborted,
    a_killed_caller_s_message_is_aborted,
    the_messages_of_a_killed_receiver_go_back,
    a_killed_worker_s_messages_go_back_and_the_port_stays,
    a_port_that_its_maker_never_used_is_gone_in_time,
    rights_that_nobody_has_make_room_for_others,
    many_that_are_killed_leave_nobody_waiting,
];

/// What waits at a port.
fn waiting(fd: &Fd) -> u64 {
    fd.stat().unwrap().st_size as u64
}

fn kill(process: Process) {
    process.kill();
    assert_eq!(process.wait(), End::Killed);
}

/// Sends three messages, and waits for their replies. What fails in who is killed is no panic.
fn send_three(path: &str) -> Result<usize, Errno> {
    let right = SendRight::open(path)?;
    let mut batch = Batch::new();
    (1..=3).for_each(|id| batch.push(numbered(id)));
    right.send(&mut batch)?;
    replies(&right).map(|all| all.len())
}

fn what_a_killed_client_had_outstanding_is_aborted() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let to = path.to_string();
        let client = world.spawn(move || ended(send_three(&to)));
        // One is taken and no more.
        let mut taken = [0; RECORD];
        port.fd().read(&mut taken).unwrap();
        let number = View::new(&taken).unwrap().id();
        until(|| waiting(port.fd()) == 2);
        kill(client);
        assert!(matches!(port.receive(), Ok(Event::Aborted(told)) if u64::from(told) == number));
        until(|| waiting(port.fd()) == 0);
        let answered = port.fd().write(&Record::new(Verb::Reply, number).to_bytes());
        assert_eq!(errno(answered), Ok(RECORD), "to answer is no mistake");
        let right = SendRight::open(path).unwrap();
        right.send_one(numbered(4)).unwrap();
        message(&mut port).reply(Ok(4), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(4, Ok(4))], "the port goes on");
    });
}

fn a_killed_caller_s_message_is_aborted() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        for room in [0, 64, 5000] {
            let to = path.to_string();
            let client = world.spawn(move || {
                let right = SendRight::open(&to);
                ended(right.and_then(|right| right.call(1, 0, &mut vec![7; room])))
            });
            let taken = message(&mut port);
            kill(client);
            let number = taken.number();
            assert!(matches!(port.receive(), Ok(Event::Aborted(told)) if told == number));
            taken.reply(Ok(room), [0; 3], &vec![1; room]).unwrap();
        }
    });
}

/// A process that takes one message from a port, makes the port `aside`, and then waits there.
fn one_who_keeps(world: &World, fd: Fd, aside: &str) -> Process {
    let path = aside.to_string();
    let server = world.spawn_with(0, fd, move |fd| {
        let taken = errno(fd.read(&mut [0; RECORD]))?;
        let waits = Port::create(&path, ALL);
        ended(waits.and_then(|mut waits| waits.receive().map(|_| taken)))
    });
    until(|| SendRight::open(aside).is_ok());
    server
}

fn the_messages_of_a_killed_receiver_go_back() {
    beside(|world, daemon, path| {
        let fd = make(path, ALL);
        let right = SendRight::open(path).unwrap();
        (1..=2).for_each(|id| right.send_one(numbered(id)).unwrap());
        let server = one_who_keeps(world, fd, &daemon.at("user/0/aside"));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let to = path.to_string();
                world.spawn_as(8, move || {
                    ended(SendRight::open(&to).unwrap().call(1, 0, &mut [0; 100]))
                })
            })
            .collect();
        until(|| waiting(right.fd()) == 4);
        kill(server);
        for caller in callers {
            assert_eq!(caller.wait(), End::Gave(Err(libredox::errno::ENODEV)));
        }
        let mut back = ends(&right);
        while back.len() < 2 {
            back.extend(ends(&right));
        }
        back.sort_unstable_by_key(|end| end.0);
        assert_eq!(back, [(1, Err(Errno::ECONNRESET)), (2, Err(Errno::ENODEV))]);
        right.send_one(numbered(3)).unwrap();
        assert_eq!(ends(&right), [(3, Err(Errno::ENODEV))]);
        assert_eq!(right.call(1, 0, &mut []), Err(Errno::ENODEV));
    });
}

fn a_killed_worker_s_messages_go_back_and_the_port_stays() {
    beside(|world, daemon, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        (1..=2).for_each(|id| right.send_one(numbered(id)).unwrap());
        let worker = Fd::new(port.fd().dup(b"receive").unwrap());
        let worker = one_who_keeps(world, worker, &daemon.at("user/0/aside"));
        kill(worker);
        assert_eq!(ends(&right), [(1, Err(Errno::ECONNRESET))]);
        message(&mut port).reply(Ok(2), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(2, Ok(2))]);
    });
}

fn a_port_that_its_maker_never_used_is_gone_in_time() {
    let world = World::new();
    let daemon = world.service(|name| portd::serve(name, NULL).expect("the description is good"));
    let hasty = world.service(|name| {
        let service = portd::serve(name, NULL).expect("the description is good");
        service.set_connect_limit(Duration::ZERO);
        service
    });
    world.here(|| {
        let path = hasty.at("user/0/port");
        std::mem::forget(make(&path, ALL));
        assert_eq!(SendRight::open(&path).err(), Some(Errno::ENOENT));
        std::mem::forget(make(&path, ALL));
        let mut port = Port::create(&path, ALL).unwrap();
        // This one is used.
        assert_eq!(Port::create(&path, ALL).err(), Some(Errno::EEXIST));
        let right = SendRight::open(&path).unwrap();
        right.send_one(numbered(1)).unwrap();
        message(&mut port).reply(Ok(1), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(1, Ok(1))]);
        // Before its time is up it is there, used or not.
        let path = daemon.at("user/0/port");
        let fd = make(&path, ALL);
        assert_eq!(Port::create(&path, ALL).err(), Some(Errno::EEXIST));
        assert!(SendRight::open(&path).is_ok());
        drop(fd);
    });
}

/// Opens rights, uses the first, and passes all on.
fn open_and_give(path: &str, rights: usize, channel: &Fd) -> Result<usize, Errno> {
    for number in 0..rights {
        let right = SendRight::open(path)?;
        if number == 0 {
            right.send_one(numbered(1))?;
        }
        right.give(channel)?;
    }
    Ok(rights)
}

fn taken(channel: &Fd) -> SendRight {
    let mut number = usize::MAX.to_ne_bytes();
    let flags = CallFlags::FD | CallFlags::FD_UPPER;
    call::call_ro(channel.raw(), &mut number, flags, &[]).unwrap();
    SendRight::new(Fd::new(usize::from_ne_bytes(number)))
}

fn rights_that_nobody_has_make_room_for_others() {
    let world = World::new();
    let daemon = world.service(|name| {
        let service = portd::serve(name, NULL).expect("the description is good");
        service.set_connect_limit(Duration::ZERO);
        let handles = Bound { of_user: 3, of_all: 64 };
        service.set_limits(Limits { handles, ..Limits::default() });
        service
    });
    world.here(|| {
        let path = daemon.at("port");
        let _port = Port::create(&path, ALL).unwrap();
        let (reader, writer) = world.pipe();
        let to = path.clone();
        let opener =
            world.spawn_with(7, writer, move |to_test| ended(open_and_give(&to, 3, &to_test)));
        let held = [(); 3].map(|()| taken(&reader));
        assert_eq!(opener.wait(), End::Gave(Ok(3)));
        // To the daemon these look like what was opened for somebody who was killed meanwhile.
        let open_two = move || {
            let _first = SendRight::open(&path)?;
            SendRight::open(&path).map(|_| 2)
        };
        assert_eq!(world.spawn_as(7, move || ended(open_two())).wait(), End::Gave(Ok(2)));
        assert!(held[0].send_one(numbered(2)).is_ok(), "it was used");
        for lost in &held[1..] {
            assert_eq!(errno(lost.fd().stat()).err(), Some(EBADF));
        }
    });
}

const CLIENTS: usize = 4;

/// Answers until it is ended. The name may be a dead one's for a moment.
fn serve(path: &str) -> Result<usize, Errno> {
    let mut port = loop {
        match Port::create(path, ALL) {
            Err(Errno::EEXIST) => std::thread::yield_now(),
            created => break created?,
        }
    };
    loop {
        match port.receive()? {
            Event::Message(message) => {
                let data = message.data().to_vec();
                message.reply(Ok(data.len()), [0; 3], &data)?;
            }
            Event::Aborted(_) | Event::Connect(_) => {}
        }
    }
}

/// Asks until there is the port `stop`, whoever serves: how often it was answered.
fn ask(path: &str, stop: &str) -> Result<usize, Errno> {
    let mut answered = 0;
    while SendRight::open(stop).is_err() {
        match round(path) {
            Ok(count) => answered += count,
            Err(Errno::ENOENT | Errno::ENODEV | Errno::ECONNRESET) => std::thread::yield_now(),
            Err(errno) => return Err(errno),
        }
    }
    Ok(answered)
}

/// A call, and some messages that all come back.
fn round(path: &str) -> Result<usize, Errno> {
    let right = SendRight::open(path)?;
    let mut data = *b"a question";
    let count = right.call(1, 0, &mut data)?;
    assert_eq!((count, data), (10, *b"a question"));
    let mut batch = Batch::new();
    (1..=8).for_each(|id| batch.push(numbered(id)));
    assert_eq!(right.send(&mut batch)?, 8);
    let mut back = Vec::new();
    while back.len() < 8 {
        back.extend(replies(&right)?);
    }
    back.sort_unstable_by_key(|reply| reply.id);
    assert!(back.iter().map(|reply| reply.id).eq(1..=8), "{back:?}");
    back.into_iter().map(|reply| reply.status.map(|_| 1)).sum::<Result<usize, Errno>>()
}

/// A server and clients, of which any may be killed.
struct Crowd<'w> {
    world: &'w World,
    path: String,
    stop: String,
    /// The server is the first one.
    processes: Vec<Process>,
}

impl<'w> Crowd<'w> {
    fn new(world: &'w World, daemon: &Daemon) -> Crowd<'w> {
        let (path, stop) = (daemon.at("user/0/server"), daemon.at("user/0/stop"));
        let mut crowd = Crowd { world, path, stop, processes: Vec::new() };
        crowd.processes = (0..=CLIENTS).map(|which| crowd.start(which)).collect();
        crowd
    }

    fn start(&self, which: usize) -> Process {
        let (path, stop) = (self.path.clone(), self.stop.clone());
        match which {
            0 => self.world.spawn(move || ended(serve(&path))),
            _ => self.world.spawn_as(which as u32, move || ended(ask(&path, &stop))),
        }
    }

    /// Kills one, and starts another in its place. A server is killed once it serves: what is
    /// opened for who is killed meanwhile is never closed (`docs/redox.md`), and its port stays.
    fn replace(&mut self, which: usize) {
        if which == 0 {
            until(|| round(&self.path).is_ok());
        }
        let next = self.start(which);
        kill(std::mem::replace(&mut self.processes[which], next));
    }

    /// Has the clients end by themselves, which who hangs can't. The port goes with its server.
    fn end(mut self) {
        until(|| round(&self.path).is_ok());
        let stop = make(&self.stop, ALL);
        for client in self.processes.drain(1..) {
            let end = client.wait();
            assert!(matches!(end, End::Gave(Ok(_))), "{end:?}");
        }
        kill(self.processes.remove(0));
        until(|| SendRight::open(&self.path).err() == Some(Errno::ENOENT));
        drop(stop);
    }
}

fn many_that_are_killed_leave_nobody_waiting() {
    beside(|world, daemon, path| {
        let mut random = Random(0x5eed);
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        let mut crowd = Crowd::new(world, daemon);
        for kills in 0..crate::guard::kills() as u64 {
            // Others are not disturbed; and it takes some time, more or less.
            for id in 0..random.below(30) {
                right.send_one(numbered(id)).unwrap();
                message(&mut port).reply(Ok(kills as usize), [0; 3], &[]).unwrap();
                assert_eq!(ends(&right), [(id, Ok(kills as usize))]);
            }
            let which = if random.one_in(3) { 0 } else { 1 + random.below(CLIENTS as u64) };
            crowd.replace(which as usize);
        }
        crowd.end();
        right.send_one(numbered(0)).unwrap();
        assert_eq!(message(&mut port).words()[0], 0, "the daemon goes on");
    });
}
