//! The demonstration, and the way to try `portd` and `portctl` on a Linux host.
//!
//! | module | job |
//! | --- | --- |
//! | `tree` | the files that the demonstration is about |
//! | `image` | a disk image with a partition table and a RedoxFS that holds them |
//! | `world` | services and clients, as processes of the host's Redox ABI |
//! | `verify` | reading everything back through scheme handles, writing, reading again |
//! | `report` | what it cost, by layer |
//! | `demo`, `attempt` | the commands |

#[cfg(not(target_os = "redox"))]
mod attempt;
#[cfg(not(target_os = "redox"))]
mod cli;
#[cfg(not(target_os = "redox"))]
mod demo;
#[cfg(not(target_os = "redox"))]
mod image;
#[cfg(not(target_os = "redox"))]
mod report;
#[cfg(not(target_os = "redox"))]
mod tree;
#[cfg(not(target_os = "redox"))]
mod verify;
#[cfg(not(target_os = "redox"))]
mod world;

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(target_os = "redox")]
fn main() {
    eprintln!("ports stands in for a Redox; on one, use portd and portctl themselves");
    std::process::exit(2);
}
