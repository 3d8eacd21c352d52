//! Paths and opens.

use std::sync::Arc;

use agent::{Data, Errno, Origin};
use driver::{Attr, Cred, FileKind, MAX_PATH, Node, Op, OpenFlags, Rights};
use syscall::flag::{
    O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_STAT, O_SYMLINK, O_TRUNC,
    O_WRONLY,
};

use crate::{
    handle::{Handle, Mutex, Place},
    mount::{Asker, Mount},
    names::parent,
    serve::{Core, ROOT, Root},
    socket::{Answer, Ask},
    stats::Figures,
};

/// The service's own texts, beside the mounts.
const COSTS: &[u8] = b".stats";
const LATENCY: &[u8] = b".latency";
const PLAN: &[u8] = b".plan";
const TRACE: &[u8] = b".trace";

/// An open, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) flags: usize,
    pub(crate) mode: u16,
    pub(crate) cred: Cred,
}

impl Wish {
    /// From the request.
    pub(crate) fn of(ask: &Ask) -> Wish {
        Wish::new(ask.arg(3) as usize, ask.cred())
    }

    /// From the flags of an open, which have a mode in their low bits.
    pub(crate) fn new(flags: usize, cred: Cred) -> Wish {
        Wish { flags, mode: flags as u16 & 0o7777, cred }
    }

    pub(crate) fn has(self, bits: usize) -> bool {
        self.flags & bits == bits
    }

    fn follows(self) -> bool {
        self.flags & (O_NOFOLLOW | O_SYMLINK) == 0
    }

    pub(crate) fn access(self) -> OpenFlags {
        if self.has(O_STAT) {
            return OpenFlags::STAT;
        }
        let mut access = match self.flags & O_ACCMODE {
            O_RDWR => OpenFlags::READ | OpenFlags::WRITE,
            O_WRONLY => OpenFlags::WRITE,
            0 => OpenFlags::STAT,
            _ => OpenFlags::READ,
        };
        access.set(OpenFlags::TRUNCATE, self.has(O_TRUNC));
        access.set(OpenFlags::EXCLUSIVE, self.has(O_EXCL));
        access
    }
}

impl Core {
    /// The mount that a path from the scheme's root leads to, and the rest of the path.
    pub(crate) fn resolve<'p>(&self, path: &'p [u8]) -> Result<(&Arc<Mount>, &'p [u8]), Errno> {
        match &self.root {
            Root::Single(mount) => Ok((mount, path)),
            Root::Directory(mounts) => {
                let (name, rest) = first_name(path);
                let mount = mounts.iter().find(|mount| mount.name.as_bytes() == name);
                mount.map(|mount| (mount, rest)).ok_or(Errno::ENOENT)
            }
        }
    }

    #[inline(never)]
    pub(crate) fn open(
        &self,
        from: &Handle,
        ask: &Ask,
        origin: &mut Origin,
    ) -> Result<Answer, Errno> {
        let path = ask.copy(MAX_PATH, Errno::ENAMETOOLONG)?;
        self.open_from(from, ask.handle() == ROOT, &path, Wish::of(ask), origin)
    }

    /// Opens a path below a handle, which may be the scheme's root.
    pub(crate) fn open_from(
        &self,
        from: &Handle,
        root: bool,
        path: &[u8],
        wish: Wish,
        origin: &mut Origin,
    ) -> Result<Answer, Errno> {
        match &from.place {
            Place::Names => self.open_name(path, wish, origin),
            Place::Object { mount, node, .. } => {
                let mut full = from.path.clone();
                if !root {
                    full.push(b'/');
                }
                full.extend_from_slice(path);
                if full.len() > MAX_PATH {
                    return Err(Errno::ENAMETOOLONG);
                }
                self.open_at(mount, *node, path, full, wish, origin)
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Opens from the directory of names.
    fn open_name(&self, path: &[u8], wish: Wish, origin: &mut Origin) -> Result<Answer, Errno> {
        let (name, rest) = first_name(path);
        match (name, rest) {
            (b"", _) => self.open_own(Place::Names, path, wish),
            (PLAN, b"") => {
                let bytes = Mutex::new(self.plan.clone().into_bytes());
                self.open_own(Place::Text { bytes, figures: None }, path, wish)
            }
            // It says who did what.
            (TRACE, b"") if wish.cred.uid != 0 => Err(Errno::EACCES),
            (TRACE, b"") => {
                let bytes = Mutex::new(self.chores.report().into_bytes());
                self.open_own(Place::Text { bytes, figures: None }, path, wish)
            }
            (COSTS, b"") => self.open_figures(Figures::Costs, path, wish),
            (LATENCY, b"") => self.open_figures(Figures::Latency, path, wish),
            _ => match self.resolve(path) {
                Ok((mount, rest)) => {
                    self.open_at(mount, Node::ROOT, rest, path.to_vec(), wish, origin)
                }
                Err(_) if wish.has(O_CREAT) => Err(Errno::EACCES),
                Err(errno) => Err(errno),
            },
        }
    }

    /// Opens figures, which are kept from here on.
    fn open_figures(&self, figures: Figures, path: &[u8], wish: Wish) -> Result<Answer, Errno> {
        let text = Place::Text { bytes: Mutex::default(), figures: Some(figures) };
        let answer = self.open_own(text, path, wish)?;
        self.stats.open(figures);
        Ok(answer)
    }

    /// Opens what the service itself writes: to be read only.
    fn open_own(&self, place: Place, path: &[u8], wish: Wish) -> Result<Answer, Errno> {
        let dir = matches!(place, Place::Names);
        if wish.access().contains(OpenFlags::WRITE) || wish.has(O_CREAT) {
            return Err(if dir { Errno::EISDIR } else { Errno::EACCES });
        }
        if wish.has(O_DIRECTORY) && !dir {
            return Err(Errno::ENOTDIR);
        }
        self.opened(Handle::new(place, wish.cred, wish.access(), path.to_vec()))
    }

    fn opened(&self, handle: Handle) -> Result<Answer, Errno> {
        let positioned = handle.is_positioned();
        Ok(Answer::opened(self.add_handle(&Arc::new(handle))?, positioned))
    }

    /// Opens `path` below a node of a mount.
    fn open_at(
        &self,
        mount: &Arc<Mount>,
        base: Node,
        path: &[u8],
        full: Vec<u8>,
        wish: Wish,
        origin: &mut Origin,
    ) -> Result<Answer, Errno> {
        let asker = &mut Asker { mount, cred: wish.cred, origin };
        let object = |node, kind| Place::Object { mount: Arc::clone(mount), node, kind };
        let (place, node) = if !mount.is_file_system() {
            open_device(asker, path, wish)?;
            (object(Node::ROOT, mount.device_attr().kind), None)
        } else if wish.has(O_CREAT | O_SYMLINK) {
            let (parent, name) = parent(asker, base, path)?;
            match asker.entry(Op::Lookup { parent, follow: false }, &[name]) {
                Err(Errno::ENOENT) => {}
                found => return Err(found.err().unwrap_or(Errno::EEXIST)),
            }
            (Place::NewLink { mount: Arc::clone(mount), parent, name: name.to_vec() }, None)
        } else {
            // What was found may be known by another number since.
            let (node, attr) = match open_node(asker, base, path, wish) {
                Err(Errno::ESTALE) => open_node(asker, base, path, wish)?,
                opened => opened?,
            };
            (object(node, attr.kind), Some(node))
        };
        let opened = self.opened(Handle::new(place, wish.cred, wish.access(), full));
        opened.inspect_err(|_| node.into_iter().for_each(|node| asker.close(node)))
    }
}

/// The first name of a path, and what follows it.
pub(crate) fn first_name(path: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = path;
    loop {
        let start = rest.iter().position(|byte| *byte != b'/').unwrap_or(rest.len());
        let end = rest[start..].iter().position(|byte| *byte == b'/');
        let end = end.map_or(rest.len(), |end| start + end);
        let name = &rest[start..end];
        let after = rest[end..].strip_prefix(b"/").unwrap_or_default();
        if name != b"." && name != b".." {
            return (name, after);
        }
        rest = after;
    }
}

/// A device has one name and no nodes.
fn open_device(asker: &Asker<'_>, path: &[u8], wish: Wish) -> Result<(), Errno> {
    if path.iter().any(|byte| *byte != b'/') || wish.has(O_DIRECTORY) {
        return Err(Errno::ENOTDIR);
    }
    if wish.has(O_CREAT | O_EXCL) {
        return Err(Errno::EEXIST);
    }
    let mut rights = Rights::empty();
    rights.set(Rights::READ, wish.access().contains(OpenFlags::READ));
    rights.set(Rights::WRITE, wish.access().contains(OpenFlags::WRITE));
    asker.mount.device_attr().allow(wish.cred, rights)
}

/// Finds or makes a node, and opens it.
fn open_node(
    asker: &mut Asker<'_>,
    base: Node,
    path: &[u8],
    wish: Wish,
) -> Result<(Node, Attr), Errno> {
    let lookup = Op::Lookup { parent: base, follow: wish.follows() };
    match asker.entry(lookup, &[path]) {
        Ok(_) if wish.has(O_CREAT | O_EXCL) => Err(Errno::EEXIST),
        Ok((node, attr)) => open_found(asker, node, attr, wish),
        Err(Errno::ENOENT) if wish.has(O_CREAT | O_DIRECTORY) => {
            let (parent, name) = parent(asker, base, path)?;
            let (node, attr) = asker.entry(Op::Mkdir { parent, mode: wish.mode }, &[name])?;
            asker.count(Op::Open { node, flags: OpenFlags::STAT }, Data::NONE)?;
            Ok((node, attr))
        }
        Err(Errno::ENOENT) if wish.has(O_CREAT) && path.last() != Some(&b'/') => {
            let (parent, name) = parent(asker, base, path)?;
            let flags = wish.access();
            asker.entry(Op::Create { parent, mode: wish.mode, flags }, &[name])
        }
        Err(errno) => Err(errno),
    }
}

fn open_found(
    asker: &mut Asker<'_>,
    node: Node,
    attr: Attr,
    wish: Wish,
) -> Result<(Node, Attr), Errno> {
    let link = attr.kind == FileKind::Symlink;
    if wish.has(O_SYMLINK) && !link {
        return Err(Errno::EINVAL);
    }
    if link && !wish.has(O_SYMLINK) && !wish.has(O_STAT) {
        return Err(Errno::ELOOP);
    }
    if wish.has(O_DIRECTORY) && attr.kind != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    let flags = if link { OpenFlags::STAT } else { wish.access() - OpenFlags::EXCLUSIVE };
    asker.count(Op::Open { node, flags }, Data::NONE)?;
    Ok((node, attr))
}
