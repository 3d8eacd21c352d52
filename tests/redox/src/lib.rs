//! Runs a program for Redox inside QEMU and gives back its output and status.
//!
//! It takes a Redox and does not make one: the user names a command that puts a program into an
//! image, or an image that runs one. The README beside this says what either has to do.

mod console;
mod error;
mod options;
mod qemu;
mod run;

pub use console::{BEGIN, EXIT};
pub use run::main;
