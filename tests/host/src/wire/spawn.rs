//! A process has started a program: the kernel is told before anything else happens, so that the
//! program has what its parent had open at that moment.

use std::sync::LazyLock;

use libc::{RTLD_NEXT, c_char, c_int, dlsym, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t};

use super::client::tell_spawned;

type Spawn = unsafe extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const posix_spawn_file_actions_t,
    *const posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

/// The C library's own.
static NEXT: LazyLock<Option<Spawn>> = LazyLock::new(|| {
    // SAFETY: the name is a string that ends.
    let found = unsafe { dlsym(RTLD_NEXT, c"posix_spawnp".as_ptr()) };
    // SAFETY: the function of that name has this type; null is none.
    unsafe { std::mem::transmute::<*mut libc::c_void, Option<Spawn>>(found) }
});

/// Stands before the C library's function of this name, which the standard library calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_spawnp(
    pid: *mut pid_t,
    file: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    args: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    let Some(next) = *NEXT else { return libc::ENOSYS };
    let mut child = 0;
    // SAFETY: all is passed on as it came, but for a place of this function's own.
    let done = unsafe { next(&mut child, file, actions, attributes, args, environment) };
    if done == 0 {
        tell_spawned(child as u32);
        if !pid.is_null() {
            // SAFETY: the caller passes a valid place, or none.
            unsafe { pid.write(child) };
        }
    }
    done
}
