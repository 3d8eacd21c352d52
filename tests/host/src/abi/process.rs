//! Processes, credentials, namespaces, clocks, and what has no meaning here.

use syscall::error::{EBADF, EFAULT, EINVAL, ENOENT, ENOSYS, EPERM, ESRCH, Error, Result};

use super::{bytes, bytes_mut, mux, path};
use crate::kernel::process::Task;
use crate::kernel::{files, time};
use crate::rt::namespace;
use crate::thread::{current, in_kernel, with_fd};

const NO_SUCH_CALL: Result<usize> = Err(Error::new(ENOSYS));

fn about(tell: impl FnOnce(&Task) -> u32) -> usize {
    mux(current().map(|task| tell(&task) as usize))
}

/// The process id.
#[unsafe(no_mangle)]
extern "C" fn redox_get_pid_v1() -> usize {
    about(|task| task.pid)
}

/// The effective user.
#[unsafe(no_mangle)]
extern "C" fn redox_get_euid_v1() -> usize {
    about(|task| task.uid)
}

/// The real user, who is the effective one.
#[unsafe(no_mangle)]
extern "C" fn redox_get_ruid_v1() -> usize {
    about(|task| task.uid)
}

/// The effective group.
#[unsafe(no_mangle)]
extern "C" fn redox_get_egid_v1() -> usize {
    about(|task| task.gid)
}

/// The real group, which is the effective one.
#[unsafe(no_mangle)]
extern "C" fn redox_get_rgid_v1() -> usize {
    about(|task| task.gid)
}

/// The number that namespaces had once.
#[unsafe(no_mangle)]
extern "C" fn redox_get_ens_v0() -> usize {
    0
}

/// The namespace's descriptor.
#[unsafe(no_mangle)]
extern "C" fn redox_get_ns_v0() -> usize {
    mux(in_kernel(namespace::current))
}

/// Moves to another namespace; gives the old one's descriptor, or all ones.
#[unsafe(no_mangle)]
extern "C" fn redox_setns_v0(fd: usize) -> usize {
    mux(with_fd(fd, |cx| Ok(namespace::enter(cx, fd)?.unwrap_or(usize::MAX))))
}

/// Zero: leaves all names but `memory` and `pipe` behind. Else a namespace's descriptor to move
/// to.
#[unsafe(no_mangle)]
extern "C" fn redox_setrens_v1(_rns: usize, ens: usize) -> usize {
    mux(in_kernel(|cx| {
        if ens == 0 {
            return namespace::enter_null(cx).map(|()| 0);
        }
        if let Some(old) = namespace::enter(cx, ens)? {
            files::close(cx, old)?;
        }
        Ok(0)
    }))
}

/// Makes a namespace of some of the current one's names.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_mkns_v1(names: *const libc::iovec, count: usize, flags: u32) -> usize {
    mux(in_kernel(|cx| {
        if flags != 0 {
            return Err(Error::new(EINVAL));
        }
        let names = match count {
            0 => &[][..],
            _ if names.is_null() => return Err(Error::new(EFAULT)),
            // SAFETY: the caller passes valid records.
            _ => unsafe { std::slice::from_raw_parts(names, count) },
        };
        // SAFETY: the records are about valid bytes.
        let name = |name: &libc::iovec| unsafe { bytes(name.iov_base.cast(), name.iov_len) };
        let names: Vec<&[u8]> = names.iter().map(name).collect::<Result<_>>()?;
        namespace::fork(cx, &names)
    }))
}

/// Registers a scheme under a name.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_register_scheme_to_ns_v0(
    ns: usize,
    base: *const u8,
    len: usize,
    root: usize,
) -> usize {
    mux(with_fd(ns, |cx| {
        // SAFETY: the caller passes a valid string.
        let name = unsafe { path(base, len) }?;
        namespace::register(cx, ns, name, root).map(|()| 0)
    }))
}

/// The credentials of any process, for root. The descriptor has to be open; which one is not
/// looked at. EPERM, EINVAL for a short buffer, ESRCH.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_get_proc_credentials_v1(
    cap_fd: usize,
    pid: usize,
    base: *mut u8,
    len: usize,
) -> usize {
    mux(with_fd(cap_fd, |cx| {
        files::check(cx, cap_fd)?;
        if cx.task.uid != 0 {
            return Err(Error::new(EPERM));
        }
        // SAFETY: the caller passes a buffer of its own.
        let to = unsafe { bytes_mut(base, len) }?;
        let record = credentials(pid)?;
        let to = to.first_chunk_mut().ok_or(Error::new(EINVAL))?;
        *to = record;
        Ok(record.len())
    }))
}

/// Process, group and parent; real, effective and saved user and group; two old namespaces.
fn credentials(pid: usize) -> Result<[u8; 44]> {
    let pid = u32::try_from(pid).map_err(|_| Error::new(ESRCH))?;
    let task = crate::kernel::task(pid).filter(|task| !task.is_dead());
    let task = task.ok_or(Error::new(ESRCH))?;
    let Task { uid, gid, .. } = *task;
    let words = [pid, pid, crate::kernel::INIT, uid, uid, uid, gid, gid, gid, 0, 0];
    let mut record = [0; 44];
    for (to, word) in record.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_ne_bytes();
    }
    Ok(record)
}

/// Ends a process for signals 9 and 15, interrupts its sleeping threads for others. ESRCH, EPERM.
#[unsafe(no_mangle)]
extern "C" fn redox_kill_v1(pid: usize, signal: u32) -> usize {
    mux(kill(pid, signal as i32).map(|()| 0))
}

fn kill(pid: usize, signal: i32) -> Result<()> {
    let me = current()?;
    let pid = u32::try_from(pid).map_err(|_| Error::new(ESRCH))?;
    let target = crate::kernel::task(pid).filter(|task| !task.is_dead());
    let target = target.ok_or(Error::new(ESRCH))?;
    if me.uid != 0 && me.uid != target.uid {
        return Err(Error::new(EPERM));
    }
    match signal {
        0 => {}
        libc::SIGKILL | libc::SIGTERM => target.kill(),
        _ => drop(target.interrupt()),
    }
    Ok(())
}

/// The time, by one of the host's clocks. EINVAL for a clock that Redox doesn't have.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_clock_gettime_v1(clock: usize, to: *mut libc::timespec) -> usize {
    mux(match clock as libc::clockid_t {
        _ if to.is_null() => Err(Error::new(EFAULT)),
        clock @ (libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC) => {
            // SAFETY: the caller passes a valid place for the time.
            unsafe { to.write(time::now(clock)) };
            Ok(0)
        }
        _ => Err(Error::new(EINVAL)),
    })
}

/// The text for an errno, as much as fits; the whole length goes to `len`. EINVAL for a number
/// without a text.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_strerror_v1(base: *mut u8, len: *mut usize, errno: u32) -> usize {
    let text = syscall::error::STR_ERROR.get(errno as usize);
    let Some(text) = text else { return mux(Err(Error::new(EINVAL))) };
    if len.is_null() {
        return mux(Err(Error::new(EFAULT)));
    }
    // SAFETY: the caller passes a buffer of its own and its length.
    mux(unsafe { bytes_mut(base, *len) }.map(|to| {
        let count = text.floor_char_boundary(to.len().min(text.len()));
        to[..count].copy_from_slice(&text.as_bytes()[..count]);
        // SAFETY: `len` is not null and the caller's.
        unsafe { len.write(text.len()) };
        count
    }))
}

/// Not here: the host's processes have no children.
#[unsafe(no_mangle)]
extern "C" fn redox_waitpid_v1(_pid: usize, _status: *mut i32, _options: u32) -> usize {
    mux(NO_SUCH_CALL)
}

/// Not here: the host has no handlers for signals.
#[unsafe(no_mangle)]
extern "C" fn redox_sigprocmask_v1(_how: u32, _new: *const u64, _old: *mut u64) -> usize {
    mux(NO_SUCH_CALL)
}

/// Not here: the host has no handlers for signals.
#[unsafe(no_mangle)]
extern "C" fn redox_sigaction_v1(
    _signal: u32,
    _new: *const libc::sigaction,
    _old: *mut libc::sigaction,
) -> usize {
    mux(NO_SUCH_CALL)
}

/// Not here.
#[unsafe(no_mangle)]
extern "C" fn redox_numa_set_mem_policy_v0(_policy: *const u8, _len: usize) -> usize {
    mux(NO_SUCH_CALL)
}

/// Not here.
#[unsafe(no_mangle)]
extern "C" fn redox_numa_get_mem_policy_v0(_policy: *mut u8, _len: usize) -> usize {
    mux(NO_SUCH_CALL)
}

/// Not here: there is no descriptor for a process.
#[unsafe(no_mangle)]
extern "C" fn redox_cur_procfd_v0() -> usize {
    mux(Err(Error::new(EBADF)))
}

/// Not here: there is no descriptor for a thread.
#[unsafe(no_mangle)]
extern "C" fn redox_cur_thrfd_v0() -> usize {
    mux(Err(Error::new(ENOENT)))
}
