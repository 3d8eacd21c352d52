//! The locks that are held.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use agent::Errno;
use rangemap::RangeMap;

use crate::{
    body::{Conflict, Mode, Owner, Token},
    queue::Claim,
};

/// Locks by object and owner.
#[derive(Default)]
pub(crate) struct Table {
    objects: BTreeMap<u64, BTreeMap<Owner, RangeMap<u64, Mode>>>,
    grants: BTreeMap<Token, Claim>,
    last: u64,
}

impl Table {
    /// How many ranges are locked.
    pub(crate) fn len(&self) -> usize {
        let owners = self.objects.values().flat_map(BTreeMap::values);
        owners.map(|ranges| ranges.iter().count()).sum()
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

    /// Locks what a claim asks for, in place of what its owner had there.
    pub(crate) fn grant(&mut self, claim: &Claim) -> Token {
        self.forget_grants(claim.owner, claim.object, &claim.range, Some(claim.mode));
        let owners = self.objects.entry(claim.object).or_default();
        owners.entry(claim.owner).or_default().insert(claim.range.clone(), claim.mode);
        self.last += 1;
        self.grants.insert(Token(self.last), claim.clone());
        Token(self.last)
    }

    /// Grants no longer stand whose range is given back, or is now locked in a lesser mode.
    fn forget_grants(&mut self, owner: Owner, object: u64, range: &Range<u64>, now: Option<Mode>) {
        let stands = |grant: &Claim| {
            let same = grant.owner == owner && grant.object == object;
            let touched = grant.range.start < range.end && range.start < grant.range.end;
            !(same && touched) || now.is_some_and(|mode| mode.is_enough_for(grant.mode))
        };
        self.grants.retain(|_, grant| stands(grant));
    }

    pub(crate) fn unlock(&mut self, owner: Owner, object: u64, range: Range<u64>) {
        self.forget_grants(owner, object, &range, None);
        let Some(owners) = self.objects.get_mut(&object) else { return };
        if let Some(ranges) = owners.get_mut(&owner) {
            ranges.remove(range);
            if ranges.is_empty() {
                owners.remove(&owner);
            }
        }
        if owners.is_empty() {
            self.objects.remove(&object);
        }
    }

    pub(crate) fn release(&mut self, owner: Owner) {
        let objects: Vec<u64> = self.objects.keys().copied().collect();
        objects.into_iter().for_each(|object| self.unlock(owner, object, 0..u64::MAX));
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
