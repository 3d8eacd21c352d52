//! The tool: looks at ports and moves data through them.
//!
//! | module | job |
//! | --- | --- |
//! | `cli` | the command line, exit status |
//! | `file` | files and directories behind scheme handles, and plain ones of the system |
//! | `list`, `copy`, `figures`, `mkpart`, `mkfs` | the commands |
//! | `disk`, `staged`, `wanted` | disks, writes that are kept back, partitions as they are asked for |

mod cli;
mod copy;
mod disk;
mod error;
mod figures;
pub mod file;
mod list;
mod mkfs;
mod mkpart;
mod staged;
mod wanted;

pub use cli::{attempt, main};
pub use error::Error;
