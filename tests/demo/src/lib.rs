//! The demonstration, and the way to try `portd` and `portctl` on a Linux host.
//!
//! | module | job |
//! | --- | --- |
//! | `tree` | the files that the demonstration is about |
//! | `image` | a disk image with a partition table and a RedoxFS that holds them |
//! | `world` | services and clients, as processes of the host's Redox ABI |
//! | `verify` | reading everything back through scheme handles, writing, reading again |
//! | `report` | what it cost, by layer |
//! | `demo`, `attempt`, `cli` | the commands |
#![cfg(not(target_os = "redox"))]

mod attempt;
mod cli;
mod demo;
pub mod image;
mod report;
pub mod tree;
pub mod verify;
pub mod world;

pub use cli::main;
pub use demo::description;
