//! The pass layer above a RAM disk and above a port that keeps.

use std::sync::{Arc, Mutex};

use driver::{
    Body, Call, Class, Context, Cred, Data, Description, Driver, Errno, Exchange, Features, Kept,
    Lower, Message, Neighbour, Node, Op, OptionValue, Options, Outcome, Port, Request, Spin,
    Status, Time,
};
use driver_ramdisk::Ramdisk;

/// Keeps what it gets until told.
#[derive(Default)]
struct Keeper(Mutex<Vec<Kept<Body>>>);

impl Port<Body> for Keeper {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Body>) {
        self.0.lock().unwrap().push(kept);
    }
}

impl Driver for Keeper {
    fn describe(&self) -> Description {
        Description::new(Class::Block, Features::CONCURRENT)
    }
}

fn pass_on<D: Driver + 'static>(driver: Arc<D>, frames: bool) -> Arc<dyn Driver> {
    let description = driver.describe();
    let lower = Lower { port: Neighbour::new(driver, 1), description };
    let mut options = Options::default();
    options.set("frames", OptionValue::Flag(frames));
    let context = Context { now: Time::default, wait: &Spin };
    (driver_pass::KIND.make)(&options, vec![lower], &context).ok().unwrap()
}

const READ: Body = Body::new(Op::Read { node: Node::ROOT, offset: 0 }, Cred::ROOT);

#[test]
fn it_describes_itself_as_what_it_stands_on() {
    let disk = Arc::new(Ramdisk::new(8192, 4096, true).unwrap());
    assert_eq!(pass_on(Arc::clone(&disk), false).describe(), disk.describe());
}

#[test]
fn what_comes_back_at_once_is_the_lower_ports_answer() {
    for frames in [false, true] {
        let top = pass_on(Arc::new(Ramdisk::new(8192, 512, true).unwrap()), frames);
        let mut room = [9; 512];
        let mut call = Call::new(READ, Data::sink(&mut room));
        assert_eq!(call.run(&*top, &Spin), Status::ok(512));
        assert_eq!(call.counts().looks, 1, "the disk's own");
        let write = Body::new(Op::Write { node: Node::ROOT, offset: 0 }, Cred::ROOT);
        let mut call = Call::new(write, Data::source(&[0; 512]));
        assert_eq!(call.run(&*top, &Spin), Errno::EROFS.into());
    }
}

#[test]
fn a_late_completion_comes_up_through_it() {
    for frames in [false, true] {
        let keeper = Arc::new(Keeper::default());
        let top = pass_on(Arc::clone(&keeper), frames);
        let port: Arc<dyn Port<Body>> = top;
        let pending = Message::new(READ).ask(&port);
        let mut kept = keeper.0.lock().unwrap().pop().expect("kept below");
        kept.body_mut().op = Op::Statfs;
        kept.done(Status::ok(77));
        let mut pending = std::pin::pin!(pending);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(message) = pending.as_mut().poll(&mut context) else {
            panic!("the message is back")
        };
        assert_eq!((message.status(), message.body().op), (Status::ok(77), Op::Statfs));
    }
}

#[test]
fn without_a_lower_driver_there_is_a_clear_error() {
    let context = Context { now: Time::default, wait: &Spin };
    let error = (driver_pass::KIND.make)(&Options::default(), vec![], &context).err().unwrap();
    assert!(error.contains("stands on another driver"));
}
