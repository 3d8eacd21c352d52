//! What the tests of windows share.

use agent::{Call, Counts, Data, Lent, Port, SchemeAgent, Status, window_at};
use driver::{Body, Cred, Node, Op};
use libredox::{
    Fd,
    call::{self, MmapArgs},
    flag::*,
};
use service::PARK;

use crate::common::{errno, open};

pub(crate) const ALL: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777
size = "4 MiB"

[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"
"#;

pub(crate) const ROOT: Node = Node::ROOT;
pub(crate) const PAGE: usize = 4096;
pub(crate) const MIB: usize = 1 << 20;

pub(crate) type Agent = SchemeAgent<Body>;

pub(crate) fn agent(path: &str) -> Agent {
    Agent::connect(&format!("/scheme/port/{path}")).unwrap()
}

pub(crate) fn call(
    port: &dyn Port<Body>,
    op: Op,
    data: Data<'_>,
    name: &str,
) -> (Status, Body, Counts) {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data).name(name.as_bytes());
    let status = call.run(port, &PARK);
    let counts = call.counts();
    (status, call.into_body(), counts)
}

pub(crate) fn bytes_of(lent: &Lent, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    lent.copy_out(0, &mut bytes).unwrap();
    bytes
}

pub(crate) fn window(fd: &Fd, number: u16, at: usize, length: usize) -> MmapArgs {
    let (addr, prot) = (std::ptr::null_mut(), PROT_READ | PROT_WRITE);
    let offset = window_at(number) + at as u64;
    MmapArgs { addr, length, prot, flags: MAP_SHARED, fd: fd.raw(), offset }
}

/// Maps a window by hand; where it is.
pub(crate) fn map(args: MmapArgs) -> Result<usize, i32> {
    // SAFETY: at no particular place.
    errno(unsafe { call::mmap(args) }).map(|base| base as usize)
}

pub(crate) fn disk() -> Fd {
    open("/scheme/port/disk", O_RDWR, 0).unwrap()
}
