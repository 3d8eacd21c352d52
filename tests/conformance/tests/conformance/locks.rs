//! Byte-range locks.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use agent::{Call, Data, Errno, Neighbour, Origin, Port, Serialized};
use client::Locks;
use driver_rangelock::{LockBody, LockOp, LockReply, Mode, Owner, RangeLocks, Token};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use service::PARK;

use crate::placement::everywhere_with_locks;

/// A daemon of nothing else.
pub(crate) const LOCKS: &str = "[[driver]]\nname = \"top\"\nkind = \"rangelock\"\n";
const SHARED: Mode = Mode::Shared;
const EXCLUSIVE: Mode = Mode::Exclusive;

/// Where owners of locks come from.
pub(crate) trait Place: Sync {
    /// A new one. What it has goes when it is dropped.
    fn owner(&self) -> Box<dyn Asks>;
}

/// An owner.
pub(crate) trait Asks: Send + Sync {
    fn ask(&self, op: LockOp) -> Result<LockReply, Errno>;
}

/// Locks in the same process.
pub(crate) struct Here {
    port: Neighbour<LockBody>,
    next: AtomicU64,
}

struct OwnerHere(Neighbour<LockBody>, Owner);

impl Here {
    /// With nothing around.
    pub(crate) fn alone() -> Here {
        Here::at(Arc::new(RangeLocks::new()))
    }

    /// Entered by one message at a time, which they need not be.
    pub(crate) fn serialized() -> Here {
        Here::at(Arc::new(Serialized::new(RangeLocks::new())))
    }

    fn at(port: Arc<dyn Port<LockBody>>) -> Here {
        Here { port: Neighbour::new(port, 1), next: AtomicU64::new(1) }
    }
}

impl Place for Here {
    fn owner(&self) -> Box<dyn Asks> {
        let number = self.next.fetch_add(1, SeqCst);
        Box::new(OwnerHere(self.port.clone(), Owner(number)))
    }
}

impl Asks for OwnerHere {
    fn ask(&self, op: LockOp) -> Result<LockReply, Errno> {
        let mut call = Call::new(LockBody::new(op, self.1), Data::NONE);
        self.0.call(&mut Origin::root(), &PARK, &mut call).result()?;
        Ok(call.into_body().reply)
    }
}

impl Drop for OwnerHere {
    fn drop(&mut self) {
        let _ = self.ask(LockOp::Release);
    }
}

/// Locks at a port of a daemon's.
pub(crate) struct Across(pub(crate) String);

impl Place for Across {
    fn owner(&self) -> Box<dyn Asks> {
        Box::new(Locks::open(&self.0).expect("everybody may open it"))
    }
}

impl Asks for Locks {
    fn ask(&self, op: LockOp) -> Result<LockReply, Errno> {
        Locks::ask(self, op)
    }
}

fn lock(Range { start, end }: Range<u64>, mode: Mode, wait: bool) -> LockOp {
    LockOp::Lock { object: 1, start, end, mode, wait }
}

fn unlock(Range { start, end }: Range<u64>) -> LockOp {
    LockOp::Unlock { object: 1, start, end }
}

impl dyn Asks {
    fn lock(&self, range: Range<u64>, mode: Mode) -> Result<Token, Errno> {
        granted(self.ask(lock(range, mode, true)))
    }

    fn try_lock(&self, range: Range<u64>, mode: Mode) -> Result<Token, Errno> {
        granted(self.ask(lock(range, mode, false)))
    }
}

fn granted(result: Result<LockReply, Errno>) -> Result<Token, Errno> {
    match result? {
        LockReply::Granted(token) => Ok(token),
        other => panic!("{other:?}"),
    }
}

/// Waits until somebody waits for a range that readers have.
fn until_waited_for(place: &dyn Place, range: Range<u64>) {
    let other = place.owner();
    while other.try_lock(range.clone(), SHARED).is_ok() {
        other.ask(unlock(range.clone())).unwrap();
        std::thread::yield_now();
    }
}

/// Each errno that is documented, but for those of an abort.
fn errors(place: &dyn Place) {
    let (one, other) = (place.owner(), place.owner());
    let token = one.lock(0..10, EXCLUSIVE).unwrap();
    assert_eq!(other.try_lock(9..11, SHARED), Err(Errno::EAGAIN));
    let check = |start, end, mode| other.ask(LockOp::Check { token, object: 1, start, end, mode });
    assert_eq!(check(0, 10, EXCLUSIVE), Ok(LockReply::Nothing));
    assert_eq!(check(0, 11, SHARED), Err(Errno::ESTALE));
    one.ask(unlock(3..4)).unwrap();
    assert_eq!(check(0, 3, SHARED), Err(Errno::ESTALE));
    for op in [
        lock(5..5, SHARED, true),
        LockOp::Unlock { object: 1, start: 6, end: 5 },
        LockOp::Test { object: 1, start: 5, end: 5, mode: SHARED },
    ] {
        assert_eq!(one.ask(op), Err(Errno::EINVAL), "{op:?}");
    }
    let many = place.owner();
    many.try_lock(50..53, SHARED).unwrap();
    let count = (0..).take_while(|at| {
        let range = 100 + at * 2..101 + at * 2;
        many.try_lock(range, SHARED).is_ok()
    });
    assert_eq!(count.count(), 1023);
    assert_eq!(many.try_lock(0..1, SHARED), Err(Errno::ENOLCK));
    assert_eq!(many.ask(unlock(51..52)), Err(Errno::ENOLCK), "one would be two");
    assert_eq!(many.ask(unlock(50..52)), Ok(LockReply::Nothing));
    other.try_lock(3..4, SHARED).unwrap();
}

/// A wait that ends with the lock, one that closes a circle, one whose owner is released.
fn waits(place: &dyn Place) {
    let (one, other) = (place.owner(), place.owner());
    one.lock(0..10, SHARED).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            other.lock(20..30, EXCLUSIVE).unwrap();
            other.lock(0..10, EXCLUSIVE)
        });
        until_waited_for(place, 0..10);
        assert_eq!(one.lock(25..26, SHARED), Err(Errno::EDEADLK));
        assert_eq!(one.try_lock(25..26, SHARED), Err(Errno::EAGAIN));
        one.ask(unlock(0..10)).unwrap();
        assert!(waiting.join().unwrap().is_ok());
    });
    other.ask(LockOp::Release).unwrap();
    one.lock(0..10, SHARED).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.lock(0..10, EXCLUSIVE));
        until_waited_for(place, 0..10);
        other.ask(LockOp::Release).unwrap();
        assert_eq!(waiting.join().unwrap(), Err(Errno::ECANCELED));
    });
    drop(one);
    place.owner().try_lock(0..10, EXCLUSIVE).unwrap();
}

/// Owners on threads of their own: who has it alone is alone.
fn at_once(place: &dyn Place) {
    const BYTES: u64 = 4;
    let taken: [AtomicBool; BYTES as usize] = Default::default();
    let owners: Vec<_> = (0..4).map(|_| place.owner()).collect();
    std::thread::scope(|scope| {
        for (turn, own) in (0..).zip(&owners) {
            let taken = &taken;
            scope.spawn(move || {
                for round in 0..50 {
                    let start = (turn + round) % BYTES;
                    let range = start..(start + 1 + round % 2).min(BYTES);
                    own.lock(range.clone(), EXCLUSIVE).unwrap();
                    let bytes = || range.clone().map(|at| &taken[at as usize]);
                    assert!(bytes().all(|byte| !byte.swap(true, SeqCst)));
                    bytes().for_each(|byte| byte.store(false, SeqCst));
                    own.ask(unlock(range)).unwrap();
                }
            });
        }
    });
}

const OWNERS: usize = 3;
const SIZE: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Lock(Range<u64>, Mode),
    Unlock(Range<u64>),
    Test(Range<u64>, Mode),
    Release,
}

fn script() -> Vec<(usize, Step)> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let range = || (0..SIZE as u64, 1..5u64).prop_map(|(start, len)| start..start + len);
    let mode = || prop::sample::select(vec![SHARED, EXCLUSIVE]);
    let step = prop_oneof![
        6 => (range(), mode()).prop_map(|(range, mode)| Step::Lock(range, mode)),
        3 => range().prop_map(Step::Unlock),
        2 => (range(), mode()).prop_map(|(range, mode)| Step::Test(range, mode)),
        1 => Just(Step::Release),
    ];
    let steps = prop::collection::vec((0..OWNERS, step), 300);
    steps.new_tree(&mut runner).expect("there are steps").current()
}

/// What each owner has of each byte.
type Model = [[Option<Mode>; SIZE + 5]; OWNERS];

fn set(model: &mut Model, owner: usize, range: &Range<u64>, mode: Option<Mode>) {
    model[owner][range.start as usize..range.end as usize].fill(mode);
}

fn is_free(model: &Model, owner: usize, range: &Range<u64>, mode: Mode) -> bool {
    let others = (0..OWNERS).filter(|other| *other != owner);
    let range = range.start as usize..range.end as usize;
    let mut held = others.flat_map(|other| model[other][range.clone()].iter().flatten());
    !held.any(|held| held.conflicts(mode))
}

/// Random steps, and a byte each as the model has it.
fn against_model(place: &dyn Place) {
    let owners: Vec<_> = (0..OWNERS).map(|_| place.owner()).collect();
    let mut model: Model = Default::default();
    for (owner, step) in script() {
        let own = &owners[owner];
        match &step {
            Step::Lock(range, mode) => {
                let free = is_free(&model, owner, range, *mode);
                let got = own.try_lock(range.clone(), *mode);
                assert_eq!(
                    got.map(drop),
                    if free { Ok(()) } else { Err(Errno::EAGAIN) },
                    "{step:?}"
                );
                if free {
                    set(&mut model, owner, range, Some(*mode));
                }
            }
            Step::Unlock(range) => {
                own.ask(unlock(range.clone())).unwrap();
                set(&mut model, owner, range, None);
            }
            Step::Test(range, mode) => {
                let Range { start, end } = *range;
                let got = own.ask(LockOp::Test { object: 1, start, end, mode: *mode }).unwrap();
                assert_eq!(
                    got == LockReply::Free,
                    is_free(&model, owner, range, *mode),
                    "{step:?}"
                );
            }
            Step::Release => {
                own.ask(LockOp::Release).unwrap();
                set(&mut model, owner, &(0..SIZE as u64 + 5), None);
            }
        }
    }
}

pub(crate) fn locks_are_the_model_in_every_placement() {
    everywhere_with_locks(LOCKS, |place| {
        errors(place);
        waits(place);
        at_once(place);
        against_model(place);
    });
}
