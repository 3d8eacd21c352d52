//! Serves any driver as a scheme.
//!
//! ```no_run
//! # fn main() -> Result<(), service::Failure> {
//! # let driver: std::sync::Arc<dyn driver::Driver> = unreachable!();
//! let service = service::Service::single("disk", driver)?;
//! service.publish()?;
//! service.run()
//! # }
//! ```
//!
//! Standard file operations on the scheme's handles, and messages sent with `SYS_CALL`, become
//! messages to the driver; the driver knows nothing of it. A driver that blocks is put behind a
//! thread of its own, and its answers go out late: the thread that reads the scheme socket never
//! waits for anything below.
//!
//! | module | job |
//! | --- | --- |
//! | `socket` | the scheme protocol: requests in, answers out; the only unsafe code here |
//! | `serve` | the loop, and who works on a request |
//! | `handle`, `mount` | what handles and names stand for |
//! | `late` | messages to drivers, answered at once or late |
//! | `worker`, `reader`, `relay`, `scope`, `abort` | who works on what; aborts, and where they come to |
//! | `limits` | how much the users of handles may have |
//! | `window` | memory that is shared with the holders of handles |
//! | `open`, `names`, `ops`, `layout`, `calls` | opens, names, standard operations and their structures, messages |
//! | `scheme` | a scheme before it has anything to serve; whether it is guarded |
//! | `beside`, `guard`, `opener` | processes beside a daemon: who answers when it has died, who opens paths for it |
//! | `port` | ports that processes make and hold |
//! | `stats`, `latency` | figures by layer: costs, times |
//! | `place` | what a host puts around drivers: panic containment, serializers, threads |
//! | `file` | the agent that makes a file or device of the system a block port |
//! | `remote`, `link` | the agent to a port of another process, as a driver; connecting again |
#![warn(clippy::disallowed_methods)]

mod abort;
mod beside;
mod calls;
mod chores;
mod file;
mod flights;
mod guard;
mod handle;
mod init;
mod late;
mod latency;
mod layout;
mod leader;
mod limits;
mod link;
mod minter;
mod mount;
mod names;
mod nodes;
mod open;
mod opener;
mod ops;
mod place;
mod port;
mod raw;
mod reader;
mod relay;
mod remote;
mod scheme;
mod scope;
mod serve;
mod service;
mod socket;
mod stats;
mod stop;
mod sync;
mod wait;
mod window;
mod worker;

pub use beside::{Beside, Fork, Job};
pub use file::KIND as FILE;
pub use guard::TAGS;
pub use init::{Failure, enter_null_namespace};
pub use latency::{LatencyReport, LatencyRow, Spread};
pub use limits::{Bound, Limits};
pub use minter::Minter;
pub use mount::Mount;
pub use opener::Opener;
pub use place::{Host, Opening, clock, now};
pub use port::RANGELOCK;
pub use remote::Remote;
pub use scheme::{IntoScheme, Scheme};
pub use service::Service;
pub use stats::{RowReport, StatsReport};
pub use stop::Stop;
pub use wait::{PARK, Park};
