//! A daemon that hosts a crowd, and something that is done in it again and again.

use client::{
    Batch, Outgoing, SendRight,
    record::{RECORD, Record, Verb, View},
};
use host::Process;
use libredox::{Fd, flag};
use service::{Bound, Limits};

const TEXT: &str = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";
const NAME: &str = "/scheme/port/user/0/port";
/// Messages that one right has outstanding; below what the daemon lets it have.
const OF_RIGHT: usize = 1_000;
/// Rights whose messages wait at one port; again.
const OF_PORT: usize = 4;
/// Descriptors that one process has of the crowd; again.
const OF_PROCESS: usize = 50_000;

/// What is there beside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// Ports in one directory.
    Ports(usize),
    /// Rights to the port that is used.
    Rights(usize),
    /// Receive rights of that port.
    Receivers(usize),
    /// Messages that wait at other ports.
    Waiting(usize),
    /// Messages that the receiver which is used has taken.
    Taken(usize),
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A message is sent, taken, answered, and its reply read: four crossings.
    Message,
    /// A right is opened and closed.
    Open,
    /// A port is made and closed.
    Make,
}

impl Crowd {
    /// Makes a daemon and the crowd; what is given does the step a number of times.
    pub(crate) fn world(self, step: Step) -> impl FnMut(u64) {
        let world = World::new();
        let port = world.client.enter(|| Fd::open(NAME, create(), 0o600).expect("a port"));
        // The crowd takes its time: a port that nobody has used by then is gone.
        world.client.enter(|| port.stat().expect("the port"));
        let held = self.gather(&world, &port);
        let right = world.client.enter(|| SendRight::open(NAME).expect("a right"));
        move |count| {
            let _ = &held;
            world.client.enter(|| (0..count).for_each(|_| step.run(&right, &port)));
        }
    }

    fn gather(self, world: &World, port: &Fd) -> Vec<Held> {
        match self {
            Crowd::Ports(count) => world.hold(count, |at| {
                let path = format!("/scheme/port/user/0/crowd/{at}");
                Fd::open(&path, create(), 0o600).expect("a port")
            }),
            Crowd::Rights(count) => {
                world.hold(count, |_| Fd::open(NAME, flag::O_RDWR, 0).expect("a right"))
            }
            Crowd::Receivers(count) => {
                let dup = || (0..count).map(|_| Fd::new(port.dup(b"receive").expect("a right")));
                world.hold_here(|| dup().collect())
            }
            Crowd::Waiting(count) => {
                let ports = count.div_ceil(OF_RIGHT * OF_PORT);
                let path = |at| format!("/scheme/port/user/0/crowd-{at}");
                let mut held =
                    world.hold(ports, |at| Fd::open(&path(at), create(), 0o600).expect("a port"));
                held.extend(world.hold(count.div_ceil(OF_RIGHT), |at| {
                    send(&path(at / OF_PORT), count.min(OF_RIGHT)).into_fd()
                }));
                held
            }
            Crowd::Taken(count) => world.hold(count.div_ceil(OF_RIGHT), |_| {
                let right = send(NAME, count.min(OF_RIGHT));
                let mut buffer = vec![0; OF_RIGHT * RECORD];
                let taken = world.client.enter(|| port.read(&mut buffer).expect("messages"));
                assert_eq!(taken, count.min(OF_RIGHT) * RECORD);
                right.into_fd()
            }),
        }
    }
}

/// Sends so many messages.
fn send(path: &str, count: usize) -> SendRight {
    let right = SendRight::open(path).expect("a right");
    let mut batch = Batch::new();
    (0..count as u64).for_each(|id| batch.push(Outgoing { id, ..Outgoing::default() }));
    assert_eq!(right.send(&mut batch).expect("there is room"), count);
    right
}

fn create() -> i32 {
    flag::O_RDWR | flag::O_CREAT | flag::O_EXCL
}

impl Step {
    fn run(self, right: &SendRight, port: &Fd) {
        match self {
            Step::Message => message(right.fd(), port),
            Step::Open => drop(SendRight::open(NAME).expect("a right")),
            Step::Make => {
                let made = Fd::open("/scheme/port/user/0/crowd/made", create(), 0o600);
                drop(made.expect("a port"));
            }
        }
    }
}

fn message(right: &Fd, port: &Fd) {
    let mut record = Record::new(Verb::Send, u64::MAX).to_bytes();
    right.write(&record).expect("it is sent");
    assert_eq!(port.read(&mut record).expect("it comes"), RECORD);
    let number = View::new(&record).expect("a record").id();
    port.write(&Record::new(Verb::Reply, number).to_bytes()).expect("it is answered");
    assert_eq!(right.read(&mut record).expect("its reply comes"), RECORD);
}

/// A daemon without limits, and who uses it.
struct World {
    init: Process,
    client: Process,
}

/// Descriptors of a process. They are left to the program's end.
struct Held(Process, Vec<Fd>);

impl Drop for Held {
    fn drop(&mut self) {
        let Held(process, fds) = self;
        process.enter(|| fds.clear());
    }
}

impl World {
    fn new() -> World {
        let init = Process::isolated("init", 0, 0);
        let daemon = init.child("portd", 0, 0);
        let (tell, ready) = std::sync::mpsc::channel();
        daemon.spawn(move || {
            let mut service = portd::serve("port", TEXT).expect("the description is good");
            let all = Bound { of_user: usize::MAX, of_all: usize::MAX };
            service.set_limits(Limits { handles: all, messages: all, ..Limits::default() });
            service.publish().expect("the name is free");
            tell.send(()).expect("somebody waits");
            service.run().expect("it serves to the end");
        });
        ready.recv().expect("the daemon starts");
        World { client: init.child("client", 0, 0), init }
    }

    /// Has processes beside the client hold what `open` gives.
    fn hold(&self, count: usize, mut open: impl FnMut(usize) -> Fd) -> Vec<Held> {
        let all: Vec<usize> = (0..count).collect();
        let hold = |part: &[usize]| {
            let process = self.init.child("crowd", 0, 0);
            let fds = process.enter(|| part.iter().map(|at| open(*at)).collect());
            Held(process, fds)
        };
        all.chunks(OF_PROCESS).map(hold).collect()
    }

    fn hold_here(&self, open: impl FnOnce() -> Vec<Fd>) -> Vec<Held> {
        vec![Held(self.client.clone(), self.client.enter(open))]
    }
}
