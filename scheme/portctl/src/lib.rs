//! The tool: looks at ports and moves data through them.
//!
//! | module | job |
//! | --- | --- |
//! | `cli` | the command line, exit status |
//! | `file` | files and directories behind scheme handles, and plain ones of the system |
//! | `list`, `copy`, `figures` | the commands |

mod cli;
mod copy;
mod error;
mod figures;
pub mod file;
mod list;

pub use cli::{attempt, main};
pub use error::Error;
