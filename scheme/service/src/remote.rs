//! The agent to a port of another process, as a driver to stand on.

use agent::{Errno, Outcome, Port, SchemeAgent, Words};
use driver::{Body, Description, Driver, REPLY, Request, describe_from};

/// A port of another process. It looks like the driver that is served there, but for
/// [`Features::REMOTE`](driver::Features::REMOTE), and that it blocks.
pub struct Remote {
    agent: SchemeAgent<Body>,
    description: Description,
}

impl Remote {
    /// Opens the port at `path` and asks what it is. The errors are the open's; `EPROTO` or
    /// `EOPNOTSUPP` where what is there does not speak messages.
    pub fn connect(path: &str) -> Result<Remote, Errno> {
        let agent = SchemeAgent::connect(path)?;
        let mut reply = [0; REPLY];
        agent.ask(Words::default(), &mut reply)?;
        Ok(Remote { description: describe_from(&reply)?, agent })
    }
}

impl Port<Body> for Remote {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.agent.begin(request)
    }
}

impl Driver for Remote {
    fn describe(&self) -> Description {
        self.description
    }
}
