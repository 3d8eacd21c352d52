//! Flags: programs on the host use Linux's numbers, schemes are told Redox's.

use syscall::flag as redox;

pub(crate) use crate::kernel::files::O_CLOEXEC as REDOX_O_CLOEXEC;

/// Bits of Redox that mean nothing on Linux and pass as they are.
const REDOX_ONLY: usize = redox::O_STAT | redox::O_SYMLINK;

/// Flags that have a number on both sides; access modes are apart.
const PAIRS: [(i32, usize); 9] = [
    (libc::O_NONBLOCK, redox::O_NONBLOCK),
    (libc::O_APPEND, redox::O_APPEND),
    (libc::O_ASYNC, redox::O_ASYNC),
    (libc::O_SYNC, redox::O_FSYNC),
    (libc::O_CLOEXEC, REDOX_O_CLOEXEC),
    (libc::O_CREAT, redox::O_CREAT),
    (libc::O_TRUNC, redox::O_TRUNC),
    (libc::O_EXCL, redox::O_EXCL),
    (libc::O_NOFOLLOW, redox::O_NOFOLLOW),
];

/// Redox's numbers for open flags in Linux's.
pub(crate) fn open_to_redox(host: usize) -> usize {
    let mut flags = status_to_redox(host) | access(host);
    if host & libc::O_DIRECTORY as usize != 0 {
        flags |= redox::O_DIRECTORY;
    }
    flags
}

fn access(host: usize) -> usize {
    let path_only = host & (libc::O_PATH as usize | redox::O_STAT) != 0;
    match host as i32 & libc::O_ACCMODE {
        libc::O_WRONLY => redox::O_WRONLY,
        libc::O_RDWR => redox::O_RDWR,
        _ if path_only => 0,
        _ => redox::O_RDONLY,
    }
}

/// Redox's numbers for flags in Linux's, without an access mode: for `F_SETFL`, and for the
/// second flags of `openat`.
pub(crate) fn status_to_redox(host: usize) -> usize {
    let mut flags = host & REDOX_ONLY;
    for (linux, redox) in PAIRS {
        if host & linux as usize == linux as usize {
            flags |= redox;
        }
    }
    if host & libc::O_PATH as usize != 0 {
        flags |= redox::O_STAT;
    }
    flags
}

/// Redox's number for the flags of a descriptor, whichever of the host's stands for
/// close-on-exec.
pub(crate) fn descriptor_to_redox(host: usize) -> usize {
    let cloexec = libc::FD_CLOEXEC as usize | libc::O_CLOEXEC as usize | REDOX_O_CLOEXEC;
    if host & cloexec != 0 { REDOX_O_CLOEXEC } else { 0 }
}

/// The host's number for the flags of a descriptor.
pub(crate) fn descriptor_to_host(flags: usize) -> usize {
    if flags & REDOX_O_CLOEXEC != 0 { libc::FD_CLOEXEC as usize } else { 0 }
}

/// Linux's numbers for a description's flags.
pub(crate) fn to_host(flags: usize) -> usize {
    let mut host = match flags & redox::O_ACCMODE {
        redox::O_WRONLY => libc::O_WRONLY,
        redox::O_RDWR => libc::O_RDWR,
        _ => libc::O_RDONLY,
    };
    for (linux, redox) in PAIRS {
        if flags & redox != 0 {
            host |= linux;
        }
    }
    if flags & redox::O_DIRECTORY != 0 {
        host |= libc::O_DIRECTORY;
    }
    host as usize | flags & REDOX_ONLY
}

/// Redox's numbers for the protection and flags of mmap.
pub(crate) fn map_to_redox(protection: u32, flags: u32) -> redox::MapFlags {
    use redox::MapFlags;
    let pairs = [
        (protection, libc::PROT_READ, MapFlags::PROT_READ),
        (protection, libc::PROT_WRITE, MapFlags::PROT_WRITE),
        (protection, libc::PROT_EXEC, MapFlags::PROT_EXEC),
        (flags, libc::MAP_SHARED, MapFlags::MAP_SHARED),
        (flags, libc::MAP_PRIVATE, MapFlags::MAP_PRIVATE),
        (flags, libc::MAP_FIXED, MapFlags::MAP_FIXED),
    ];
    let set = pairs.iter().filter(|(given, host, _)| given & *host as u32 != 0);
    set.fold(MapFlags::empty(), |sum, (_, _, ours)| sum | *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_zero_on_linux_and_a_bit_on_redox() {
        assert_eq!(open_to_redox(libc::O_RDONLY as usize), redox::O_RDONLY);
        assert_eq!(to_host(redox::O_RDONLY), libc::O_RDONLY as usize);
    }

    #[test]
    fn flags_survive_the_way_there_and_back() {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_NONBLOCK | libc::O_DIRECTORY;
        assert_eq!(to_host(open_to_redox(flags as usize)), flags as usize);
    }

    #[test]
    fn a_path_only_open_has_no_access_mode() {
        let flags = open_to_redox((libc::O_PATH | libc::O_CLOEXEC) as usize);
        assert_eq!(flags, redox::O_STAT | REDOX_O_CLOEXEC);
    }
}
