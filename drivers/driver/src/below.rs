//! Questions of a driver's own to the file port that it stands on.

use agent::{Call, Data, Errno, Origin, Wait};

use crate::{
    attr::Attr,
    kind::Lower,
    op::{Body, Cred, Node, Op, Reply},
};

/// The file port that a driver stands on, as one that it asks on its own account: as root, and
/// waiting for each answer. So it is for [`Port::begin`](crate::Port::begin), the only entry that
/// may wait.
///
/// Each question is sent on behalf of an [`Origin`]: that of the request being worked on, which then
/// has the costs, or [`Origin::root`] where there is none. Errors are the lower port's; `EPROTO`
/// where its reply is not one to the question.
pub struct Below {
    /// The port below, to pass requests to.
    pub lower: Lower,
    wait: &'static (dyn Wait + Sync),
}

impl Below {
    /// Waits for answers of `lower` by `wait`, which is the placement's.
    pub fn new(lower: Lower, wait: &'static (dyn Wait + Sync)) -> Below {
        Below { lower, wait }
    }

    /// Asks anything: the status' count, and the reply.
    pub fn ask(
        &self,
        origin: &mut Origin,
        op: Op,
        names: &[&[u8]],
        data: Data<'_>,
    ) -> Result<(usize, Reply), Errno> {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        for name in names {
            call = call.name(name);
        }
        let status = self.lower.port.call(origin, self.wait, &mut call);
        Ok((status.result()?, call.body().reply))
    }

    /// Asks what has no names, no data and no reply.
    pub fn plain(&self, origin: &mut Origin, op: Op) -> Result<(), Errno> {
        self.ask(origin, op, &[], Data::NONE).map(|_| ())
    }

    /// What a name in a directory is of; a link is not followed.
    pub fn find(
        &self,
        origin: &mut Origin,
        parent: Node,
        name: &[u8],
    ) -> Result<(Node, Attr), Errno> {
        let op = Op::Lookup { parent, follow: false };
        match self.ask(origin, op, &[name], Data::NONE)?.1 {
            Reply::Entry { node, attr } => Ok((node, attr)),
            _ => Err(Errno::EPROTO),
        }
    }

    /// The attributes of a node.
    pub fn attr(&self, origin: &mut Origin, node: Node) -> Result<Attr, Errno> {
        match self.ask(origin, Op::Getattr { node }, &[], Data::NONE)?.1 {
            Reply::Attr(attr) => Ok(attr),
            _ => Err(Errno::EPROTO),
        }
    }
}
