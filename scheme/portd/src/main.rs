//! The daemon's program. On anything but Redox there is no scheme to serve: there the `ports`
//! tool of this project runs the same daemon over the host's implementation of the ABI.

use std::process::ExitCode;

#[cfg(target_os = "redox")]
fn main() -> ExitCode {
    portd::main(std::env::args_os())
}

#[cfg(not(target_os = "redox"))]
fn main() -> ExitCode {
    eprintln!("portd serves a scheme of Redox; on this system try: cargo run --release -- demo");
    ExitCode::from(2)
}
