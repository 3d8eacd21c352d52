//! File systems.

use driver::{Attr, Class, Time};
use kit::{FileStep, Twin, file_steps, tmpfs};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{placement::everywhere, stacks};

/// Random steps, the same at every run. Everything is asked as root: a handle of a service acts
/// for who opened it.
fn scripts(count: usize) -> Vec<Vec<FileStep>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let all = file_steps(150);
    let script = |_| {
        let steps = all.new_tree(&mut runner).expect("there are steps").current();
        steps.into_iter().map(|(_, step)| step).collect()
    };
    (0..count).map(script).collect()
}

/// What is the same wherever the clock and the numbers come from.
fn lasting(attr: Attr) -> Attr {
    let none = Time::default();
    Attr { inode: 0, atime: none, mtime: none, ctime: none, ..attr }
}

pub(crate) fn every_file_driver_is_the_model_in_every_placement() {
    let scripts = scripts(4);
    for stack in stacks::file() {
        for script in &scripts {
            everywhere(&stack.text, |placement, driver| {
                assert_eq!(driver.describe().class, Class::File);
                let mut model = Twin::seen_as(tmpfs(1 << 20), lasting);
                let mut twin = Twin::seen_as(driver, lasting);
                for step in script {
                    let (expected, got) = (model.step(0, step), twin.step(0, step));
                    assert_eq!(expected, got, "{} {placement}: {step:?}", stack.name);
                }
                assert_eq!(model.tree(), twin.tree(), "{} {placement}", stack.name);
            });
        }
    }
}
