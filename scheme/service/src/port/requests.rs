//! What comes for handles on ports: opens, names, attributes, and the ways to messages.

use std::sync::Arc;

use agent::{Access, Errno, Message, Origin, ReplyPort};
use client::record::Flags;
use driver::{Attr, Cred, FileKind, MAX_PATH, OpenFlags, SetAttr};
use syscall::{
    flag::{EventFlags, O_CREAT, O_DIRECTORY, O_NONBLOCK},
    schemev2::Opcode,
};

use super::{
    PortPlace, Waits,
    claim::Claim,
    connect::{Opening, Openings},
    desk::Done,
    hub::UserPort,
    letter::Letter,
    names::{Found, may_make, parts},
    receive::Receive,
    right::{May, Right},
};
use crate::{
    handle::{Handle, Place, lock},
    layout::stat,
    open::{Wish, first_name},
    ops::{Std, fcntl, put},
    serve::{Core, Root, count_boundary},
    socket::{Answer, Answers, Ask},
};

/// The longest verb of a dup.
const MAX_VERB: usize = 16;

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

    fn path_of(&self, from: &Handle, ask: &Ask) -> Result<Vec<u8>, Errno> {
        let below = ask.copy(MAX_PATH, Errno::ENAMETOOLONG)?;
        let mut path = match &from.place {
            Place::Port(PortPlace::Names) => from.path.clone(),
            Place::Names => Vec::new(),
            _ => return Err(Errno::ENOTDIR),
        };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&below);
        Ok(path)
    }

    fn open_port(&self, from: &Handle, ask: Ask) -> Done {
        let opened = self.path_of(from, &ask).and_then(|path| self.find_port(&path, &ask));
        match opened {
            Ok(Opened::Here(place, path)) => {
                let wish = Wish::of(&ask);
                let answer = self.opened_port(place, path, wish.cred, wish.access(), wish.cred.uid);
                Done::Now(ask, answer.unwrap_or_else(Answer::error))
            }
            Ok(Opened::Elsewhere(port, rest)) => self.connect(&port, rest, ask),
            Err(errno) => Done::Now(ask, Answer::error(errno)),
        }
    }

    fn find_port(&self, path: &[u8], ask: &Ask) -> Result<Opened, Errno> {
        let (parts, wish) = (parts(path)?, Wish::of(ask));
        let path = parts.join(&b'/');
        self.clear_unclaimed(&parts);
        if wish.has(O_CREAT) {
            return self.make_port(&parts, path, wish, Claim::new(ask.pid()));
        }
        let found = lock(&self.ports.names).find(&parts, wish.cred)?;
        let (port, rest) = match found {
            Found::Directory if wish.access().contains(OpenFlags::WRITE) => {
                return Err(Errno::EISDIR);
            }
            Found::Directory => return Ok(Opened::Here(PortPlace::Names, path)),
            Found::Port(port, names) => (port, &parts[names..]),
        };
        port.allow(wish.access(), wish.cred)?;
        if port.is_direct() && !wish.access().contains(OpenFlags::STAT) {
            return Ok(Opened::Elsewhere(port, rest.join(&b'/')));
        }
        if !rest.is_empty() || wish.has(O_DIRECTORY) {
            return Err(Errno::ENOTDIR);
        }
        let sends = wish.access().contains(OpenFlags::WRITE);
        let may = if sends { May::all() } else { May::empty() };
        let claim = Claim::new(ask.pid());
        let right = Right::new(&self.ports, &port, wish.cred, wish.cred.uid, may, claim);
        Ok(Opened::Here(PortPlace::Send(right), path))
    }

    /// Ends the port of this name, if who made it has not used it in time: it was killed within
    /// the open, whose answer went nowhere.
    fn clear_unclaimed(&self, parts: &[&[u8]]) {
        let found = lock(&self.ports.names).find(parts, Cred::ROOT);
        if let Ok(Found::Port(port, _)) = found
            && let Some(number) = port.unclaimed(self.ports.clock.limit())
        {
            self.close_port(number);
        }
    }

    /// Makes a port and its first receive right. `EEXIST` where there is one already.
    fn make_port(
        &self,
        parts: &[&[u8]],
        path: Vec<u8>,
        wish: Wish,
        claim: Claim,
    ) -> Result<Opened, Errno> {
        may_make(parts, wish.cred)?;
        if wish.has(O_DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        let port = UserPort::new(self.ports.serial(), path.clone(), wish.cred, wish.mode);
        let receive = Receive::new(&self.ports, &port, wish.cred, claim);
        let mut serial = || self.ports.serial();
        lock(&self.ports.names).insert(parts, &port, &mut serial)?;
        Ok(Opened::Here(PortPlace::Receive(receive), path))
    }

    /// A handle on what was opened, which `payer` pays for.
    fn opened_port(
        &self,
        place: PortPlace,
        path: Vec<u8>,
        cred: Cred,
        access: OpenFlags,
        payer: u32,
    ) -> Result<Answer, Errno> {
        let mut handle = Handle::new(Place::Port(place), cred, access, path);
        handle.payer = payer;
        let handle = Arc::new(handle);
        let number = self.add_handle(&handle).inspect_err(|_| {
            handle.port().into_iter().for_each(PortPlace::close);
        })?;
        handle.port().into_iter().for_each(|place| place.set_number(number));
        Ok(Answer::opened(number, false))
    }

    /// Asks the service to make a handle, and has the open answered with it.
    fn connect(&self, port: &Arc<UserPort>, rest: Vec<u8>, ask: Ask) -> Done {
        let wish = Wish::of(&ask);
        let charge = match self.ports.accounts.of(wish.cred.uid).charge(rest.len()) {
            Ok(charge) => charge,
            Err(errno) => return Done::Now(ask, Answer::error(errno)),
        };
        let (tag, pid) = (ask.tag(), ask.pid());
        let opening = Opening::new(&self.ports, ask);
        let mut message = Message::new(Letter {
            words: [u64::from(wish.access().bits()), wish.flags as u64, 0],
            data: rest,
            flags: Flags::CALL,
            from: wish.cred,
            pid,
            opening: Some(Arc::clone(&opening)),
            charge: Some(charge),
            ..Letter::default()
        });
        opening.set_ticket(message.ticket());
        self.ports.park(tag, Arc::clone(&opening) as Arc<dyn Waits>);
        let watched = self.ports.clock.watch(&opening);
        // In any case: who aborts it meanwhile waits until it is sent.
        port.send(message, &(Arc::new(Openings) as Arc<dyn ReplyPort<Letter>>));
        if watched.is_err() {
            opening.give_up(Errno::ENOMEM);
        }
        Done::Later
    }

    /// Makes a further right of one.
    fn dup_port(&self, handle: &Handle, place: &PortPlace, ask: &Ask) -> Result<Answer, Errno> {
        let verb = ask.copy(MAX_VERB, Errno::EINVAL)?;
        let (payer, claim) = (ask.cred().uid, Claim::new(ask.pid()));
        let place = match (place, verb.as_slice()) {
            (PortPlace::Send(right), verb) => {
                let may = right.may & mask(verb)?;
                if !right.may.contains(May::DUP) {
                    return Err(Errno::EPERM);
                }
                let (port, cred) = (&right.port, right.cred);
                PortPlace::Send(Right::new(&self.ports, port, cred, payer, may, claim))
            }
            (PortPlace::Receive(receive), b"send") => PortPlace::Send(Right::new(
                &self.ports,
                &receive.port,
                receive.cred,
                payer,
                May::all(),
                claim,
            )),
            (PortPlace::Receive(receive), b"receive") => {
                PortPlace::Receive(Receive::new(&self.ports, &receive.port, receive.cred, claim))
            }
            _ => return Err(Errno::EINVAL),
        };
        self.opened_port(place, handle.path.clone(), handle.cred, handle.access, payer)
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

/// What an open led to.
enum Opened {
    /// A handle of this service, and its path.
    Here(PortPlace, Vec<u8>),
    /// A port whose service makes the handle; and the rest of the path.
    Elsewhere(Arc<UserPort>, Vec<u8>),
}

/// The rights that a dup's verb leaves. `EINVAL` for an unknown one.
fn mask(verb: &[u8]) -> Result<May, Errno> {
    match verb {
        b"send" => Ok(May::all()),
        b"narrow" => Ok(May::SEND),
        _ => match verb.strip_prefix(b"narrow").map(<[u8; 4]>::try_from) {
            Some(Ok(bits)) => May::from_bits(u32::from_le_bytes(bits)).ok_or(Errno::EINVAL),
            _ => Err(Errno::EINVAL),
        },
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
