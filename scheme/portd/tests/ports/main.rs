//! Ports that processes make and hold, through the daemon's handles, on the host's ABI.
#![cfg(not(target_os = "redox"))]

#[path = "../common/mod.rs"]
mod common;

mod aborts;
mod against_model;
mod chains;
mod changes;
mod connect;
mod events;
mod lost;
mod misuse;
mod model;
mod pair;
mod setup;
mod stress;
mod talk;
