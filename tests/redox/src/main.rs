//! The runner's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    redox_runner::main(std::env::args_os())
}
