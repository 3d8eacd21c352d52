//! Handles that a service makes for who did not open them.

use std::sync::Arc;

use agent::{Errno, Origin};
use driver::{Cred, FileKind, Node, OpenFlags};
use libredox::Fd;

use crate::{
    handle::{Handle, Place},
    open::Wish,
    serve::{Core, Root},
};

/// Makes handles of a service, for a service that is connected to directly.
pub struct Minter(Arc<Core>);

impl Minter {
    pub(crate) fn new(core: &Arc<Core>) -> Minter {
        Minter(Arc::clone(core))
    }

    /// A descriptor of a new handle on `path`, as an open of it by `cred` would give, with
    /// Redox's own open flags. The errors are that open's; a driver that blocks is waited for.
    pub fn mint(&self, cred: Cred, path: &[u8], flags: usize) -> Result<Fd, Errno> {
        let Minter(core) = self;
        let mut origin = Origin::root();
        let wish = Wish::new(flags, cred);
        let opened = core.open_from(&core.root_handle, true, path, wish, &mut origin)?;
        let (number, flags) = opened.handle();
        let made = core.socket.descriptor(number as usize, flags);
        made.inspect_err(|_| core.close(number, &mut origin))
    }
}

/// The root acts for nobody: paths are opened from it in the name of who asks.
pub(crate) fn root_handle(root: &Root) -> Handle {
    let nobody = Cred { uid: u32::MAX, gid: u32::MAX };
    let place = match root {
        Root::Directory(_) => Place::Names,
        Root::Single(mount) => Place::Object {
            mount: Arc::clone(mount),
            node: Node::ROOT,
            kind: if mount.is_file_system() {
                FileKind::Directory
            } else {
                mount.device_attr().kind
            },
        },
    };
    Handle::new(place, nobody, OpenFlags::STAT, Vec::new())
}
