//! What comes for handles on ports: names, attributes, and the ways to opens and to messages.

use agent::{Access, Errno, Origin};
use driver::{Attr, Cred, FileKind, MAX_PATH, SetAttr};
use syscall::{
    flag::{EventFlags, O_NONBLOCK},
    schemev2::Opcode,
};

use super::{
    PortPlace,
    desk::Done,
    hub::UserPort,
    names::{Found, parts},
};
use crate::{
    handle::{Handle, Place, lock},
    layout::stat,
    open::first_name,
    ops::{Std, fcntl, put},
    serve::{Core, Root, count_boundary},
    socket::{Answer, Answers, Ask},
};

impl Core {
    /// True where a request is for a port that a process made, or may make.
    #[inline]
    pub(crate) fn concerns_ports(&self, handle: &Handle, ask: &Ask) -> bool {
        match &handle.place {
            Place::Port(_) => true,
            Place::Names => self.names_a_port(ask),
            _ => false,
        }
    }

    /// Names of the configuration are reserved to it, and so are the service's own.
    #[cold]
    fn names_a_port(&self, ask: &Ask) -> bool {
        if !(ask.is(Opcode::OpenAt) || ask.is(Opcode::UnlinkAt))
            || matches!(self.root, Root::Single(_))
        {
            return false;
        }
        let Ok(path) = ask.copy(MAX_PATH, Errno::ENAMETOOLONG) else { return false };
        let (name, _) = first_name(&path);
        !name.is_empty() && !name.starts_with(b".") && self.resolve(&path).is_err()
    }

    /// Performs a request for a port. It may be answered later.
    pub(crate) fn port_request(
        &self,
        number: u64,
        handle: &Handle,
        ask: Ask,
        answers: &mut Answers,
    ) {
        self.count_port_request(&ask);
        if let Done::Now(ask, answer) = self.port_done(number, handle, ask) {
            answers.push(ask, answer);
        }
    }

    fn count_port_request(&self, ask: &Ask) {
        let mut origin = Origin::root();
        self.stats.begin(&mut origin);
        if origin.is_metered() {
            count_boundary(ask, &mut origin);
            self.stats.fold(origin);
        }
    }

    fn port_done(&self, number: u64, handle: &Handle, ask: Ask) -> Done {
        let Some(opcode) = ask.opcode() else { return Done::now(ask, Err(Errno::EOPNOTSUPP)) };
        let wait = ask.arg(4) as usize & O_NONBLOCK == 0;
        let place = handle.port();
        place.into_iter().for_each(PortPlace::stake);
        match (opcode, place) {
            (Opcode::Call, Some(PortPlace::Send(right))) => right.call(ask),
            (Opcode::Read, Some(PortPlace::Send(right))) => right.read(ask, wait),
            (Opcode::Read, Some(PortPlace::Receive(receive))) => receive.read(ask, wait),
            (Opcode::OpenAt, _) => self.open_port(handle, ask),
            (Opcode::Dup, Some(place)) => {
                let answer = self.dup_port(handle, place, &ask).unwrap_or_else(Answer::error);
                Done::Now(ask, answer)
            }
            (opcode, place) => {
                let result = self.port_count(opcode, number, handle, place, &ask);
                Done::now(ask, result)
            }
        }
    }

    fn port_count(
        &self,
        opcode: Opcode,
        number: u64,
        handle: &Handle,
        place: Option<&PortPlace>,
        ask: &Ask,
    ) -> Result<usize, Errno> {
        match (opcode, place) {
            (Opcode::Write, Some(PortPlace::Send(right))) => right.write(ask),
            (Opcode::Write, Some(PortPlace::Receive(receive))) => receive.write(ask),
            (Opcode::Sendfd, Some(PortPlace::Receive(receive))) => receive.accept(ask),
            (Opcode::Fevent, Some(place)) => Ok(subscribe(place, ask.arg(1)).bits()),
            (Opcode::UnlinkAt, _) => self.unlink_port(handle, ask),
            (Opcode::CloseMsg, _) => {
                self.close_port(number);
                Ok(0)
            }
            (Opcode::Detach, _) => Ok(0),
            (Opcode::Fcntl, _) => fcntl(ask.arg(1)),
            (Opcode::Fpath, _) => self.path(handle, ask),
            (Opcode::Read | Opcode::Write, _) => Err(Errno::EISDIR),
            (Opcode::StdFsCall, Some(place)) => {
                self.port_std(Std::from_words(ask.words())?, handle, place, ask)
            }
            (opcode, Some(place)) => {
                let std = Std::from_opcode(opcode, ask).ok_or(Errno::EOPNOTSUPP)?;
                self.port_std(std, handle, place, ask)
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn port_std(
        &self,
        std: Std,
        handle: &Handle,
        place: &PortPlace,
        ask: &Ask,
    ) -> Result<usize, Errno> {
        let set = |set: SetAttr| port_of(place).ok_or(Errno::EPERM)?.set_attr(set, handle.cred);
        match std {
            Std::Stat => put(ask, &stat(&attr_of(place))),
            Std::Chmod(mode) => set(SetAttr { mode: Some(mode & 0o7777), ..SetAttr::default() }),
            Std::Chown(uid, gid) => {
                let id = |id| (id != u32::MAX).then_some(id);
                set(SetAttr { uid: id(uid), gid: id(gid), ..SetAttr::default() })
            }
            Std::Sync => Ok(()),
            Std::Dents { cookie, .. } if matches!(place, PortPlace::Names) => {
                return self.list_ports(handle, cookie, ask);
            }
            Std::Dents { .. } => Err(Errno::ENOTDIR),
            _ => Err(Errno::EOPNOTSUPP),
        }
        .map(|()| 0)
    }

    fn list_ports(&self, handle: &Handle, cookie: u64, ask: &Ask) -> Result<usize, Errno> {
        let mut bytes = Vec::new();
        let whole =
            self.ports_below(&handle.path, cookie, 0, ask.len(), handle.cred, &mut bytes)?;
        if bytes.is_empty() && !whole {
            return Err(Errno::EINVAL);
        }
        ask.payload(Access::FILL).copy_in(0, &bytes)?;
        Ok(bytes.len())
    }

    /// Adds the names of ports in a directory that `cred` may see to `bytes`, where they fit into
    /// `room`; false where one did not. Their cookies begin above `base`.
    pub(crate) fn ports_below(
        &self,
        path: &[u8],
        cookie: u64,
        base: u64,
        room: usize,
        cred: Cred,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, Errno> {
        let names = lock(&self.ports.names);
        match names.dir(&parts(path)?) {
            Some(dir) => dir.list(cookie, base, room, cred, bytes),
            None => Ok(true),
        }
    }

    /// Takes a port's name away: its owner's to do, and root's. Rights to it stay good.
    fn unlink_port(&self, from: &Handle, ask: &Ask) -> Result<usize, Errno> {
        let path = self.path_of(from, ask)?;
        let parts = parts(&path)?;
        let names = &mut *lock(&self.ports.names);
        match names.find(&parts, ask.cred())? {
            Found::Directory => Err(Errno::EISDIR),
            Found::Port(_, count) if count < parts.len() => Err(Errno::ENOTDIR),
            Found::Port(port, _) if port.is_configured() => Err(Errno::EACCES),
            Found::Port(port, _) => {
                port.attr().owned_by(ask.cred())?;
                names.bury(&port);
                Ok(0)
            }
        }
    }

    pub(super) fn close_port(&self, number: u64) {
        let handle = self.handles.remove(number);
        handle.iter().filter_map(|handle| handle.port()).for_each(PortPlace::close);
    }

    /// Ends all ports, at the end of the service: whoever waits is answered.
    pub(crate) fn end_ports(&self) {
        let handles = self.handles.all();
        handles.iter().filter_map(|handle| handle.port()).for_each(PortPlace::close);
        self.ports.end();
    }
}

fn subscribe(place: &PortPlace, interest: u64) -> EventFlags {
    let interest = EventFlags::from_bits_truncate(interest as usize);
    match place {
        PortPlace::Names => interest & EventFlags::EVENT_READ,
        PortPlace::Send(right) => right.subscribe(interest),
        PortPlace::Receive(receive) => receive.subscribe(interest),
    }
}

fn port_of(place: &PortPlace) -> Option<&UserPort> {
    match place {
        PortPlace::Names => None,
        PortPlace::Send(right) => Some(&right.port),
        PortPlace::Receive(receive) => Some(&receive.port),
    }
}

/// A send right shows its token in place of the inode: only who holds it can ask.
fn attr_of(place: &PortPlace) -> Attr {
    match place {
        PortPlace::Names => {
            Attr { kind: FileKind::Directory, mode: 0o555, links: 1, ..Attr::default() }
        }
        PortPlace::Send(right) => Attr { inode: right.token, ..right.port.attr() },
        PortPlace::Receive(receive) => receive.port.attr(),
    }
}
