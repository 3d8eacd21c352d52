//! The demonstration, and the way to try `portd` and `portctl` on a Linux host.
//!
//! | module | job |
//! | --- | --- |
//! | `tree` | the files that the demonstration is about |
//! | `verify` | reading everything back through scheme handles, writing, reading again |
//! | `collect`, `image` | the files of a directory; a disk image that holds them |
//! | `world` | services and clients, as processes of the host's Redox ABI |
//! | `report` | what it cost, by layer |
//! | `terminal` | kernel, daemon and tool as programs of their own |
//! | `demo`, `attempt`, `compare`, `cli` | the commands |
//!
//! On Redox there is `compare` alone: the services are real ones there.

#[cfg(not(target_os = "redox"))]
mod attempt;
mod cli;
#[cfg(not(target_os = "redox"))]
mod collect;
pub mod compare;
#[cfg(not(target_os = "redox"))]
mod demo;
#[cfg(not(target_os = "redox"))]
pub mod image;
#[cfg(not(target_os = "redox"))]
mod report;
#[cfg(not(target_os = "redox"))]
mod terminal;
pub mod tree;
pub mod verify;
#[cfg(not(target_os = "redox"))]
pub mod world;

pub use cli::main;
#[cfg(not(target_os = "redox"))]
pub use demo::description;
