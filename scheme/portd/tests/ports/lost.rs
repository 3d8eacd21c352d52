//! Rights whose opener was killed within the open: nobody closes them.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use agent::{Errno, Exchange, Neighbour, Outcome, Status};
use client::{Port, SendRight};
use driver::{Body, Class, Description, Driver, Features, Op, Request};
use host::sys;
use libredox::flag::O_WRONLY;
use service::{Bound, Host, Limits, Service};
use stack::{Environment, Made};

use crate::{
    common::{World, open},
    setup::{NAME, message, numbered},
};

/// More than any test takes that goes well.
const LONG: Duration = Duration::from_secs(30);

/// Holds up the daemon's thread at each write, until it is let go.
struct Holds {
    held: Mutex<Sender<()>>,
    release: Mutex<Receiver<()>>,
}

impl agent::Port<Body> for Holds {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        if let Op::Write { .. } = request.body().op {
            self.held.lock().unwrap().send(()).unwrap();
            self.release.lock().unwrap().recv().unwrap();
        }
        let len = request.len();
        request.done(Status::ok(len))
    }
}

impl Driver for Holds {
    fn describe(&self) -> Description {
        Description::new(Class::Character, Features::CONCURRENT)
    }
}

/// A daemon whose users have four handles at most, each to be used at once.
fn world(driver: Arc<dyn Driver>) -> World {
    let mut world = World::new();
    let make = move || {
        let plan = portd::plan("[[driver]]\nname = \"null\"\nkind = \"null\"").unwrap();
        let mut stack = portd::build(&plan).unwrap();
        let description = driver.describe();
        let placed = Host.place("holds", &mut || Ok(Arc::clone(&driver))).unwrap();
        let port: Arc<dyn agent::Port<Body>> = Arc::<dyn Driver>::clone(&placed);
        stack.rows.push("holds".into());
        stack.drivers.push(Made {
            name: "holds".into(),
            kind: "test",
            on: None,
            port: Neighbour::new(port, 2),
            driver: placed,
            description,
            agent: None,
        });
        let service = Service::directory("port", &stack, plan.draw());
        let service = service.map_err(|failure| failure.to_string())?;
        service.set_connect_limit(Duration::ZERO);
        let handles = Bound { of_user: 4, of_all: 64 };
        service.set_limits(Limits { handles, ..Limits::default() });
        Ok(service)
    };
    world.start("port", make).unwrap();
    world
}

#[test]
fn what_was_opened_for_who_was_killed_makes_room_for_others_of_its_user() {
    let ((held, holds), (release, released)) = (mpsc::channel(), mpsc::channel());
    let driver = Holds { held: Mutex::new(held), release: Mutex::new(released) };
    let world = world(Arc::new(driver));
    let server = world.process(0, 0);
    let mut port = server.enter(|| Port::create(NAME, 0o622).unwrap());
    let writer = world.process(0, 0);
    let fd = writer.enter(|| open("/scheme/port/holds", O_WRONLY, 0).unwrap().into_raw());
    for _ in 0..4 {
        let writing = writer.spawn(move || sys::pwrite(fd, b"x", 0).unwrap());
        holds.recv_timeout(LONG).unwrap();
        let client = world.process(7, 7);
        let opening = client.spawn(|| SendRight::open(NAME).map(SendRight::into_fd).err());
        client.wait_blocked(1);
        client.kill();
        release.send(()).unwrap();
        assert_eq!(writing.join().unwrap(), 1);
        assert!(opening.join().unwrap().is_some());
    }
    let client = world.process(7, 7);
    client.enter(|| {
        let rights = [(); 4].map(|()| SendRight::open(NAME).unwrap());
        // They are its own, used or not.
        assert_eq!(SendRight::open(NAME).err(), Some(Errno::EMFILE));
        rights.iter().for_each(|right| right.send_one(numbered(1)).unwrap());
        server.enter(|| (0..4).for_each(|_| message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap()));
    });
}
