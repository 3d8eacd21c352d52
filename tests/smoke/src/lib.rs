//! What the smoke suite stands on: one set of words for two worlds.
//!
//! On Redox a process is a process, made by `fork`, and files are reached through the standard
//! library and libc. On a Linux host a process is a thread in the `host` crate's kernel. Tests
//! know no difference; [`World`] hides it.

pub mod echo;
pub mod files;
mod sticky;
mod world;

pub use sticky::Sticky;
pub use world::{Daemon, End, Process, World, beside, catch_signals};

/// An errno, or what a call gave.
pub type Outcome<T = usize> = Result<T, i32>;

/// The errno of a call.
pub fn errno<T>(result: libredox::error::Result<T>) -> Outcome<T> {
    result.map_err(|error| error.errno())
}
