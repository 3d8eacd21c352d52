//! Opens of names and ports, and what a `dup` makes of a right.

use std::sync::Arc;

use agent::{Errno, Message, ReplyPort};
use client::record::Flags;
use driver::{Cred, MAX_PATH, OpenFlags};
use syscall::flag::{O_CREAT, O_DIRECTORY};

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
    open::Wish,
    serve::Core,
    socket::{Answer, Ask},
};

/// The longest verb of a dup.
const MAX_VERB: usize = 16;

impl Core {
    pub(super) fn path_of(&self, from: &Handle, ask: &Ask) -> Result<Vec<u8>, Errno> {
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

    pub(super) fn open_port(&self, from: &Handle, ask: Ask) -> Done {
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
    pub(super) fn dup_port(
        &self,
        handle: &Handle,
        place: &PortPlace,
        ask: &Ask,
    ) -> Result<Answer, Errno> {
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
