//! What the C library adds to the system calls: paths through a namespace, symbolic links,
//! numbers for received descriptors, the host's numbers for flags.

pub(crate) mod fds;
pub(crate) mod flags;
pub(crate) mod namespace;
pub(crate) mod open;
pub(crate) mod process;
pub(crate) mod std_fs;
