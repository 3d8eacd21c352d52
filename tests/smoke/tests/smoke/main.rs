//! The smoke suite: the same tests inside Redox and on the host's implementation of its ABI.
//!
//! Its processes are made by `fork`. On Redox that moves a waiting thread's futex away from it
//! (`docs/redox.md`), so there the tests run in the main thread, one after the other; Rust's own
//! harness has no way to.

use libtest_mimic::{Arguments, Trial};

/// A test's name, and the test.
type Test = (&'static str, fn());

/// The tests of a module. One that is left out is dead code, which the lints refuse.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn())),*]
    };
}

mod calls;
mod files;
mod guard;
mod life;
mod messages;
mod ports;
mod told;
mod windows;

fn main() {
    let mut arguments = Arguments::from_args();
    if cfg!(target_os = "redox") {
        arguments.test_threads = Some(1);
    }
    let tests =
        [calls::TESTS, files::TESTS, guard::TESTS, life::TESTS, messages::TESTS, told::TESTS]
            .concat();
    let tests = [tests, ports::tests(), windows::TESTS.to_vec()].concat();
    let trials = tests.into_iter().map(|(name, test)| {
        Trial::test(name.trim_start_matches("smoke::"), move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
