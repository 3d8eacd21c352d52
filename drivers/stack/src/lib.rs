//! Stacks of drivers, composed from a description.
//!
//! ```toml
//! [[driver]]
//! name = "disk"
//! kind = "ramdisk"
//! size = "64 MiB"
//!
//! [[driver]]
//! name = "part"
//! kind = "partition"
//! on = "disk"              # a neighbour
//! number = 1
//!
//! [[driver]]
//! name = "fs"
//! kind = "redoxfs"
//! on = "/scheme/port/part" # across a boundary
//! ```
//!
//! `name`, `kind` and `on` are the same for every driver, all other keys are options of its
//! kind. What a driver stands on is said in `on` and nowhere else: a name is a neighbour, a path
//! is a port of another process; kinds that stand on several take a list of them. [`parse`] checks a description and puts it in order, bottom
//! first; [`Plan::build`] makes the drivers.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod build;
mod fault;
mod parse;
mod plan;
mod value;

pub use build::{Environment, Made, Stack};
pub use fault::Fault;
pub use parse::parse;
pub use plan::{Entry, On, Plan};
