//! The file system as its askers see it: behaviour by behaviour, and against a model.

mod against_model;
mod data;
mod fs;
mod model;
mod names;
mod nodes;
mod permissions;
mod setup;
