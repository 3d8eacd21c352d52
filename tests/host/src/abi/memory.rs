//! Mapping and unmapping.

use syscall::data::Map;

use super::mux;
use crate::kernel::mmap;
use crate::rt::flags;
use crate::thread::{in_kernel, with_fd};

/// Maps a handle's window, or fresh memory for a descriptor of all ones.
#[unsafe(no_mangle)]
extern "C" fn redox_mmap_v1(
    addr: *mut (),
    len: usize,
    protection: u32,
    host_flags: u32,
    fd: usize,
    offset: u64,
) -> usize {
    let flags = flags::map_to_redox(protection, host_flags);
    let map = Map { offset: offset as usize, size: len, flags, address: addr as usize };
    mux(match fd {
        usize::MAX => in_kernel(|cx| mmap::mmap(cx, fd, &map)),
        _ => with_fd(fd, |cx| mmap::mmap(cx, fd, &map)),
    })
}

/// Unmaps.
#[unsafe(no_mangle)]
extern "C" fn redox_munmap_v1(addr: *mut (), len: usize) -> usize {
    mux(in_kernel(|cx| mmap::munmap(cx, addr as usize, len)))
}
