//! The same suite where a process is a process: inside Redox, and on Linux over the host's kernel
//! in a program of its own. Each daemon and each client is forked off.
//!
//! Every check is done in a process of its own, so this one has no threads when it forks
//! (`docs/redox.md` says why). Tests run in its main thread, one after the other.

#[path = "../conformance/aborts.rs"]
mod aborts;
#[path = "../conformance/block.rs"]
mod block;
#[path = "../conformance/character.rs"]
mod character;
#[path = "../conformance/errors/mod.rs"]
mod errors;
#[path = "../conformance/file.rs"]
mod file;
#[path = "../conformance/image.rs"]
mod image;
#[path = "../conformance/invariants.rs"]
mod invariants;
#[cfg(not(target_os = "redox"))]
mod kernel;
#[path = "../conformance/layers.rs"]
mod layers;
#[path = "../conformance/locks.rs"]
mod locks;
#[path = "../conformance/made.rs"]
mod made;
mod placement;
mod process;
#[path = "../conformance/spied.rs"]
mod spied;
#[path = "../conformance/stacks.rs"]
mod stacks;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A test's name, and the test.
type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("character", character::every_character_driver_is_the_model_in_every_placement),
    ("block", block::every_block_driver_is_the_model_in_every_placement),
    ("file", file::every_file_driver_is_the_model_in_every_placement),
    ("invariants", invariants::every_layer_keeps_its_invariant_in_every_placement),
    ("files at once", file::what_several_do_at_once_ends_as_the_model_in_every_placement),
    ("errors", errors::every_documented_error_is_the_same_in_every_placement),
    ("locks", locks::locks_are_the_model_in_every_placement),
    ("locks of the dead", placement::the_locks_of_a_killed_owner_are_others),
    ("aborts", aborts::what_is_kept_comes_back_when_it_is_aborted_in_every_placement),
];

#[cfg(not(target_os = "redox"))]
fn main() -> ExitCode {
    match kernel::under_one() {
        Some(status) => status,
        None => run(),
    }
}

/// A Redox that has nothing but its init file system has room for files in memory only.
#[cfg(target_os = "redox")]
fn main() -> ExitCode {
    if !std::env::temp_dir().is_dir() {
        let memory = std::path::Path::new("/scheme/logging");
        tempfile::env::override_temp_dir(memory).expect("nobody has asked for one yet");
    }
    run()
}

fn run() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trial = |(name, test): &Test| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, TESTS.iter().map(trial).collect()).exit_code()
}
