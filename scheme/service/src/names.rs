//! Names that come, go and change.

use agent::{Data, Errno, Origin};
use driver::{FileKind, MAX_PATH, Node, Op, split_parent};
use syscall::flag::AT_REMOVEDIR;

use crate::{
    handle::{Handle, Place},
    mount::{Asker, Mount},
    serve::Core,
    socket::Ask,
};

impl Core {
    /// Takes a name away.
    #[inline(never)]
    pub(crate) fn unlink(
        &self,
        from: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        let path = ask.copy(MAX_PATH, Errno::ENAMETOOLONG)?;
        let dir = ask.arg(3) as usize & AT_REMOVEDIR != 0;
        let (mount, base, rest) = match &from.place {
            Place::Names => {
                let (mount, rest) = self.resolve(&path)?;
                (mount, Node::ROOT, rest)
            }
            _ => (from.object()?.0, from.object()?.1, path.as_slice()),
        };
        if !mount.is_file_system() || rest.iter().all(|byte| *byte == b'/') {
            return Err(Errno::EACCES);
        }
        let asker = &mut Asker { mount, cred: ask.cred(), origin };
        let (parent, name) = parent(asker, base, rest)?;
        asker.ask(Op::Unlink { parent, dir }, Data::NONE, &[name]).map(|(count, _)| count)
    }

    /// Gives what the handle is open on another name in place of the one that it was opened by.
    /// `ESTALE` where that leads elsewhere by now; `EXDEV` to another mount.
    pub(crate) fn rename(
        &self,
        handle: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        let (mount, node, _) = handle.object()?;
        let (target, rest) = self.new_path(mount, ask)?;
        let (_, old) = self.resolve(&handle.path)?;
        let mut asker = Asker { mount, cred: ask.cred(), origin };
        let (from, name) = parent(&mut asker, Node::ROOT, old)?;
        let (to, new_name) = parent(&mut asker, Node::ROOT, &target[rest..])?;
        let found = asker.entry(Op::Lookup { parent: from, follow: false }, &[name])?;
        if found.0 != node {
            // The name that the handle was opened by is something else's by now.
            return Err(Errno::ESTALE);
        }
        let op = Op::Rename { parent: from, to };
        asker.ask(op, Data::NONE, &[name, new_name]).map(|(count, _)| count)
    }

    /// Gives what the handle is open on one more name.
    pub(crate) fn link(
        &self,
        handle: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<usize, Errno> {
        let (mount, node, _) = handle.object()?;
        let (target, rest) = self.new_path(mount, ask)?;
        let mut asker = Asker { mount, cred: ask.cred(), origin };
        let (parent, name) = parent(&mut asker, Node::ROOT, &target[rest..])?;
        asker.ask(Op::Link { node, parent }, Data::NONE, &[name]).map(|(count, _)| count)
    }

    /// The new path of a rename or link, and where in it the part inside the mount begins.
    /// `EXDEV` where it is in another mount.
    fn new_path(&self, mount: &Mount, ask: &Ask) -> Result<(Vec<u8>, usize), Errno> {
        let path = ask.copy(MAX_PATH, Errno::ENAMETOOLONG)?;
        let (target, rest) = self.resolve(&path)?;
        if !std::ptr::eq(&**target, mount) {
            return Err(Errno::EXDEV);
        }
        let at = path.len() - rest.len();
        Ok((path, at))
    }
}

/// The directory that the last name of a path is in, and that name.
pub(crate) fn parent<'p>(
    asker: &mut Asker<'_>,
    base: Node,
    path: &'p [u8],
) -> Result<(Node, &'p [u8]), Errno> {
    let (dir, name) = split_parent(path)?;
    let (node, attr) = asker.entry(Op::Lookup { parent: base, follow: true }, &[dir])?;
    if attr.kind != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok((node, name))
}
