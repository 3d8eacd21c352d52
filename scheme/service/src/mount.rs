//! What is served under a name: a driver, the edge to it, and its thread where it blocks.

use std::sync::{Arc, OnceLock};

use agent::{Call, Data, Errno, Lent, Neighbour, Origin, pages};
use driver::{Attr, Body, Class, Cred, Description, Driver, Features, FileKind, Op};

use crate::{wait::PARK, worker::Worker};

/// A driver that is served, and its name.
pub struct Mount {
    pub(crate) name: String,
    pub(crate) port: Neighbour<Body>,
    pub(crate) description: Description,
    pub(crate) worker: OnceLock<Worker>,
    lower: Option<Arc<dyn Driver>>,
}

impl Mount {
    /// Serves the driver at the end of `port`, described by `description`, under `name`. Windows
    /// are of the memory that `lower`, the driver itself or what it stands on, shares with another
    /// process, if it does: data in them goes there by reference.
    pub fn new(
        name: &str,
        port: Neighbour<Body>,
        description: Description,
        lower: Option<Arc<dyn Driver>>,
    ) -> Arc<Mount> {
        let worker = OnceLock::new();
        Arc::new(Mount { name: name.into(), port, description, worker, lower })
    }

    /// Memory for a window, all zeros, whole pages.
    pub(crate) fn share(&self, len: usize) -> Result<Lent, Errno> {
        if let Some(Ok(lent)) = self.lower.as_ref().map(|lower| lower.share(len)) {
            return Ok(lent);
        }
        pages(len)
    }

    pub(crate) fn blocks(&self) -> bool {
        self.description.features.contains(Features::BLOCKS)
    }

    pub(crate) fn is_file_system(&self) -> bool {
        self.description.class == Class::File
    }

    /// The attributes of a device. A file system is asked for those of its nodes.
    pub(crate) fn device_attr(&self) -> Attr {
        let (kind, mode) = match self.description.class {
            Class::Character => (FileKind::Character, 0o666),
            _ => (FileKind::Block, 0o600),
        };
        let block_size = self.description.block_size;
        Attr { kind, mode, links: 1, size: self.description.size, block_size, ..Attr::default() }
    }
}

/// Asks a mount on behalf of somebody.
pub(crate) struct Asker<'a> {
    pub(crate) mount: &'a Mount,
    pub(crate) cred: Cred,
    pub(crate) origin: &'a mut Origin,
}

impl Asker<'_> {
    /// Asks and waits. The status' count, and the body with the reply's values.
    pub(crate) fn ask(
        &mut self,
        op: Op,
        data: Data<'_>,
        names: &[&[u8]],
    ) -> Result<(usize, Body), Errno> {
        let mut call = Call::new(Body::new(op, self.cred), data);
        for name in names {
            call = call.name(name);
        }
        let count = self.send(&mut call)?;
        Ok((count, call.into_body()))
    }

    /// Sends a message and waits.
    #[inline]
    pub(crate) fn send(&mut self, call: &mut Call<'_, Body>) -> Result<usize, Errno> {
        self.mount.port.call(self.origin, &PARK, call).result()
    }

    /// Asks for nothing but a count.
    #[inline]
    pub(crate) fn count(&mut self, op: Op, data: Data<'_>) -> Result<usize, Errno> {
        self.send(&mut Call::new(Body::new(op, self.cred), data))
    }

    /// Asks for a node and its attributes.
    pub(crate) fn entry(&mut self, op: Op, names: &[&[u8]]) -> Result<(driver::Node, Attr), Errno> {
        let (_, body) = self.ask(op, Data::NONE, names)?;
        match (body.node(), body.attr()) {
            (Some(node), Some(attr)) => Ok((node, *attr)),
            _ => Err(Errno::EPROTO),
        }
    }

    /// Ends one open of a node of a file system. Nobody is there to tell of an error.
    pub(crate) fn close(&mut self, node: driver::Node) {
        let _ = self.count(Op::Close { node }, Data::NONE);
    }

    /// Asks for attributes.
    pub(crate) fn attr(&mut self, op: Op) -> Result<Attr, Errno> {
        let (_, body) = self.ask(op, Data::NONE, &[])?;
        body.attr().copied().ok_or(Errno::EPROTO)
    }
}
