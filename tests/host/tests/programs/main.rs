//! Real programs that share a kernel, and are killed.
//!
//! This program is the tests, and every program in them: `role NAME …` says which.

#[path = "../abi/common.rs"]
mod common;
mod daemons;
mod death;
mod inherit;
#[path = "../kernel/mod.rs"]
mod kernel;
mod kills;
mod program;
mod roles;
mod signals;
mod windows;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

/// A test by its name.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, role)) if first == "role" => roles::play(role),
        _ if std::env::var_os("HOST_KERNEL").is_none() => with_a_kernel(&args),
        _ => tests(),
    }
}

/// Runs itself again, with a kernel.
fn with_a_kernel(args: &[String]) -> ExitCode {
    let kernel = kernel::Kernel::start();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(args).env("HOST_KERNEL", kernel.socket());
    again.env("HOST_KERNEL_PID", kernel.pid().to_string());
    let status = again.status().unwrap();
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

fn tests() -> ExitCode {
    let all = [death::TESTS, inherit::TESTS, kills::TESTS, signals::TESTS, windows::TESTS];
    let trial = |(name, test): &Test| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    let trials = all.into_iter().flatten().map(trial).collect();
    // One after the other: one of them looks at all that the kernel holds.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}
