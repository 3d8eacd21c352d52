//! Windows: memory that a client and a service share, by handle.
#![cfg(not(target_os = "redox"))]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod delegation;
mod hostile;
mod limits;
mod shared;
mod ways;
