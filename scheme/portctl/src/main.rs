//! The tool's program. On anything but Redox there are no schemes: there the `ports` tool of
//! this project runs it beside a daemon over the host's implementation of the ABI.

use std::process::ExitCode;

#[cfg(target_os = "redox")]
fn main() -> ExitCode {
    portctl::main(std::env::args_os(), &mut std::io::stdout().lock())
}

#[cfg(not(target_os = "redox"))]
fn main() -> ExitCode {
    eprintln!("portctl needs schemes of Redox; on this system try: cargo run -- try -- ls");
    ExitCode::from(2)
}
