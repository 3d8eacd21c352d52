//! How a message ended: a count or an errno, in one register.

use core::fmt;

/// An error number, as Redox (and Linux) number them.
///
/// Codes that this crate has no name for stay representable, so that what a peer answers is
/// passed on as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(pub u16);

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl Errno {
            $($(#[$doc])* #[doc = concat!($text, ".")] pub const $name: Errno = Errno($code);)*

            /// What the code means, in a few words; "unknown error" for a code without a name.
            pub const fn text(self) -> &'static str {
                match self.0 { $($code => $text,)* _ => "unknown error" }
            }

            /// The symbol of the code, such as `ENOENT`; `None` for a code without a name.
            pub const fn symbol(self) -> Option<&'static str> {
                match self.0 { $($code => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

errnos! {
    EPERM = 1, "operation not permitted";
    ENOENT = 2, "no such file or directory";
    ESRCH = 3, "no such process";
    EINTR = 4, "interrupted";
    EIO = 5, "input or output error";
    ENXIO = 6, "no such device or address";
    EBADF = 9, "not a handle for this operation";
    EAGAIN = 11, "try again";
    ENOMEM = 12, "out of memory";
    EACCES = 13, "permission denied";
    EFAULT = 14, "bad address";
    EBUSY = 16, "busy";
    EEXIST = 17, "exists already";
    EXDEV = 18, "leads to another file system";
    ENODEV = 19, "no such device";
    ENOTDIR = 20, "not a directory";
    EISDIR = 21, "is a directory";
    EINVAL = 22, "invalid argument";
    EMFILE = 24, "too many open handles";
    ENOTTY = 25, "not for this kind of device";
    EFBIG = 27, "too large for this device";
    ENOSPC = 28, "no space left";
    ESPIPE = 29, "can't seek";
    EROFS = 30, "read-only";
    EMLINK = 31, "too many links";
    EPIPE = 32, "the other end is closed";
    ERANGE = 34, "result too large";
    EDEADLK = 35, "the caller's own chain holds the port";
    ENAMETOOLONG = 36, "name too long";
    ENOLCK = 37, "no more locks";
    ENOSYS = 38, "no such operation";
    ENOTEMPTY = 39, "directory not empty";
    ELOOP = 40, "too many links or layers";
    EPROTO = 71, "malformed message";
    EOVERFLOW = 75, "value too large";
    EOPNOTSUPP = 95, "operation not supported";
    EMSGSIZE = 90, "message too large";
    ECONNRESET = 104, "the other side is gone";
    ETIMEDOUT = 110, "timed out";
    ESTALE = 116, "no longer the same object";
    EDQUOT = 122, "over the quota";
    ECANCELED = 125, "cancelled";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.symbol() {
            Some(symbol) => write!(f, "{} ({symbol})", self.text()),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.symbol() {
            Some(symbol) => f.write_str(symbol),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl core::error::Error for Errno {}

/// How a message ended, in one register: a count (bytes, or what the operation says), or an
/// [`Errno`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(usize);

/// Raw values above this are errnos, as in a system call's result.
const LAST_COUNT: usize = usize::MAX - 4096;

impl Status {
    /// Done, nothing to count.
    pub const OK: Status = Status(0);

    /// Done, with a count. A count that would read as an errno becomes `EOVERFLOW`.
    #[inline]
    pub const fn ok(count: usize) -> Status {
        if count > LAST_COUNT { Status::error(Errno::EOVERFLOW) } else { Status(count) }
    }

    /// Failed. Codes above 4,095 can't be told from counts and become `EIO`.
    #[inline]
    pub const fn error(errno: Errno) -> Status {
        if errno.0 == 0 || errno.0 > 4095 {
            return Status(usize::MAX - Errno::EIO.0 as usize + 1);
        }
        Status(usize::MAX - errno.0 as usize + 1)
    }

    /// The count, or the errno.
    #[inline]
    pub const fn result(self) -> Result<usize, Errno> {
        if self.0 > LAST_COUNT { Err(Errno((usize::MAX - self.0 + 1) as u16)) } else { Ok(self.0) }
    }

    /// True where there is a count.
    #[inline]
    pub const fn is_ok(self) -> bool {
        self.0 <= LAST_COUNT
    }
}

impl From<Result<usize, Errno>> for Status {
    #[inline]
    fn from(result: Result<usize, Errno>) -> Status {
        match result {
            Ok(count) => Status::ok(count),
            Err(errno) => Status::error(errno),
        }
    }
}

impl From<Errno> for Status {
    #[inline]
    fn from(errno: Errno) -> Status {
        Status::error(errno)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.result().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_errnos_come_back_as_they_went_in() {
        assert_eq!(Status::ok(4096).result(), Ok(4096));
        assert_eq!(Status::error(Errno::ENOENT).result(), Err(Errno::ENOENT));
        assert_eq!(Status::error(Errno(1234)).result(), Err(Errno(1234)));
    }

    #[test]
    fn a_count_that_reads_as_an_errno_is_refused() {
        assert_eq!(Status::ok(usize::MAX).result(), Err(Errno::EOVERFLOW));
        assert_eq!(Status::error(Errno(0)).result(), Err(Errno::EIO));
    }
}
