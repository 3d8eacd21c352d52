//! Windows: memory that the service shares with the holder of a handle.
//!
//! A window is made when it is first mapped, belongs to the handle, and lives as long as that:
//! the kernel reports the end of a handle only once nothing of it is mapped any more. Messages
//! that refer to it keep it too. The other side can change what is in it at any time.

use std::sync::{Arc, OnceLock};

use agent::{Access, Errno, Lent, MAX_WINDOW, MAX_WINDOWS, Words};
use syscall::flag::MapFlags;

use crate::{
    handle::Handle,
    limits::Charge,
    serve::{Core, ROOT},
    socket::Ask,
};

/// Bytes of a page.
const PAGE: u64 = 4096;

/// A handle's windows, by number. Most have none.
#[derive(Default)]
pub(crate) struct Windows(OnceLock<Box<[OnceLock<Window>; MAX_WINDOWS as usize]>>);

/// A window.
struct Window {
    memory: Arc<Lent>,
    _charge: Charge,
}

impl Windows {
    /// A part of a window, for a message. `EFAULT` where no window of this number has been mapped,
    /// or it has no such part.
    pub(crate) fn part(&self, words: &Words, access: Access) -> Result<Lent, Errno> {
        let window = self.window(words.window).ok_or(Errno::EFAULT)?;
        Lent::part(&window.memory, words.object as usize, words.len as usize, access)
    }

    fn window(&self, number: u16) -> Option<&Window> {
        let place = usize::from(number).checked_sub(1)?;
        self.0.get()?.get(place)?.get()
    }
}

/// What is to be mapped.
struct Wanted {
    number: u16,
    at: usize,
    len: usize,
}

impl Wanted {
    /// From what `mmap` was called with. `EOPNOTSUPP` below the first window: a file's contents
    /// are not mapped. `EMFILE` for a number that is too high, `EFBIG` for a window that is too
    /// large, `EINVAL` for a mapping that is not shared, or is to be executed.
    fn new(ask: &Ask) -> Result<Wanted, Errno> {
        let (size, flags, offset) = (ask.arg(1), ask.arg(2), ask.arg(3));
        let flags = MapFlags::from_bits_truncate(flags as usize);
        if offset >> 32 == 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if !flags.contains(MapFlags::MAP_SHARED)
            || flags.intersects(MapFlags::MAP_PRIVATE | MapFlags::PROT_EXEC)
        {
            return Err(Errno::EINVAL);
        }
        let number = u16::try_from(offset >> 32).ok().filter(|number| *number <= MAX_WINDOWS);
        let number = number.ok_or(Errno::EMFILE)?;
        let at = offset & u64::from(u32::MAX);
        let end = size.checked_next_multiple_of(PAGE).and_then(|size| at.checked_add(size));
        let end = end.filter(|end| *end <= MAX_WINDOW as u64).ok_or(Errno::EFBIG)?;
        let len = (end - at) as usize;
        if len == 0 || !at.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        Ok(Wanted { number, at: at as usize, len })
    }
}

impl Core {
    /// The address of what `mmap` asks for: a part of a window, which is made where it is not
    /// there yet and then ends with that part. `EBADF` for a handle that takes no messages,
    /// `EFAULT` past the end of a window that is there, `ENOMEM`; else as [`Wanted::new`].
    pub(crate) fn map(&self, handle: &Handle, ask: &Ask) -> Result<usize, Errno> {
        let wanted = Wanted::new(ask)?;
        let (mount, _, _) = handle.object()?;
        if ask.handle() == ROOT {
            return Err(Errno::EBADF);
        }
        let windows = handle.windows.0.get_or_init(Box::default);
        let place = &windows[usize::from(wanted.number - 1)];
        let end = wanted.at + wanted.len;
        let window = match place.get() {
            Some(window) => window,
            None => {
                let charge = self.windows.charge(handle.cred.uid, end, Errno::ENOMEM)?;
                let memory = Arc::new(mount.share(end)?);
                // Another request may have been faster.
                place.get_or_init(|| Window { memory, _charge: charge })
            }
        };
        if end > window.memory.len() {
            return Err(Errno::EFAULT);
        }
        Ok(window.memory.address() + wanted.at)
    }
}
