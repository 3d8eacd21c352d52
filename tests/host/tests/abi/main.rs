//! The ABI, as one program sees it: with the kernel in it, and with the kernel in another.

mod calls;
mod common;
mod events;
#[path = "../kernel/mod.rs"]
mod kernel;
mod lifecycle;
mod modes;
mod passing;
mod paths;
mod processes;
mod requests;
mod stress;
