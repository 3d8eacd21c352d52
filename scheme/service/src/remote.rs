//! The agent to a port of another process, as a driver to stand on.

use std::sync::Arc;

use agent::{Errno, Lent, MessageId, Outcome, Port, open_port};
use driver::{Body, Description, Driver, Request};

use crate::{link::Link, opener::Opener};

/// A port of another process. It looks like the driver that is served there, but for
/// [`Features::REMOTE`](driver::Features::REMOTE), and that it blocks.
///
/// Where the service dies and is there again, messages go to the new one. One that the old one
/// never began is sent again; one that it may have begun is answered `ECONNRESET`; `ENODEV`
/// while there is no service, and where what is there now is another device. Nodes that the old
/// one gave are `ESTALE`.
pub struct Remote {
    link: Link,
}

impl Remote {
    /// Opens the port at `path` and asks what it is. The errors are the open's; `EPROTO` or
    /// `EOPNOTSUPP` where what is there does not speak messages; `EAGAIN` where there is no
    /// thread for its aborts. It is opened again by this process, which has to keep its namespace
    /// for that.
    pub fn connect(path: &str) -> Result<Remote, Errno> {
        let owned = path.to_owned();
        Ok(Remote { link: Link::new(path, Box::new(move || open_port(&owned)))? })
    }

    /// The same; opened, and opened again, by `opener`.
    pub fn connect_by(opener: &Arc<Opener>, path: &str) -> Result<Remote, Errno> {
        let (opener, owned) = (Arc::clone(opener), path.to_owned());
        Ok(Remote { link: Link::new(path, Box::new(move || opener.open(&owned)))? })
    }

    /// A piece of memory that both sides share, as
    /// [`SchemeAgent::buffer`](agent::SchemeAgent::buffer). A service that is there again does
    /// not share it: data in it is copied then.
    pub fn buffer(&self, len: usize) -> Result<Lent, Errno> {
        self.link.now().agent.buffer(len)
    }
}

impl Port<Body> for Remote {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let result = self.link.send(&mut request);
        request.done(result)
    }

    fn interrupt(&self, message: MessageId) {
        self.link.now().interrupt(message);
    }
}

impl Driver for Remote {
    fn describe(&self) -> Description {
        self.link.description()
    }

    fn share(&self, len: usize) -> Result<Lent, Errno> {
        let lent = self.buffer(len.next_multiple_of(4096))?;
        lent.zero();
        Ok(lent)
    }
}
