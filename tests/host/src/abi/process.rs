//! Processes, credentials, namespaces, clocks, and what has no meaning here.

use syscall::error::{EBADF, EFAULT, EINVAL, ENOENT, ENOSYS, Error, Result};

use super::{bytes, bytes_mut, mux, path};
use crate::kernel::memory::{Access, Buffer};
use crate::kernel::time;
use crate::rt::namespace;
use crate::thread::{Identity, current, enter};
use crate::trap::Trap;

const NO_SUCH_CALL: Result<usize> = Err(Error::new(ENOSYS));

fn about(tell: impl FnOnce(Identity) -> u32) -> usize {
    mux(current().and_then(|party| party.identity()).map(|identity| tell(identity) as usize))
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
    mux(enter(None, Trap::Namespace, Buffer::nothing()))
}

/// Moves to another namespace; gives the old one's descriptor, or all ones.
#[unsafe(no_mangle)]
extern "C" fn redox_setns_v0(fd: usize) -> usize {
    mux(enter(Some(fd), Trap::SetNamespace { fd }, Buffer::nothing()))
}

/// Zero: leaves all names but `memory` and `pipe` behind. Else a namespace's descriptor to move
/// to.
#[unsafe(no_mangle)]
extern "C" fn redox_setrens_v1(_rns: usize, ens: usize) -> usize {
    let trap = match ens {
        0 => Trap::NullNamespace,
        fd => Trap::EnterNamespace { fd },
    };
    mux(enter(None, trap, Buffer::nothing()))
}

/// Makes a namespace of some of the current one's names.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_mkns_v1(names: *const libc::iovec, count: usize, flags: u32) -> usize {
    if flags != 0 {
        return mux(Err(Error::new(EINVAL)));
    }
    // SAFETY: the caller passes valid records about valid bytes.
    let names = unsafe { name_list(names, count) };
    let packed = names.map(|names| namespace::pack(&names));
    mux(packed.and_then(|names| enter(None, Trap::ForkNamespace, Buffer::from_slice(&names))))
}

/// # Safety
/// There are `count` records at `names`, about valid bytes.
unsafe fn name_list<'a>(names: *const libc::iovec, count: usize) -> Result<Vec<&'a [u8]>> {
    let names = match count {
        0 => &[][..],
        _ if names.is_null() => return Err(Error::new(EFAULT)),
        // SAFETY: promised by the caller.
        _ => unsafe { std::slice::from_raw_parts(names, count) },
    };
    // SAFETY: promised by the caller.
    names.iter().map(|name| unsafe { bytes(name.iov_base.cast(), name.iov_len) }).collect()
}

/// Registers a scheme under a name.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_register_scheme_to_ns_v0(
    ns: usize,
    base: *const u8,
    len: usize,
    root: usize,
) -> usize {
    let trap = Trap::Register { namespace: ns, root };
    // SAFETY: the caller passes a valid string.
    let name = unsafe { path(base, len) };
    mux(name.and_then(|name| enter(Some(ns), trap, Buffer::from_slice(name.as_bytes()))))
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
    // SAFETY: the caller passes a buffer of its own.
    let to = unsafe { Buffer::new(base as usize, len, Access::Write) };
    mux(to.and_then(|to| enter(Some(cap_fd), Trap::Credentials { cap: cap_fd, pid }, to)))
}

/// Sends a signal. One that is in this program's kernel is ended by signals 9 and 15, and others
/// interrupt its sleeping threads. ESRCH, EPERM.
#[unsafe(no_mangle)]
extern "C" fn redox_kill_v1(pid: usize, signal: u32) -> usize {
    mux(enter(None, Trap::Kill { pid, signal: signal as i32 }, Buffer::nothing()))
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
