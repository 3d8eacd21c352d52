//! The names of ports: a tree of directories that are there as long as something is in them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use agent::Errno;
use driver::{Cred, FileKind, MAX_NAME, dirent::Dirent};

use super::{Ports, hub::UserPort};

/// Names in a path.
const MAX_DEPTH: usize = 8;
/// The directory below which each user has one.
const USER: &[u8] = b"user";

/// The names of a path.
pub(crate) type Parts<'p> = Vec<&'p [u8]>;

/// Takes a path apart. `EINVAL` for a way up, `ENAMETOOLONG` for too many names or too long a
/// one.
pub(crate) fn parts(path: &[u8]) -> Result<Parts<'_>, Errno> {
    let named = |part: &&[u8]| !part.is_empty() && *part != b".";
    let parts: Parts<'_> = path.split(|byte| *byte == b'/').filter(named).collect();
    if parts.contains(&b"..".as_slice()) {
        return Err(Errno::EINVAL);
    }
    if parts.len() > MAX_DEPTH || parts.iter().any(|part| part.len() > MAX_NAME) {
        return Err(Errno::ENAMETOOLONG);
    }
    Ok(parts)
}

/// Permission to make a port of this name: below one's own `user/<uid>/`, or, for root,
/// anywhere but where users have their directories. `EACCES`, `EISDIR`.
pub(crate) fn may_make(parts: &[&[u8]], cred: Cred) -> Result<(), Errno> {
    match parts {
        [] | [USER] | [USER, _] => Err(Errno::EISDIR),
        _ if cred.uid == 0 => Ok(()),
        [USER, uid, ..] if *uid == cred.uid.to_string().as_bytes() => Ok(()),
        _ => Err(Errno::EACCES),
    }
}

/// What a path leads to.
pub(crate) enum Found {
    /// A directory.
    Directory,
    /// A port, and how many names of the path are its own.
    Port(Arc<UserPort>, usize),
}

/// A directory.
#[derive(Default)]
pub(crate) struct Dir {
    by_name: BTreeMap<Vec<u8>, u64>,
    /// By number, in the order in which they came: what a listing goes by.
    nodes: BTreeMap<u64, (Vec<u8>, Node)>,
}

enum Node {
    Dir(Dir),
    Name(Name),
}

/// A name, for as long as there is a port, or a handle on one that there was.
struct Name {
    /// Who may take the name while handles remain.
    owner: u32,
    rights: usize,
    port: Option<Arc<UserPort>>,
}

impl Node {
    fn is_shown_to(&self, cred: Cred) -> bool {
        match self {
            Node::Dir(dir) => dir.is_shown_to(cred),
            Node::Name(name) => name.port.as_ref().is_some_and(|port| port.is_shown_to(cred)),
        }
    }

    fn is_needed(&self) -> bool {
        match self {
            Node::Dir(dir) => !dir.nodes.is_empty(),
            Node::Name(name) => name.port.is_some() || name.rights > 0,
        }
    }
}

impl Dir {
    fn get(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(self.by_name.get(name)?).map(|(_, node)| node)
    }

    fn get_mut(&mut self, name: &[u8]) -> Option<&mut Node> {
        self.nodes.get_mut(self.by_name.get(name)?).map(|(_, node)| node)
    }

    fn is_shown_to(&self, cred: Cred) -> bool {
        self.nodes.values().any(|(_, node)| node.is_shown_to(cred))
    }

    /// What a path leads to, as far as `cred` may know. `ENOENT`.
    pub(crate) fn find(&self, parts: &[&[u8]], cred: Cred) -> Result<Found, Errno> {
        let mut dir = self;
        for (at, part) in parts.iter().enumerate() {
            match dir.get(part).ok_or(Errno::ENOENT)? {
                Node::Dir(below) => dir = below,
                Node::Name(name) => {
                    let port = name.port.clone().ok_or(Errno::ENOENT)?;
                    return Ok(Found::Port(port, at + 1));
                }
            }
        }
        if dir.is_shown_to(cred) { Ok(Found::Directory) } else { Err(Errno::ENOENT) }
    }

    /// Gives a port its name. `EEXIST` where one has it; `EBUSY` where it is another user's who
    /// is gone, and handles remain; `EISDIR`, `ENOTDIR`.
    pub(crate) fn insert(
        &mut self,
        parts: &[&[u8]],
        port: &Arc<UserPort>,
        serial: &mut impl FnMut() -> u64,
    ) -> Result<(), Errno> {
        let [first, rest @ ..] = parts else { return Err(Errno::EISDIR) };
        let owner = port.owner();
        match self.get_mut(first) {
            Some(Node::Dir(dir)) => dir.insert(rest, port, serial),
            Some(Node::Name(_)) if !rest.is_empty() => Err(Errno::ENOTDIR),
            Some(Node::Name(name)) if name.port.is_some() => Err(Errno::EEXIST),
            Some(Node::Name(name)) if name.owner != owner => Err(Errno::EBUSY),
            Some(Node::Name(name)) => {
                name.port = Some(Arc::clone(port));
                Ok(())
            }
            None => {
                let node = if rest.is_empty() {
                    Node::Name(Name { owner, rights: 0, port: Some(Arc::clone(port)) })
                } else {
                    let mut dir = Dir::default();
                    dir.insert(rest, port, serial)?;
                    Node::Dir(dir)
                };
                let number = serial();
                self.by_name.insert(first.to_vec(), number);
                self.nodes.insert(number, (first.to_vec(), node));
                Ok(())
            }
        }
    }

    /// Changes what is known of a name, and forgets it where nothing needs it any more.
    fn change(&mut self, parts: &[&[u8]], work: impl FnOnce(&mut Name)) {
        let [first, rest @ ..] = parts else { return };
        let Some(node) = self.get_mut(first) else { return };
        match node {
            Node::Dir(dir) => dir.change(rest, work),
            Node::Name(name) => work(name),
        }
        if !node.is_needed()
            && let Some(number) = self.by_name.remove(*first)
        {
            self.nodes.remove(&number);
        }
    }

    /// A right to what has the name is made, or, by -1, gone.
    pub(crate) fn count(&mut self, path: &[u8], by: isize) {
        let Ok(parts) = parts(path) else { return };
        self.change(&parts, |name| name.rights = name.rights.saturating_add_signed(by));
    }

    /// The port is gone, or gives its name up.
    pub(crate) fn bury(&mut self, port: &Arc<UserPort>) {
        let Ok(parts) = parts(&port.path) else { return };
        self.change(&parts, |name| {
            let its = name.port.as_ref().is_some_and(|other| Arc::ptr_eq(other, port));
            if its {
                name.owner = port.owner();
                name.port = None;
            }
        });
    }

    /// The directory at a path.
    pub(crate) fn dir(&self, parts: &[&[u8]]) -> Option<&Dir> {
        parts.iter().try_fold(self, |dir, part| match dir.get(part)? {
            Node::Dir(below) => Some(below),
            Node::Name(_) => None,
        })
    }

    /// Adds entries that `cred` may see, those after `cookie`, as many as fit into `room`.
    /// `false` where one did not.
    pub(crate) fn list(
        &self,
        cookie: u64,
        base: u64,
        room: usize,
        cred: Cred,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, Errno> {
        let after = self.nodes.range(cookie.saturating_add(1)..);
        for (number, (name, node)) in after.filter(|(_, (_, node))| node.is_shown_to(cred)) {
            let kind = match node {
                Node::Dir(_) => FileKind::Directory,
                Node::Name(_) => FileKind::Socket,
            };
            let next = base + number;
            let entry = Dirent { inode: next, next, kind, name }.to_bytes()?;
            if bytes.len() + entry.len() > room {
                return Ok(false);
            }
            bytes.extend_from_slice(&entry);
        }
        Ok(true)
    }
}

/// Keeps a name from being taken by another user.
pub(crate) struct Named {
    ports: Weak<Ports>,
    path: Vec<u8>,
}

impl Named {
    pub(crate) fn new(ports: &Arc<Ports>, path: &[u8]) -> Named {
        ports.count(path, 1);
        Named { ports: Arc::downgrade(ports), path: path.to_vec() }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Some(ports) = self.ports.upgrade() {
            ports.count(&self.path, -1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: Cred = Cred { uid: 7, gid: 7 };
    const BERT: Cred = Cred { uid: 8, gid: 8 };

    fn port(path: &str, owner: Cred, mode: u16) -> Arc<UserPort> {
        UserPort::new(1, path.into(), owner, mode)
    }

    struct World(Dir, u64);

    impl World {
        fn make(&mut self, path: &str, owner: Cred) -> Result<Arc<UserPort>, Errno> {
            let port = port(path, owner, 0o600);
            let parts = parts(path.as_bytes()).unwrap();
            let World(dir, serial) = self;
            dir.insert(&parts, &port, &mut || {
                *serial += 1;
                *serial
            })?;
            Ok(port)
        }

        fn find(&self, path: &str, cred: Cred) -> Result<usize, Errno> {
            match self.0.find(&parts(path.as_bytes()).unwrap(), cred)? {
                Found::Directory => Ok(0),
                Found::Port(_, names) => Ok(names),
            }
        }
    }

    #[test]
    fn users_make_ports_below_their_own_directory_and_root_anywhere_else() {
        let may = |path: &str, cred| may_make(&parts(path.as_bytes()).unwrap(), cred);
        assert_eq!(may("user/7/a", ANNA), Ok(()));
        assert_eq!(may("user/7/a/b", ANNA), Ok(()));
        for path in ["a", "user/8/a", "user/07/a", "users/7/a", "a/user/7/a"] {
            assert_eq!(may(path, ANNA), Err(Errno::EACCES), "{path}");
            assert_eq!(may(path, Cred::ROOT), Ok(()), "{path}");
        }
        for path in ["", ".", "/", "user", "user/7", "./user//7/"] {
            assert_eq!(may(path, ANNA), Err(Errno::EISDIR), "{path}");
            assert_eq!(may(path, Cred::ROOT), Err(Errno::EISDIR), "{path}");
        }
        assert_eq!(parts(b"user/7/../8/x"), Err(Errno::EINVAL));
        assert_eq!(parts(b"a/b/c/d/e/f/g/h/i"), Err(Errno::ENAMETOOLONG));
        assert_eq!(parts(&[b'x'; 256]), Err(Errno::ENAMETOOLONG));
    }

    #[test]
    fn a_name_is_free_again_once_neither_port_nor_handle_is_there() {
        let mut world = World(Dir::default(), 0);
        let first = world.make("user/7/a", ANNA).unwrap();
        assert_eq!(world.make("user/7/a", ANNA).err(), Some(Errno::EEXIST));
        assert_eq!(world.make("user/7/a/b", ANNA).err(), Some(Errno::ENOTDIR));
        assert_eq!(world.make("user/7", ANNA).err(), Some(Errno::EISDIR));
        world.0.count(b"user/7/a", 1);
        world.0.bury(&first);
        assert_eq!(world.find("user/7/a", ANNA), Err(Errno::ENOENT));
        assert_eq!(world.make("user/7/a", BERT).err(), Some(Errno::EBUSY));
        let second = world.make("user/7/a", ANNA).unwrap();
        world.0.bury(&first);
        assert_eq!(world.find("user/7/a", ANNA), Ok(3), "the second is not the first");
        world.0.bury(&second);
        world.0.count(b"user/7/a", -1);
        assert!(world.0.nodes.is_empty() && world.0.by_name.is_empty());
        world.make("user/7/a", BERT).unwrap();
    }

    #[test]
    fn a_directory_is_there_for_those_who_may_see_something_in_it() {
        let mut world = World(Dir::default(), 0);
        world.make("user/7/a", ANNA).unwrap();
        assert_eq!(world.find("user", ANNA), Ok(0));
        assert_eq!(world.find("user/7", Cred::ROOT), Ok(0));
        assert_eq!(world.find("user/7", BERT), Err(Errno::ENOENT));
        assert_eq!(world.find("user/7/a/rest/of/it", BERT), Ok(3));
    }
}
