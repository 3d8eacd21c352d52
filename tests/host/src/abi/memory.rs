//! Mapping and unmapping.

use syscall::data::Map;

use super::mux;
use crate::rt::flags;
use crate::thread;

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
    mux(thread::map(fd, &map))
}

/// Unmaps.
#[unsafe(no_mangle)]
extern "C" fn redox_munmap_v1(addr: *mut (), len: usize) -> usize {
    mux(thread::unmap(addr as usize, len))
}
