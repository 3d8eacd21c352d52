//! What the tests of ports share.

use crate::common::World;
pub(crate) use crate::talk::{ends, message, numbered, patient, replies, reply};

/// A daemon with a driver of the configuration's, beside which ports are made.
pub(crate) fn world() -> World {
    World::serving("[[driver]]\nname = \"null\"\nkind = \"null\"")
}

/// A name that user 7 may make.
pub(crate) const NAME: &str = "/scheme/port/user/7/port";
