//! What a driver sends while it is entered, on behalf of the message that it got.

mod common;

use std::sync::{Arc, Mutex};

use agent::{
    Call, Data, Errno, Exchange, Inbox, Message, Neighbour, Outcome, Port, Request, Serialized,
    Status,
};
use common::{Park, Target, Trail, block_on, watched};

/// How the driver sends.
#[derive(Clone, Copy)]
enum How {
    Asks,
    Sends,
}

/// Sends to `other` while it is entered, and notes what comes of it.
struct Sender {
    other: Mutex<Option<Target>>,
    how: How,
    heard: Mutex<Vec<Status>>,
}

impl Port<Trail> for Sender {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let other = self.other.lock().unwrap().clone().expect("set");
        let (origin, message) = (request.origin(), Message::new(Trail::new()));
        let back = match self.how {
            How::Asks => block_on(message.ask_from(&origin, &other)),
            How::Sends => {
                let inbox = Inbox::new(1);
                assert!(inbox.send_from(&origin, message, &other).is_ok());
                inbox.wait(&Park)
            }
        };
        request.rejoin(origin);
        self.heard.lock().unwrap().push(back.status());
        request.done(Status::OK)
    }
}

/// Calls back on behalf of the message that it got.
struct CallsBack(Target);

impl Port<Trail> for CallsBack {
    fn begin<'s>(&'s self, mut request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let mut origin = request.origin();
        let mut call = Call::new(Trail::new(), Data::NONE);
        let status = Neighbour::new(self.0.clone(), 1).call(&mut origin, &Park, &mut call);
        request.rejoin(origin);
        request.done(status)
    }
}

#[test]
fn a_call_back_that_a_driver_causes_by_what_it_sends_is_answered_edeadlk() {
    for how in [How::Asks, How::Sends] {
        watched(move || {
            let sender = Sender { other: Mutex::default(), how, heard: Mutex::default() };
            let sender = Arc::new(Serialized::new(sender));
            let back: Target = Arc::new(CallsBack(sender.clone()));
            *sender.inner().other.lock().unwrap() = Some(back);
            let ended = Call::new(Trail::new(), Data::NONE).run(&*sender, &Park);
            assert_eq!(ended, Status::OK);
            assert_eq!(*sender.inner().heard.lock().unwrap(), [Errno::EDEADLK.into()]);
            *sender.inner().other.lock().unwrap() = None;
        });
    }
}
