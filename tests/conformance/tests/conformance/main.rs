//! One suite for every driver in every placement: the results are the model's.
//!
//! | placement | |
//! | --- | --- |
//! | static | the drivers call each other, and the test calls the topmost; nothing is around them |
//! | neighbours | as a host of drivers places them: contained, and serialized where they say so |
//! | service | in a daemon, asked from another process by a scheme agent |
//! | mixed | each driver in a daemon of its own |
#![cfg(not(target_os = "redox"))]

mod block;
mod character;
mod chores;
#[path = "../../../../scheme/portd/tests/common/mod.rs"]
mod common;
mod file;
mod placement;
mod stacks;
