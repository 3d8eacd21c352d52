//! Random locks against a plain model: a row of bytes, and who has each of them how.

use std::collections::{BTreeMap, BTreeSet};

use agent::Errno;
use driver_rangelock::{LockOp, Mode, Owner};
use proptest::prelude::*;

use crate::{EXCLUSIVE, SHARED, Service, Wait};

const BYTES: u64 = 12;

#[derive(Clone, Copy, Debug)]
struct Claim {
    owner: u64,
    object: u64,
    start: u64,
    end: u64,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Step {
    Lock(Claim, bool),
    Unlock(Claim),
    Abort(usize),
    Release(u64),
}

fn claim() -> impl Strategy<Value = Claim> {
    let mode = prop_oneof![Just(SHARED), Just(EXCLUSIVE)];
    (1..5u64, 1..3u64, 0..BYTES, 1..BYTES, mode).prop_map(|(owner, object, start, len, mode)| {
        Claim { owner, object, start, end: (start + len).min(BYTES), mode }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (claim(), prop::bool::weighted(0.7)).prop_map(|(claim, wait)| Step::Lock(claim, wait)),
        4 => claim().prop_map(Step::Unlock),
        1 => (0..4usize).prop_map(Step::Abort),
        1 => (1..5u64).prop_map(Step::Release),
    ]
}

#[derive(Default)]
struct Model {
    /// Object and byte, and who has it how.
    held: BTreeMap<(u64, u64), BTreeMap<u64, Mode>>,
}

impl Model {
    fn bytes(claim: &Claim) -> impl Iterator<Item = (u64, u64)> + use<> {
        let object = claim.object;
        (claim.start..claim.end).map(move |byte| (object, byte))
    }

    fn grant(&mut self, claim: &Claim) {
        for byte in Model::bytes(claim) {
            self.held.entry(byte).or_default().insert(claim.owner, claim.mode);
        }
    }

    fn unlock(&mut self, claim: &Claim) {
        for byte in Model::bytes(claim) {
            self.held.entry(byte).or_default().remove(&claim.owner);
        }
    }

    fn release(&mut self, owner: u64) {
        self.held.values_mut().for_each(|owners| {
            owners.remove(&owner);
        });
    }

    fn has_some(&self, claim: &Claim) -> bool {
        Model::bytes(claim).any(|byte| {
            self.held.get(&byte).is_some_and(|owners| owners.contains_key(&claim.owner))
        })
    }

    /// Owners that hold what is in the way.
    fn in_the_way(&self, claim: &Claim) -> BTreeSet<u64> {
        let owners = Model::bytes(claim).filter_map(|byte| self.held.get(&byte)).flatten();
        owners
            .filter(|(owner, mode)| **owner != claim.owner && mode.conflicts(claim.mode))
            .map(|(owner, _)| *owner)
            .collect()
    }

    /// No byte is two owners' that can't both have it.
    fn check(&self) {
        for owners in self.held.values() {
            let alone = owners.values().any(|mode| *mode == EXCLUSIVE);
            assert!(!alone || owners.len() == 1, "{owners:?}");
        }
    }
}

fn conflict(one: &Claim, other: &Claim) -> bool {
    one.owner != other.owner
        && one.object == other.object
        && one.start < other.end
        && other.start < one.end
        && one.mode.conflicts(other.mode)
}

/// Whether owners wait in a circle for what others hold.
fn has_circle(model: &Model, waiting: &[(Claim, Wait)]) -> bool {
    let mut edges = BTreeSet::new();
    for (claim, _) in waiting {
        edges.extend(model.in_the_way(claim).into_iter().map(|other| (claim.owner, other)));
    }
    for via in 1..5 {
        for from in 1..5 {
            for to in 1..5 {
                if edges.contains(&(from, via)) && edges.contains(&(via, to)) {
                    edges.insert((from, to));
                }
            }
        }
    }
    (1..5).any(|owner| edges.contains(&(owner, owner)))
}

fn op(claim: &Claim, wait: bool) -> LockOp {
    let Claim { object, start, end, mode, .. } = *claim;
    LockOp::Lock { object, start, end, mode, wait }
}

/// Takes what is over out of those that wait; grants are the model's too. The service answers
/// who overtakes first, so the order is not that of the queue.
fn collect(model: &mut Model, waiting: &mut Vec<(Claim, Wait)>) -> Vec<(Claim, Errno)> {
    let mut failed = Vec::new();
    for (claim, wait) in waiting.extract_if(.., |(_, wait)| wait.is_over()) {
        match wait.end() {
            Ok(_) => model.grant(&claim),
            Err(errno) => failed.push((claim, errno)),
        }
    }
    failed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn locks_are_what_a_row_of_bytes_says(script in prop::collection::vec(step(), 1..60)) {
        let service = Service::new();
        let (mut model, mut waiting) = (Model::default(), Vec::<(Claim, Wait)>::new());
        for step in script {
            let mut expected = Vec::new();
            match step {
                Step::Lock(claim, false) => {
                    let in_line = waiting.iter().any(|(other, _)| conflict(&claim, other));
                    let free = model.in_the_way(&claim).is_empty();
                    let (status, _) = service.ask(claim.owner, op(&claim, false));
                    if free && (!in_line || model.has_some(&claim)) {
                        prop_assert_eq!(status.result(), Ok(0));
                    }
                    if !free {
                        prop_assert_eq!(status.result(), Err(Errno::EAGAIN));
                    }
                    if status.is_ok() {
                        model.grant(&claim);
                    }
                }
                Step::Lock(claim, true) => {
                    let wait = service.wait_on(claim.owner, op(&claim, true));
                    waiting.push((claim, wait));
                    if waiting.last().is_some_and(|(_, wait)| wait.is_over()) {
                        let (_, wait) = waiting.pop().unwrap();
                        match wait.end() {
                            Ok(_) => model.grant(&claim),
                            Err(errno) => {
                                prop_assert_eq!(errno, Errno::EDEADLK);
                                prop_assert!(!model.in_the_way(&claim).is_empty()
                                    || waiting.iter().any(|(other, _)| conflict(&claim, other)));
                            }
                        }
                    }
                }
                Step::Unlock(claim) => {
                    let Claim { object, start, end, .. } = claim;
                    service.ask(claim.owner, LockOp::Unlock { object, start, end });
                    model.unlock(&claim);
                }
                Step::Abort(at) if at < waiting.len() => {
                    waiting[at].1.abort();
                    prop_assert!(waiting[at].1.is_over());
                    expected.push(Errno::ECANCELED);
                }
                Step::Abort(_) => {}
                Step::Release(owner) => {
                    service.locks.release(Owner(owner));
                    model.release(owner);
                    expected.extend(
                        waiting.iter().filter(|(claim, _)| claim.owner == owner).map(|_| Errno::ECANCELED),
                    );
                }
            }
            let failed: Vec<Errno> =
                collect(&mut model, &mut waiting).into_iter().map(|(_, errno)| errno).collect();
            let cancelled = failed.iter().filter(|errno| **errno == Errno::ECANCELED).count();
            prop_assert_eq!(cancelled, expected.len());
            model.check();
            prop_assert!(!has_circle(&model, &waiting), "nobody waits for ever");
            for (at, (claim, _)) in waiting.iter().enumerate() {
                let in_line = waiting[..at].iter().any(|(other, _)| conflict(claim, other));
                prop_assert!(in_line || !model.in_the_way(claim).is_empty(), "{claim:?} waits for nobody");
            }
        }
        // Whatever was done, all that wait get their turn, one owner after the other.
        for owner in 1..5 {
            service.locks.release(Owner(owner));
        }
        prop_assert!(waiting.iter().all(|(_, wait)| wait.is_over()));
        prop_assert_eq!(service.locks.counts(), (0, 0));
    }

    /// Owners that unlock what they have once they wait for nothing all come to their end.
    #[test]
    fn every_wait_ends_where_owners_give_back(claims in prop::collection::vec(claim(), 1..30)) {
        let service = Service::new();
        let (mut model, mut waiting) = (Model::default(), Vec::<(Claim, Wait)>::new());
        for claim in claims {
            let wait = service.wait_on(claim.owner, op(&claim, true));
            waiting.push((claim, wait));
            collect(&mut model, &mut waiting);
        }
        for _ in 0..waiting.len() + 5 {
            let waits: BTreeSet<u64> = waiting.iter().map(|(claim, _)| claim.owner).collect();
            for owner in (1..5).filter(|owner| !waits.contains(owner)) {
                service.locks.release(Owner(owner));
                model.release(owner);
                collect(&mut model, &mut waiting);
            }
        }
        prop_assert!(waiting.is_empty(), "{} wait", waiting.len());
    }
}
