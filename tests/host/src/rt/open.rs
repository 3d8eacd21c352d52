//! Opening and removing by path: the namespace hands out a scheme's root, the rest is the
//! scheme's.

use redox_path::{RedoxPath, RedoxStr};
use syscall::error::{EBADF, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, EXDEV, Error, Result};
use syscall::flag::{O_DIRECTORY, O_FCNTL_MASK, O_RDONLY, O_SYMLINK};

use super::flags::REDOX_O_CLOEXEC;
use super::namespace;
use crate::kernel::files;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;

const PATH_MAX: usize = 4096;
const MAX_LINKS: usize = 8;

/// Opens an absolute path, following symbolic links that the scheme reports with EXDEV.
///
/// ENOENT for an empty or a relative path: the host has no working directory. ENODEV for a name
/// that the namespace doesn't have, plain Linux paths included. ELOOP.
pub(crate) fn open(cx: &Cx, path: &str, flags: usize) -> Result<usize> {
    let RedoxStr::Absolute(path) = RedoxStr::new(path).ok_or(Error::new(EINVAL))? else {
        return Err(Error::new(ENOENT));
    };
    follow(cx, path, flags)
}

fn follow(cx: &Cx, mut path: RedoxPath<'_>, flags: usize) -> Result<usize> {
    for _ in 0..=MAX_LINKS {
        match open_once(cx, &path, flags) {
            Err(error) if error.errno == EXDEV => {
                let target = read_link(cx, &path)?;
                path = path.dirname().canonicalize_as_cwd(target);
            }
            done => return done,
        }
    }
    Err(Error::new(ELOOP))
}

/// One try: the namespace, then the scheme.
fn open_once(cx: &Cx, path: &RedoxPath<'_>, flags: usize) -> Result<usize> {
    let fcntl_flags = (flags & O_FCNTL_MASK) as u32;
    through_root(cx, path, |root, reference| {
        files::openat(cx, root, reference.as_bytes(), flags, fcntl_flags)
    })
}

/// Does something with the root of a path's scheme, and closes the root again.
fn through_root<T>(
    cx: &Cx,
    path: &RedoxPath<'_>,
    work: impl FnOnce(usize, &str) -> Result<T>,
) -> Result<T> {
    let (_, reference) = path.as_parts().ok_or(Error::new(EINVAL))?;
    let namespace = namespace::current(cx)?;
    let whole = path.to_string();
    let flags = O_DIRECTORY | REDOX_O_CLOEXEC;
    let root = files::openat(cx, namespace, whole.as_bytes(), flags, 0)?;
    let done = work(root, reference.as_ref());
    // As in the C library: the guard's close has nobody to report to.
    let _ = files::close(cx, root);
    done
}

fn read_link<'a>(cx: &Cx, path: &RedoxPath<'_>) -> Result<RedoxStr<'a>> {
    let fd = open_once(cx, path, REDOX_O_CLOEXEC | O_SYMLINK | O_RDONLY)?;
    let mut target = vec![0; PATH_MAX + 1];
    let read = files::read(cx, fd, Buffer::from_slice_mut(&mut target));
    // The link has been read or not, whatever closing says.
    let _ = files::close(cx, fd);
    let count = read?;
    if count >= target.len() {
        return Err(Error::new(ENAMETOOLONG));
    }
    target.truncate(count);
    let target = String::from_utf8(target).map_err(|_| Error::new(ENOENT))?;
    RedoxStr::new(target).ok_or(Error::new(EBADF))
}

/// Removes a name. EINVAL for a path that is not absolute.
pub(crate) fn unlink(cx: &Cx, path: &str, flags: usize) -> Result<usize> {
    let path = RedoxPath::from_absolute(path).ok_or(Error::new(EINVAL))?;
    through_root(cx, &path, |root, reference| {
        files::unlinkat(cx, root, reference.as_bytes(), flags)
    })
}
