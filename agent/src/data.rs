//! Data by reference: where a message's bytes lie, without saying what they are for.
//!
//! A reference can be narrowed, split and passed on without anybody touching the bytes. It sits
//! in a slot of the message's record; drivers work on it through the request and never hold it
//! as a value, because a borrowed one is only good while its sender waits.

#[cfg(feature = "alloc")]
use alloc::{sync::Arc, vec::Vec};
use core::{fmt, marker::PhantomData, ops::Range, ptr::NonNull};

use crate::{shared, status::Errno};

bitflags::bitflags! {
    /// What a driver may do with the bytes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u8 {
        /// The driver may take bytes out (the data of a write).
        const FETCH = 1;
        /// The driver may put bytes in (the room of a read).
        const FILL = 2;
        /// Another party can reach the bytes at any time: they are copied, never sliced.
        const SHARED = 4;
    }
}

/// Data lent to a `call`: borrowed from the caller, who waits.
///
/// A message carries less than 4 GiB; of more, the target sees the beginning, and the count says
/// so.
pub struct Data<'a> {
    pub(crate) base: *mut u8,
    pub(crate) len: usize,
    pub(crate) access: Access,
    borrow: PhantomData<&'a mut [u8]>,
}

impl<'a> Data<'a> {
    /// No data at all.
    pub const NONE: Data<'static> = Data {
        base: NonNull::dangling().as_ptr(),
        len: 0,
        access: Access::empty(),
        borrow: PhantomData,
    };

    /// Bytes for the driver to fetch.
    #[inline]
    pub fn source(bytes: &'a [u8]) -> Data<'a> {
        Data {
            base: bytes.as_ptr().cast_mut(),
            len: bytes.len(),
            access: Access::FETCH,
            borrow: PhantomData,
        }
    }

    /// Room for the driver to fill.
    #[inline]
    pub fn sink(room: &'a mut [u8]) -> Data<'a> {
        Data { base: room.as_mut_ptr(), len: room.len(), access: Access::FILL, borrow: PhantomData }
    }

    /// Memory that another party shares.
    #[inline]
    pub fn lent(lent: &'a Lent) -> Data<'a> {
        Data {
            base: lent.base.as_ptr(),
            len: lent.len,
            access: lent.access | Access::SHARED,
            borrow: PhantomData,
        }
    }

    pub(crate) fn raw(base: *mut u8, len: usize, access: Access) -> Data<'a> {
        Data { base, len, access, borrow: PhantomData }
    }
}

/// Memory that another party can reach too: lent pages, a window.
pub struct Lent {
    base: NonNull<u8>,
    len: usize,
    access: Access,
    /// What the memory lives as long as.
    #[cfg(feature = "alloc")]
    _owner: Option<Arc<dyn Send + Sync>>,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({:p}, {}, {:?})", self.base, self.len, self.access)
    }
}

// SAFETY: the memory is reached by copies through `shared` only, from any thread.
unsafe impl Send for Lent {}
// SAFETY: as above; there is no other access through a shared reference.
unsafe impl Sync for Lent {}

impl Lent {
    /// A reference to `len` bytes at `base`.
    ///
    /// # Safety
    /// The bytes must stay mapped, with the rights that `access` names, until every message
    /// that carries the reference has been replied and the value is dropped. Nothing in this
    /// program may hold a Rust reference to them meanwhile.
    pub unsafe fn new(base: NonNull<u8>, len: usize, access: Access) -> Lent {
        Lent {
            base,
            len,
            access,
            #[cfg(feature = "alloc")]
            _owner: None,
        }
    }

    /// The same reference, which keeps `owner` alive as long as itself.
    #[cfg(feature = "alloc")]
    pub fn owned(self, owner: Arc<dyn Send + Sync>) -> Lent {
        Lent { _owner: Some(owner), ..self }
    }

    /// A part of what `whole` refers to, which stays for as long. `EFAULT` where it has no such
    /// part.
    #[cfg(feature = "alloc")]
    pub fn part(whole: &Arc<Lent>, at: usize, len: usize, access: Access) -> Result<Lent, Errno> {
        within(at, len, whole.len).map_err(|_| Errno::EFAULT)?;
        let owner: Arc<dyn Send + Sync> = Arc::<Lent>::clone(whole);
        // SAFETY: inside the range, which `new` was promised for as long as `whole` is there, and
        // that is the owner.
        Ok(unsafe { Lent::new(whole.base.add(at), len, access & whole.access) }.owned(owner))
    }

    /// Where the bytes are: their identity, without the right to look.
    pub fn address(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies out from `at` on. `EINVAL` where that reaches past the end; nothing is copied.
    pub fn copy_out(&self, at: usize, dst: &mut [u8]) -> Result<(), Errno> {
        within(at, dst.len(), self.len)?;
        // SAFETY: within the range that `new` was promised.
        unsafe { shared::copy_out(self.base.as_ptr().add(at), dst) };
        Ok(())
    }

    /// Copies in at `at`. `EINVAL` where that reaches past the end; nothing is copied.
    pub fn copy_in(&self, at: usize, src: &[u8]) -> Result<(), Errno> {
        within(at, src.len(), self.len)?;
        // SAFETY: within the range that `new` was promised.
        unsafe { shared::copy_in(self.base.as_ptr().add(at), src) };
        Ok(())
    }

    /// Puts zeros into all of it.
    pub fn zero(&self) {
        // SAFETY: within the range that `new` was promised.
        unsafe { shared::zero(self.base.as_ptr(), self.len) };
    }
}

/// Data that a message owns and carries there and back.
///
/// What is only borrowed is lent to a [`Call`](crate::Call), whose sender waits, and not sent:
///
/// ```compile_fail,E0308
/// # use agent::*;
/// fn send(mut message: Message<u32>, bytes: &[u8]) {
///     message.set_data(Data::source(bytes));
/// }
/// ```
#[cfg(feature = "alloc")]
#[derive(Debug, Default)]
pub enum Bytes {
    /// No data.
    #[default]
    None,
    /// Bytes to fetch.
    Source(Vec<u8>),
    /// Room to fill: the vector's length says how much.
    Sink(Vec<u8>),
    /// Memory that another party shares.
    Lent(Lent),
}

#[cfg(feature = "alloc")]
impl Bytes {
    /// The slot that refers to these bytes.
    pub(crate) fn slot(&mut self) -> Slot {
        Slot::new(match self {
            Bytes::None => Data::NONE,
            Bytes::Source(bytes) => Data::source(bytes),
            Bytes::Sink(room) => Data::sink(room),
            Bytes::Lent(lent) => Data::lent(lent),
        })
    }
}

fn within(at: usize, len: usize, room: usize) -> Result<(), Errno> {
    match at.checked_add(len) {
        Some(end) if end <= room => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

/// The slot of a record: the whole reference, and the part of it that the driver now sees.
///
/// The part can be set to anything inside the whole, and to nothing outside it, so a saved part
/// needs no trust.
#[repr(C)] // small: it shares a cache line with what else a message begins with
pub(crate) struct Slot {
    base: *mut u8,
    whole: u32,
    start: u32,
    len: u32,
    access: Access,
}

impl Slot {
    #[inline]
    pub(crate) fn new(data: Data<'_>) -> Slot {
        let len = u32::try_from(data.len).unwrap_or(u32::MAX);
        Slot { base: data.base, whole: len, start: 0, len, access: data.access }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// The first byte that the driver sees. An address only: no rights come with it.
    pub(crate) fn address(&self) -> *mut u8 {
        self.base.wrapping_add(self.start as usize)
    }

    pub(crate) fn part(&self) -> (usize, usize) {
        (self.start as usize, self.len as usize)
    }

    pub(crate) fn narrow(&mut self, range: Range<usize>) -> Result<(), Errno> {
        let len = range.end.checked_sub(range.start).ok_or(Errno::EINVAL)?;
        within(range.start, len, self.len())?;
        // Both fit: they are inside what did.
        (self.start, self.len) = (self.start + range.start as u32, len as u32);
        Ok(())
    }

    pub(crate) fn restore(&mut self, (start, len): (usize, usize)) -> Result<(), Errno> {
        within(start, len, self.whole as usize)?;
        (self.start, self.len) = (start as u32, len as u32);
        Ok(())
    }

    /// Sees the whole again.
    #[inline]
    pub(crate) fn widen(&mut self) {
        (self.start, self.len) = (0, self.whole);
    }

    /// A part of what is seen, as a slot of its own.
    #[cfg(feature = "alloc")]
    pub(crate) fn part_of(&self, range: Range<usize>) -> Result<Slot, Errno> {
        let len = range.end.checked_sub(range.start).ok_or(Errno::EINVAL)?;
        within(range.start, len, self.len())?;
        let base = self.address().wrapping_add(range.start);
        Ok(Slot::new(Data::raw(base, len, self.access)))
    }

    fn check(&self, at: usize, len: usize, needs: Access) -> Result<*mut u8, Errno> {
        if !self.access.contains(needs) {
            return Err(Errno::EFAULT);
        }
        within(at, len, self.len())?;
        Ok(self.address().wrapping_add(at))
    }

    pub(crate) fn fetch(&self, at: usize, dst: &mut [u8]) -> Result<(), Errno> {
        let src = self.check(at, dst.len(), Access::FETCH)?;
        if self.access.contains(Access::SHARED) {
            // SAFETY: `check` found the range inside the lent memory, valid until the reply.
            unsafe { shared::copy_out(src, dst) };
        } else {
            // SAFETY: inside the sender's private memory, readable until the reply; `dst` is
            // exclusive and so elsewhere.
            unsafe { core::ptr::copy_nonoverlapping(src, dst.as_mut_ptr(), dst.len()) };
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn fill(&mut self, at: usize, src: &[u8]) -> Result<(), Errno> {
        let dst = self.check(at, src.len(), Access::FILL)?;
        if self.access.contains(Access::SHARED) {
            // SAFETY: `check` found the range inside the lent memory, valid until the reply.
            unsafe { shared::copy_in(dst, src) };
        } else {
            // SAFETY: inside the sender's private room, which the record holds exclusively until
            // the reply; `src` is a live slice and so elsewhere.
            unsafe { core::ptr::copy_nonoverlapping(src.as_ptr(), dst, src.len()) };
        }
        Ok(())
    }

    pub(crate) fn fill_zero(&mut self, range: Range<usize>) -> Result<(), Errno> {
        let len = range.end.checked_sub(range.start).ok_or(Errno::EINVAL)?;
        let dst = self.check(range.start, len, Access::FILL)?;
        if self.access.contains(Access::SHARED) {
            // SAFETY: `check` found the range inside the lent memory, valid until the reply.
            unsafe { shared::zero(dst, len) };
        } else {
            // SAFETY: inside the sender's private room, held exclusively until the reply.
            unsafe { core::ptr::write_bytes(dst, 0, len) };
        }
        Ok(())
    }

    /// The bytes in place; `None` where another party can change them or they are not to be
    /// fetched.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        if self.access != Access::FETCH {
            return None;
        }
        // SAFETY: private memory of the sender, initialised (it came as a slice), unchanged
        // while the record holds it, and borrowed from the slot here.
        Some(unsafe { core::slice::from_raw_parts(self.address(), self.len()) })
    }

    /// The room in place; `None` where another party can reach it or it is not to be filled.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        if self.access != Access::FILL {
            return None;
        }
        // SAFETY: private room of the sender, initialised (it came as a slice), held
        // exclusively by the record, and borrowed from the slot here.
        Some(unsafe { core::slice::from_raw_parts_mut(self.address(), self.len()) })
    }

    /// A part of the data to send further down while this record waits.
    pub(crate) fn lend(&mut self, range: Range<usize>) -> Result<Data<'_>, Errno> {
        let len = range.end.checked_sub(range.start).ok_or(Errno::EINVAL)?;
        let base = self.check(range.start, len, Access::empty())?;
        Ok(Data::raw(base, len, self.access))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_leaves_the_whole() {
        let mut room = [0u8; 16];
        let mut slot = Slot::new(Data::sink(&mut room));
        slot.narrow(4..8).unwrap();
        assert_eq!(slot.narrow(0..5), Err(Errno::EINVAL));
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = 3..2;
        assert_eq!(slot.narrow(backwards), Err(Errno::EINVAL));
        slot.fill(0, &[1, 2, 3, 4]).unwrap();
        assert_eq!(slot.fill(1, &[9; 4]), Err(Errno::EINVAL));
        assert_eq!(slot.restore((0, 17)), Err(Errno::EINVAL));
        slot.restore((0, 16)).unwrap();
        assert_eq!(room, [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn of_more_than_can_be_said_the_beginning_is_seen() {
        let most = u32::MAX as usize;
        // Nobody looks at it: what it refers to need not be there.
        let data = |len| Data::raw(NonNull::dangling().as_ptr(), len, Access::FETCH);
        assert_eq!(Slot::new(data(most)).len(), most);
        let mut slot = Slot::new(data(most + 17));
        assert_eq!(slot.len(), most);
        assert_eq!(slot.narrow(0..most + 1), Err(Errno::EINVAL));
        assert_eq!(slot.restore((1, most)), Err(Errno::EINVAL));
        assert_eq!((slot.narrow(most - 1..most), slot.len()), (Ok(()), 1));
    }

    #[test]
    fn a_source_is_not_filled_and_a_sink_not_fetched() {
        let mut room = [0u8; 4];
        assert_eq!(Slot::new(Data::source(b"abcd")).fill(0, b"x"), Err(Errno::EFAULT));
        assert_eq!(Slot::new(Data::sink(&mut room)).fetch(0, &mut [0]), Err(Errno::EFAULT));
        assert_eq!(Slot::new(Data::NONE).fill(0, b""), Err(Errno::EFAULT));
    }

    #[test]
    fn shared_memory_gives_no_slice() {
        let mut page = [7u8; 1000];
        let base = NonNull::new(page.as_mut_ptr()).unwrap();
        // SAFETY: `page` outlives the reference and is not touched but through it.
        let lent = unsafe { Lent::new(base, page.len(), Access::FILL) };
        let mut slot = Slot::new(Data::lent(&lent));
        assert!(slot.room().is_none() && slot.bytes().is_none());
        slot.fill_zero(0..999).unwrap();
        assert!(page[..999].iter().all(|b| *b == 0) && page[999] == 7);
    }
}
