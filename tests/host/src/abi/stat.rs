//! The operations that are standard file calls, with the host's records.

use syscall::data::{Stat, StatVfs, TimeSpec};
use syscall::error::{EFAULT, EINVAL, Error, Result};

use super::mux;
use crate::kernel::memory::{Access, Buffer};
use crate::sys;
use crate::thread::enter;
use crate::trap::Trap;

/// The host's record for Redox's.
pub(crate) fn stat_to_host(stat: &Stat) -> libc::stat {
    // SAFETY: all zeros is a valid `stat`.
    let mut host: libc::stat = unsafe { std::mem::zeroed() };
    host.st_dev = stat.st_dev;
    host.st_ino = stat.st_ino;
    host.st_mode = stat.st_mode.into();
    host.st_nlink = stat.st_nlink.into();
    host.st_uid = stat.st_uid;
    host.st_gid = stat.st_gid;
    host.st_size = stat.st_size as i64;
    host.st_blksize = stat.st_blksize.into();
    host.st_blocks = stat.st_blocks as i64;
    host.st_atime = stat.st_atime as i64;
    host.st_atime_nsec = stat.st_atime_nsec.into();
    host.st_mtime = stat.st_mtime as i64;
    host.st_mtime_nsec = stat.st_mtime_nsec.into();
    host.st_ctime = stat.st_ctime as i64;
    host.st_ctime_nsec = stat.st_ctime_nsec.into();
    host
}

fn statvfs_to_host(stat: &StatVfs) -> libc::statvfs {
    // SAFETY: all zeros is a valid `statvfs`.
    let mut host: libc::statvfs = unsafe { std::mem::zeroed() };
    host.f_bsize = stat.f_bsize.into();
    host.f_frsize = stat.f_bsize.into();
    host.f_blocks = stat.f_blocks;
    host.f_bfree = stat.f_bfree;
    host.f_bavail = stat.f_bavail;
    host
}

/// Now and "leave as it is" are the same numbers on both sides.
fn time_to_redox(time: &libc::timespec) -> TimeSpec {
    TimeSpec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec as i32 }
}

fn bare(fd: usize, trap: Trap) -> usize {
    mux(enter(Some(fd), trap, Buffer::nothing()))
}

/// Writes a record for the caller. EFAULT for a null pointer.
///
/// # Safety
/// A pointer that is not null is valid for a write.
unsafe fn put<T>(to: *mut T, record: T) -> Result<usize> {
    if to.is_null() {
        return Err(Error::new(EFAULT));
    }
    // SAFETY: promised by the caller.
    unsafe { to.write(record) };
    Ok(0)
}

/// Changes the mode.
#[unsafe(no_mangle)]
extern "C" fn redox_fchmod_v1(fd: usize, mode: u16) -> usize {
    bare(fd, Trap::Fchmod { fd, mode })
}

/// Syncs an object.
#[unsafe(no_mangle)]
extern "C" fn redox_fsync_v1(fd: usize) -> usize {
    bare(fd, Trap::Fsync { fd })
}

/// Syncs an object; the same as `redox_fsync_v1`.
#[unsafe(no_mangle)]
extern "C" fn redox_fdatasync_v1(fd: usize) -> usize {
    bare(fd, Trap::Fsync { fd })
}

/// Changes the length.
#[unsafe(no_mangle)]
extern "C" fn redox_ftruncate_v0(fd: usize, len: usize) -> usize {
    bare(fd, Trap::Ftruncate { fd, len })
}

/// What an object is.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_fstat_v1(fd: usize, to: *mut libc::stat) -> usize {
    mux(sys::fstat(fd).and_then(|stat| {
        // SAFETY: the caller passes a valid place for the record.
        unsafe { put(to, stat_to_host(&stat)) }
    }))
}

/// What a file system is.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_fstatvfs_v1(fd: usize, to: *mut libc::statvfs) -> usize {
    let mut stat = StatVfs::default();
    let record = Buffer::from_slice_mut(&mut stat);
    mux(enter(Some(fd), Trap::Fstatvfs { fd }, record).and_then(|_| {
        // SAFETY: the caller passes a valid place for the record.
        unsafe { put(to, statvfs_to_host(&stat)) }
    }))
}

/// Changes access and modification time; now, for a null pointer.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_futimens_v1(fd: usize, times: *const libc::timespec) -> usize {
    let now = TimeSpec { tv_sec: 0, tv_nsec: libc::UTIME_NOW as i32 };
    let mut ours = [now; 2];
    if !times.is_null() {
        // SAFETY: the caller passes two valid records.
        let theirs = unsafe { &*times.cast::<[libc::timespec; 2]>() };
        ours = [time_to_redox(&theirs[0]), time_to_redox(&theirs[1])];
    }
    let mut bytes: Vec<u8> = ours.iter().flat_map(|time| time.to_vec()).collect();
    mux(enter(Some(fd), Trap::Futimens { fd }, Buffer::from_slice_both(&mut bytes)))
}

/// Entries of a directory.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_getdents_v0(fd: usize, base: *mut u8, len: usize, from: u64) -> usize {
    // SAFETY: the caller passes a buffer of its own.
    let buffer = unsafe { Buffer::new(base as usize, len, Access::Both) };
    mux(buffer.and_then(|buffer| enter(Some(fd), Trap::Getdents { fd, from }, buffer)))
}

/// A call on two descriptors, which this season's kernel refuses: EINVAL.
#[unsafe(no_mangle)]
extern "C" fn redox_relpathat_v0(_dir: usize, _fd: usize, _base: *mut u8, _len: usize) -> usize {
    mux(Err(Error::new(EINVAL)))
}
