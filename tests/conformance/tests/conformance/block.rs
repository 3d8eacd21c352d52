//! Block devices.

use std::sync::Arc;

use driver::{Bytes, Class, Data, Driver, Errno, Node, Op, Status};
use kit::{Disk, Step, ask, flush, read, same, steps, write, write_at};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};

use crate::{aborts::ended, placement::everywhere, stacks};

const SIZE: usize = 128 << 10;
const BLOCK: u64 = 512;

/// Random steps, the same at every run.
fn script(count: usize) -> Vec<Step> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let all = steps(SIZE, BLOCK as usize, 60);
    let mut script = Vec::new();
    while script.len() < count {
        script.extend(all.new_tree(&mut runner).expect("there are steps").current());
    }
    script
}

/// Where something may go wrong by one.
fn edges() -> Vec<Step> {
    let size = SIZE as u64;
    let places = [0, 1, 511, 512, 4096 - 512, 4096, 65536 - 512, size - 512, size, size + 512];
    let lens = [0, 1, 511, 512, 1024, 4096, 8192, 65536, SIZE];
    let pairs = places.iter().flat_map(|at| lens.iter().map(move |len| (*at, *len)));
    pairs
        .flat_map(|(offset, len)| {
            let seed = (offset / 512) as u8 ^ len as u8;
            [
                Step::Write { offset, len, seed },
                Step::Read { offset, len },
                Step::Discard { offset, len: len.min(4096) },
                Step::Read { offset: offset & !511, len: 4096 },
            ]
        })
        .chain([Step::Flush])
        .collect()
}

/// A device with nothing but zeros on it: one that is encrypted has to be written first.
fn zeroed(driver: &dyn Driver) -> Disk {
    assert_eq!(write(driver, 0, &[0; SIZE]), Status::ok(SIZE));
    Disk::new(SIZE, BLOCK)
}

fn errors(driver: &dyn Driver) {
    let node = Node(7);
    for op in [Op::Read { node, offset: 0 }, Op::Write { node, offset: 0 }, Op::Flush { node }] {
        let status = ask(driver, op, Data::NONE);
        assert_eq!(status, Errno::ESTALE.into(), "{op:?} of a node that isn't there");
    }
    for op in
        [Op::Statfs, Op::Getattr { node: Node::ROOT }, Op::Truncate { node: Node::ROOT, len: 0 }]
    {
        assert_eq!(ask(driver, op, Data::NONE), Errno::EOPNOTSUPP.into(), "{op:?}");
    }
}

/// Threads that each have a part of the device.
fn together(driver: &Arc<dyn Driver>) {
    std::thread::scope(|scope| {
        for part in 0..4u8 {
            scope.spawn(move || {
                let base = u64::from(part) * (SIZE as u64 / 4);
                for round in 0..20u8 {
                    let bytes = [part * 20 + round; 4096];
                    let offset = base + u64::from(round % 7) * 4096;
                    assert_eq!(write(&**driver, offset, &bytes), Status::ok(4096));
                    let mut room = [0; 4096];
                    assert_eq!(read(&**driver, offset, &mut room), Status::ok(4096));
                    assert!(room == bytes);
                }
            });
        }
    });
}

pub(crate) fn every_block_driver_is_the_model_in_every_placement() {
    let (random, edges) = (script(400), edges());
    for stack in stacks::block(SIZE) {
        everywhere(&stack.text, |placement, driver| {
            let described = driver.describe();
            assert_eq!((described.class, described.size), (Class::Block, SIZE as u64));
            assert_eq!(u64::from(described.block_size), BLOCK, "{} {placement}", stack.name);
            let mut model = zeroed(&*driver);
            for step in edges.iter().chain(&random) {
                same(&*driver, &mut model, step);
            }
            errors(&*driver);
            if placement != "static" {
                together(&driver);
            }
            ended(&driver, write_at(0), Bytes::Source(vec![1; 4096]), Status::ok(4096));
            assert_eq!(flush(&*driver), Status::OK, "{} {placement}", stack.name);
        });
    }
}
