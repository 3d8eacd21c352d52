//! What only a raw system call does. On a host that would be one of the host's own, so this is
//! the one module that makes any, and on Redox alone.

/// Takes a name out of a namespace whose owner has died and left it there. Where the name is
/// nobody's, or its owner lives, nothing happens; an owner that lives is asked, and waited for.
#[cfg(target_os = "redox")]
pub(crate) fn take_over(namespace: usize, name: &str) {
    let path = format!("/scheme/{name}");
    let open = libredox::Fd::open(&path, libredox::flag::O_CLOEXEC, 0);
    // The latter while its guard still answers for it.
    let dead = [libredox::errno::ENODEV, libredox::errno::ESRCH];
    if open.is_err_and(|error| dead.contains(&error.errno())) {
        // Where it can't be taken out, the registration that follows says so.
        #[allow(clippy::disallowed_methods, reason = "no library function does it")]
        let _ = syscall::unlinkat(namespace, path, 0);
    }
}

/// A name stays with the dead.
#[cfg(not(target_os = "redox"))]
pub(crate) fn take_over(_: usize, _: &str) {}
