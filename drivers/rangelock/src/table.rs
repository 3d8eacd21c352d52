//! The locks that are held.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Range;

use agent::Errno;
use rangemap::RangeMap;

use crate::{
    body::{Conflict, Mode, Owner, Token},
    queue::Claim,
};

/// Ranges, and grants, that one owner may have. More would be others' memory.
const MOST: usize = 1024;

/// Locks by object and owner.
#[derive(Default)]
pub(crate) struct Table {
    objects: BTreeMap<u64, BTreeMap<Owner, RangeMap<u64, Mode>>>,
    /// What each owner has locks on: others' cost it nothing.
    owned: BTreeMap<Owner, BTreeSet<u64>>,
    grants: BTreeMap<Token, Claim>,
    tokens: BTreeMap<Owner, BTreeSet<Token>>,
    last: u64,
}

impl Table {
    /// How many ranges are locked.
    pub(crate) fn len(&self) -> usize {
        self.objects.values().flat_map(BTreeMap::values).map(|ranges| ranges.iter().count()).sum()
    }

    /// How many of them are an owner's.
    fn len_of(&self, owner: Owner) -> usize {
        let owned = self.owned.get(&owner).into_iter().flatten();
        let ranges = owned.filter_map(|object| self.objects.get(object)?.get(&owner));
        ranges.map(|ranges| ranges.iter().count()).sum()
    }

    /// True where an owner has a lock.
    pub(crate) fn has_any(&self, owner: Owner) -> bool {
        self.owned.contains_key(&owner)
    }

    /// Ranges or grants that an owner has, whichever are more.
    pub(crate) fn held(&self, owner: Owner) -> usize {
        let grants = self.tokens.get(&owner).map_or(0, BTreeSet::len);
        grants.max(self.len_of(owner))
    }

    /// True where an owner may have one more.
    pub(crate) fn has_room(&self, owner: Owner) -> bool {
        self.held(owner) < MOST
    }

    fn of_others(&self, claim: &Claim) -> impl Iterator<Item = (Owner, &RangeMap<u64, Mode>)> {
        let owners = self.objects.get(&claim.object).into_iter().flatten();
        let owner = claim.owner;
        owners.filter(move |(other, _)| **other != owner).map(|(other, ranges)| (*other, ranges))
    }

    /// Locks that are in the way of a claim.
    pub(crate) fn conflicts(&self, claim: &Claim) -> impl Iterator<Item = Conflict> {
        self.of_others(claim).flat_map(move |(owner, ranges)| {
            ranges.overlapping(&claim.range).filter(|(_, mode)| mode.conflicts(claim.mode)).map(
                move |(range, mode)| Conflict {
                    owner,
                    start: range.start,
                    end: range.end,
                    mode: *mode,
                },
            )
        })
    }

    /// True where the owner of a claim has some of its range already.
    pub(crate) fn has_some(&self, claim: &Claim) -> bool {
        let owners = self.objects.get(&claim.object);
        let ranges = owners.and_then(|owners| owners.get(&claim.owner));
        ranges.is_some_and(|ranges| ranges.overlaps(&claim.range))
    }

    /// Locks what a claim asks for, in place of what its owner had there. The same claim has the
    /// same token.
    pub(crate) fn grant(&mut self, claim: &Claim) -> Token {
        self.forget_grants(claim.owner, claim.object, &claim.range, Some(claim.mode));
        let owners = self.objects.entry(claim.object).or_default();
        owners.entry(claim.owner).or_default().insert(claim.range.clone(), claim.mode);
        self.owned.entry(claim.owner).or_default().insert(claim.object);
        let tokens = self.tokens.entry(claim.owner).or_default();
        let known = tokens.iter().find(|token| self.grants.get(token) == Some(claim));
        if let Some(token) = known {
            return *token;
        }
        self.last += 1;
        tokens.insert(Token(self.last));
        self.grants.insert(Token(self.last), claim.clone());
        Token(self.last)
    }

    /// Grants no longer stand whose range is given back, or is now locked in a lesser mode.
    fn forget_grants(&mut self, owner: Owner, object: u64, range: &Range<u64>, now: Option<Mode>) {
        let Some(tokens) = self.tokens.get_mut(&owner) else { return };
        let grants = &mut self.grants;
        tokens.retain(|token| {
            let stands = grants.get(token).is_some_and(|grant| {
                let touched = grant.range.start < range.end && range.start < grant.range.end;
                let same = grant.object == object && touched;
                !same || now.is_some_and(|mode| mode.is_enough_for(grant.mode))
            });
            if !stands {
                grants.remove(token);
            }
            stands
        });
        if tokens.is_empty() {
            self.tokens.remove(&owner);
        }
    }

    /// `ENOLCK` where that would make one range two, and there is no room for another.
    pub(crate) fn unlock(
        &mut self,
        owner: Owner,
        object: u64,
        range: Range<u64>,
    ) -> Result<(), Errno> {
        let ranges = self.objects.get(&object).and_then(|owners| owners.get(&owner));
        let splits = ranges.is_some_and(|ranges| {
            let mut held = ranges.overlapping(&range);
            held.any(|(held, _)| held.start < range.start && range.end < held.end)
        });
        if splits && !self.has_room(owner) {
            return Err(Errno::ENOLCK);
        }
        self.take_away(owner, object, range);
        Ok(())
    }

    fn take_away(&mut self, owner: Owner, object: u64, range: Range<u64>) {
        self.forget_grants(owner, object, &range, None);
        let Some(owners) = self.objects.get_mut(&object) else { return };
        if let Some(ranges) = owners.get_mut(&owner) {
            ranges.remove(range);
            if ranges.is_empty() {
                owners.remove(&owner);
                disown(&mut self.owned, owner, object);
            }
        }
        if owners.is_empty() {
            self.objects.remove(&object);
        }
    }

    pub(crate) fn release(&mut self, owner: Owner) {
        let owned = self.owned.get(&owner).into_iter().flatten();
        let objects: Vec<u64> = owned.copied().collect();
        objects.into_iter().for_each(|object| self.take_away(owner, object, 0..u64::MAX));
    }

    /// `ESTALE` where a grant does not cover a range in a mode.
    pub(crate) fn check(
        &self,
        token: Token,
        object: u64,
        range: Range<u64>,
        mode: Mode,
    ) -> Result<(), Errno> {
        let covers = |grant: &&Claim| {
            grant.object == object
                && grant.range.start <= range.start
                && range.end <= grant.range.end
                && grant.mode.is_enough_for(mode)
        };
        self.grants.get(&token).filter(covers).map(|_| ()).ok_or(Errno::ESTALE)
    }
}

/// An owner has nothing of an object any more.
fn disown(owned: &mut BTreeMap<Owner, BTreeSet<u64>>, owner: Owner, object: u64) {
    let Some(objects) = owned.get_mut(&owner) else { return };
    objects.remove(&object);
    if objects.is_empty() {
        owned.remove(&owner);
    }
}
