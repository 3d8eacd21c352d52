//! Questions of the driver's own to the lower port.

use driver::{
    Attr, Body, Call, Cred, Data, Errno, Exchange, Lower, Node, Op, Origin, Reply, Request, Wait,
};

pub(crate) struct Below {
    pub(crate) lower: Lower,
    pub(crate) wait: &'static (dyn Wait + Sync),
}

impl Below {
    /// Asks as root.
    pub(crate) fn ask(
        &self,
        origin: &mut Origin,
        op: Op,
        name: Option<&[u8]>,
        data: Data<'_>,
    ) -> Result<(usize, Reply), Errno> {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        if let Some(name) = name {
            call = call.name(name);
        }
        let status = self.lower.port.call(origin, self.wait, &mut call);
        Ok((status.result()?, call.body().reply))
    }

    /// What a name in a directory is of.
    pub(crate) fn find(
        &self,
        origin: &mut Origin,
        parent: Node,
        name: &[u8],
    ) -> Result<(Node, Attr), Errno> {
        let op = Op::Lookup { parent, follow: false };
        match self.ask(origin, op, Some(name), Data::NONE)?.1 {
            Reply::Entry { node, attr } => Ok((node, attr)),
            _ => Err(Errno::EPROTO),
        }
    }

    pub(crate) fn attr(&self, request: &mut Request<'_>, node: Node) -> Result<Attr, Errno> {
        let mut origin = request.origin();
        let answer = self.ask(&mut origin, Op::Getattr { node }, None, Data::NONE);
        request.rejoin(origin);
        match answer?.1 {
            Reply::Attr(attr) => Ok(attr),
            _ => Err(Errno::EPROTO),
        }
    }

    /// What one of the request's names is of; `None` where nothing is there, or the name is none.
    pub(crate) fn named(
        &self,
        request: &mut Request<'_>,
        parent: Node,
        index: usize,
    ) -> Option<(Node, Attr)> {
        let mut origin = request.origin();
        let name = request.name(index).filter(|name| driver::check_name(name).is_ok());
        let found = name.and_then(|name| self.find(&mut origin, parent, name).ok());
        request.rejoin(origin);
        found
    }
}
