//! Who waits for whom, and whose turn it is.

use alloc::vec::Vec;
use core::ops::Range;

use agent::Errno;

use crate::{
    body::{Conflict, LockBody, LockOp, Mode, Owner, Token},
    table::Table,
};

/// A lock that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    pub(crate) object: u64,
    pub(crate) range: Range<u64>,
    pub(crate) mode: Mode,
}

/// What became of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted(Token),
    Waits,
    Deadlock,
    /// The owner has too many, or too many wait.
    NoRoom,
    /// Its owner is gone.
    Gone,
}

impl Claim {
    /// What a message claims, and whether it waits. `None` for an empty range.
    pub(crate) fn of(body: &LockBody) -> Option<(Claim, bool)> {
        let (object, range, mode, wait) = match body.op {
            LockOp::Lock { object, start, end, mode, wait } => (object, start..end, mode, wait),
            LockOp::Test { object, start, end, mode } => (object, start..end, mode, false),
            _ => return None,
        };
        if range.is_empty() {
            return None;
        }
        Some((Claim { owner: body.owner, object, range, mode }, wait))
    }

    fn conflicts(&self, other: &Claim) -> bool {
        self.owner != other.owner
            && self.object == other.object
            && self.range.start < other.range.end
            && other.range.start < self.range.end
            && self.mode.conflicts(other.mode)
    }
}

struct Waiter<W> {
    claim: Claim,
    /// Does not wait for those before it in the queue: they wait for it.
    overtakes: bool,
    what: W,
}

/// Locks that are held and locks that are waited for, in the order of their coming; `W` is what
/// waits.
pub(crate) struct Locks<W> {
    table: Table,
    queue: Vec<Waiter<W>>,
    ended: Vec<(W, Verdict)>,
    /// Owners that were granted something while they wait for something else.
    suspects: Vec<Owner>,
    /// Somebody may no longer have to wait.
    changed: bool,
}

/// Messages that may wait.
const LONGEST: usize = 1024;

impl<W> Default for Locks<W> {
    fn default() -> Locks<W> {
        Locks {
            table: Table::default(),
            queue: Vec::new(),
            ended: Vec::new(),
            suspects: Vec::new(),
            changed: false,
        }
    }
}

impl<W> Locks<W> {
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.table.len(), self.queue.len())
    }

    pub(crate) fn held(&self, owner: Owner) -> usize {
        self.table.held(owner)
    }

    pub(crate) fn conflict(&self, claim: &Claim) -> Option<Conflict> {
        self.table.conflicts(claim).next()
    }

    pub(crate) fn check(
        &self,
        token: Token,
        object: u64,
        range: Range<u64>,
        mode: Mode,
    ) -> Result<(), Errno> {
        self.table.check(token, object, range, mode)
    }

    /// Grants a claim, or says why not now.
    pub(crate) fn ask(&mut self, claim: &Claim) -> Verdict {
        self.judge(claim).0
    }

    /// Puts a claim at the end of the queue, where it can't be granted and may wait.
    pub(crate) fn wait(&mut self, claim: Claim, what: W) {
        match self.judge(&claim) {
            (Verdict::Waits, overtakes) => self.queue.push(Waiter { claim, overtakes, what }),
            (ended, _) => self.ended.push((what, ended)),
        }
    }

    /// The verdict for one that comes last, and whether it overtakes those before it.
    fn judge(&mut self, claim: &Claim) -> (Verdict, bool) {
        let at = self.queue.len();
        if at == LONGEST || !self.table.has_room(claim.owner) {
            return (Verdict::NoRoom, false);
        }
        let mut overtakes = self.table.has_some(claim);
        if !overtakes && self.is_circle(claim, false) && !self.is_circle(claim, true) {
            overtakes = true;
        }
        if self.blockers(claim, at, overtakes).is_empty() {
            return (Verdict::Granted(self.grant(claim)), overtakes);
        }
        if self.is_circle(claim, overtakes) {
            return (Verdict::Deadlock, overtakes);
        }
        (Verdict::Waits, overtakes)
    }

    /// Whom a claim at a place in the queue waits for: those that hold a lock that is in the way
    /// and, unless it overtakes, those before it that want one.
    fn blockers(&self, claim: &Claim, at: usize, overtakes: bool) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.table.conflicts(claim).map(|held| held.owner).collect();
        if !overtakes {
            let before = self.queue[..at].iter().filter(|other| other.claim.conflicts(claim));
            owners.extend(before.map(|other| other.claim.owner));
        }
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// True where one for whom a new claim would wait waits, by whatever way, for its owner.
    fn is_circle(&self, claim: &Claim, overtakes: bool) -> bool {
        let waits = self.queue.iter().any(|waiter| waiter.claim.owner == claim.owner);
        if !waits && !self.table.has_any(claim.owner) {
            return false;
        }
        let first = self.blockers(claim, self.queue.len(), overtakes);
        self.reaches(first, claim.owner)
    }

    fn reaches(&self, mut todo: Vec<Owner>, goal: Owner) -> bool {
        let mut seen = todo.clone();
        while let Some(owner) = todo.pop() {
            if owner == goal {
                return true;
            }
            for (at, waiter) in self.queue.iter().enumerate() {
                if waiter.claim.owner != owner {
                    continue;
                }
                for next in self.blockers(&waiter.claim, at, waiter.overtakes) {
                    if !seen.contains(&next) {
                        seen.push(next);
                        todo.push(next);
                    }
                }
            }
        }
        false
    }

    pub(crate) fn unlock(
        &mut self,
        owner: Owner,
        object: u64,
        range: Range<u64>,
    ) -> Result<(), Errno> {
        self.changed = true;
        self.table.unlock(owner, object, range)
    }

    pub(crate) fn release(&mut self, owner: Owner) {
        self.changed = true;
        self.table.release(owner);
        let gone = self.queue.extract_if(.., |waiter| waiter.claim.owner == owner);
        self.ended.extend(gone.map(|waiter| (waiter.what, Verdict::Gone)));
    }

    /// Takes one that waits out of the queue.
    pub(crate) fn cancel(&mut self, is_it: impl Fn(&W) -> bool) -> Option<W> {
        let at = self.queue.iter().position(|waiter| is_it(&waiter.what))?;
        self.changed = true;
        Some(self.queue.remove(at).what)
    }

    pub(crate) fn cancel_all(&mut self) -> Vec<W> {
        self.queue.drain(..).map(|waiter| waiter.what).collect()
    }

    fn grant(&mut self, claim: &Claim) -> Token {
        self.changed = true;
        if self.queue.iter().any(|waiter| waiter.claim.owner == claim.owner) {
            self.suspects.push(claim.owner);
        }
        self.table.grant(claim)
    }

    /// Grants whatever can be, in order; who has come to an end meanwhile.
    pub(crate) fn settle(&mut self) -> Vec<(W, Verdict)> {
        while core::mem::take(&mut self.changed) {
            self.grant_all();
            // Its latest wait gives way where a grant closed a circle, which may let others in.
            let suspect = |at: &usize| self.suspects.contains(&self.queue[*at].claim.owner);
            let places = (0..self.queue.len()).rev().filter(suspect);
            let Some(at) = places.into_iter().find(|at| self.is_in_circle(*at)) else {
                continue;
            };
            let waiter = self.queue.remove(at);
            self.ended.push((waiter.what, Verdict::Deadlock));
            self.changed = true;
        }
        self.suspects.clear();
        core::mem::take(&mut self.ended)
    }

    fn grant_all(&mut self) {
        let mut at = 0;
        while at < self.queue.len() {
            let Waiter { claim, overtakes, .. } = &self.queue[at];
            if self.blockers(claim, at, *overtakes).is_empty() {
                let waiter = self.queue.remove(at);
                let token = self.grant(&waiter.claim);
                self.ended.push((waiter.what, Verdict::Granted(token)));
                // A lesser mode than before may let in who was before it.
                at = 0;
            } else {
                at += 1;
            }
        }
    }

    fn is_in_circle(&self, at: usize) -> bool {
        let Waiter { claim, overtakes, .. } = &self.queue[at];
        self.reaches(self.blockers(claim, at, *overtakes), claim.owner)
    }
}
