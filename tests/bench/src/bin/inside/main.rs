//! What a call costs inside Redox: a bare echo scheme beside `portd`, stock `ramfs` beside
//! `tmpfs`, in one boot. Under QEMU's `-icount shift=0,sleep=off` a nanosecond is an instruction.
//!
//! ```text
//! inside --ramfs /scheme/logging            # all, as JSON lines
//! inside echo NAME                          # the echo service itself
//! inside together [IMAGE]                   # stacks in one process and in many
//! inside direct NAME                        # a service that is connected to directly
//! ```

use std::process::ExitCode;

#[cfg(target_os = "redox")]
mod ports;
#[cfg(target_os = "redox")]
mod redox;
#[cfg(target_os = "redox")]
mod together;
#[cfg(target_os = "redox")]
mod volumes;
#[cfg(target_os = "redox")]
mod windows;

#[cfg(target_os = "redox")]
fn main() -> ExitCode {
    redox::main()
}

#[cfg(not(target_os = "redox"))]
fn main() -> ExitCode {
    eprintln!("inside measures a Redox that it runs in");
    ExitCode::from(2)
}
