//! Random traces of operations, taken by a stack of drivers and by a plain model: each step has
//! the same result, and in the end all contents are equal. A trace that fails is shrunk, and
//! written as text that can be replayed.
//!
//! | module | job |
//! | --- | --- |
//! | `trace` | steps as text, and shrinking |
//! | `random` | steps that a seed makes |
//! | `disk`, `files` | drivers that take steps |
//! | `model` | a tree of files in maps |
//! | `stacks`, `kinds`, `placement` | what is run on, and where |
//! | `run` | a stack against its model |
//! | `cli` | the tool |
#![cfg(not(target_os = "redox"))]

mod cli;
#[path = "../../../scheme/portd/tests/common/mod.rs"]
mod common;
mod disk;
mod files;
mod model;
pub mod placement;
mod random;
pub mod run;
pub mod stacks;
pub mod trace;

pub use cli::main;
pub use random::{block_steps, file_steps};
