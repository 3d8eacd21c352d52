//! Handles that a service makes for who did not open them.

use std::sync::Arc;

use agent::{Errno, Origin};
use driver::Cred;
use libredox::Fd;

use crate::{open::Wish, serve::Core};

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
