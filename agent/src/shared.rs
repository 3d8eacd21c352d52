//! Bytes in memory that another party can change at any time.
//!
//! Such memory is never a plain Rust slice: the compiler may assume that nobody else writes to
//! one. Everything here moves bytes once, in one direction, by instructions that the compiler
//! does not look into (x86-64) or by relaxed atomic accesses (elsewhere, and under Miri). So
//! whatever the other side does meanwhile, the private side holds *some* bytes, and holds them
//! for good. This is the only module that touches such memory.

#[cfg(any(miri, not(target_arch = "x86_64")))]
pub(crate) use atomic::{copy_in, copy_out, zero};
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use string::{copy_in, copy_out, zero};

/// By string instructions. They move words and not bytes: a processor that is fast at the one is
/// fast at the other, and one that counts each step takes an eighth of them.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod string {
    use core::arch::asm;

    /// Copies `dst.len()` bytes out of memory that may be changing.
    ///
    /// # Safety
    /// `src` must be valid for reads of `dst.len()` bytes, all of it accessed atomically or by
    /// another party outside this program, for the duration of the call.
    #[inline]
    pub(crate) unsafe fn copy_out(src: *const u8, dst: &mut [u8]) {
        // SAFETY: as the caller's; `dst` is exclusive.
        unsafe { copy(src, dst.as_mut_ptr(), dst.len()) }
    }

    /// Copies `src` into memory that others may be reading or changing.
    ///
    /// # Safety
    /// `dst` must be valid for writes of `src.len()` bytes, all of it accessed atomically or by
    /// another party outside this program, for the duration of the call.
    #[inline]
    pub(crate) unsafe fn copy_in(dst: *mut u8, src: &[u8]) {
        // SAFETY: as the caller's; `src` is borrowed.
        unsafe { copy(src.as_ptr(), dst, src.len()) }
    }

    /// # Safety
    /// `src` must be valid for reads and `dst` for writes of `len` bytes, with nobody else in
    /// this program writing to the one or accessing the other but atomically.
    #[inline]
    unsafe fn copy(src: *const u8, dst: *mut u8, len: usize) {
        // SAFETY: reads `len` bytes and writes `len` bytes, words first, then what is left, and
        // changes the three registers only. The ABI has the direction flag clear. What lies
        // there is the hardware's affair: to the compiler, a race with the other party is in
        // here, out of its sight.
        unsafe {
            asm!(
                "rep movsq",
                "mov ecx, {rest:e}",
                "rep movsb",
                rest = in(reg) len % 8,
                inout("rcx") len / 8 => _,
                inout("rsi") src => _,
                inout("rdi") dst => _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Puts `len` zeros into memory that others may be reading or changing.
    ///
    /// # Safety
    /// As [`copy_in`].
    #[inline]
    pub(crate) unsafe fn zero(dst: *mut u8, len: usize) {
        // SAFETY: writes `len` bytes; else as in `copy`.
        unsafe {
            asm!(
                "rep stosq",
                "mov ecx, {rest:e}",
                "rep stosb",
                rest = in(reg) len % 8,
                inout("rcx") len / 8 => _,
                inout("rdi") dst => _,
                in("rax") 0,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// By relaxed atomic accesses, of words where the shared side is aligned.
#[cfg(any(test, miri, not(target_arch = "x86_64")))]
mod atomic {
    use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

    const WORD: usize = size_of::<u64>();

    /// Copies `dst.len()` bytes out of memory that may be changing.
    ///
    /// # Safety
    /// `src` must be valid for reads of `dst.len()` bytes, all of it accessed atomically or by
    /// another party outside this program, for the duration of the call.
    pub(crate) unsafe fn copy_out(src: *const u8, dst: &mut [u8]) {
        let len = dst.len();
        let mut at = 0;
        while at < len {
            // SAFETY: `at + WORD` or `at + 1` is within the caller's range; a word is aligned, a
            // byte always is.
            unsafe {
                let here = src.add(at).cast_mut();
                if is_word(here, len - at) {
                    let word = AtomicU64::from_ptr(here.cast()).load(Relaxed);
                    dst[at..at + WORD].copy_from_slice(&word.to_ne_bytes());
                    at += WORD;
                } else {
                    dst[at] = AtomicU8::from_ptr(here).load(Relaxed);
                    at += 1;
                }
            }
        }
    }

    /// Copies `src` into memory that others may be reading or changing.
    ///
    /// # Safety
    /// `dst` must be valid for writes of `src.len()` bytes, all of it accessed atomically or by
    /// another party outside this program, for the duration of the call.
    pub(crate) unsafe fn copy_in(dst: *mut u8, src: &[u8]) {
        let mut rest = src;
        while let [byte, after @ ..] = rest {
            // SAFETY: what is left of `src` fits what is left of the caller's range; a word is
            // aligned, a byte always is.
            unsafe {
                let here = dst.add(src.len() - rest.len());
                match rest.split_first_chunk::<WORD>() {
                    Some((word, after)) if is_word(here, rest.len()) => {
                        let word = u64::from_ne_bytes(*word);
                        AtomicU64::from_ptr(here.cast()).store(word, Relaxed);
                        rest = after;
                    }
                    _ => {
                        AtomicU8::from_ptr(here).store(*byte, Relaxed);
                        rest = after;
                    }
                }
            }
        }
    }

    /// Puts `len` zeros into memory that others may be reading or changing.
    ///
    /// # Safety
    /// As [`copy_in`].
    pub(crate) unsafe fn zero(dst: *mut u8, len: usize) {
        const ZEROS: [u8; 512] = [0; 512];
        for at in (0..len).step_by(ZEROS.len()) {
            // SAFETY: within the caller's range.
            unsafe { copy_in(dst.add(at), &ZEROS[..ZEROS.len().min(len - at)]) };
        }
    }

    fn is_word(at: *mut u8, left: usize) -> bool {
        left >= WORD && at.align_offset(WORD) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: [u8; 64] = {
        let mut source = [0; 64];
        let mut at = 0;
        while at < source.len() {
            source[at] = at as u8 ^ 0x5a;
            at += 1;
        }
        source
    };

    fn every_start_and_length(check: impl Fn(usize, usize)) {
        (0..9).for_each(|start| (0..40).for_each(|len| check(start, len)));
    }

    /// Every alignment and length comes across, and nothing beside it changes.
    fn check(
        copy_out: unsafe fn(*const u8, &mut [u8]),
        copy_in: unsafe fn(*mut u8, &[u8]),
        zero: unsafe fn(*mut u8, usize),
    ) {
        every_start_and_length(|start, len| {
            let (mut far, mut near) = ([0u8; 64], [0u8; 64]);
            // SAFETY: `start + len` is below 64, and nobody else holds the arrays.
            unsafe { copy_in(far.as_mut_ptr().add(start), &SOURCE[..len]) };
            // SAFETY: as above.
            unsafe { copy_out(far.as_mut_ptr().add(start), &mut near[..len]) };
            assert_eq!(near[..len], SOURCE[..len]);
            assert!(far[..start].iter().chain(&far[start + len..]).all(|b| *b == 0));
        });
        every_start_and_length(|start, len| {
            let mut far = SOURCE;
            // SAFETY: as above.
            unsafe { zero(far.as_mut_ptr().add(start), len) };
            assert!(far[start..start + len].iter().all(|b| *b == 0));
            assert_eq!(far[..start], SOURCE[..start]);
            assert_eq!(far[start + len..], SOURCE[start + len..]);
        });
    }

    #[test]
    fn every_alignment_and_length_comes_across() {
        check(copy_out, copy_in, zero);
    }

    #[test]
    fn every_alignment_and_length_comes_across_by_atomics() {
        check(atomic::copy_out, atomic::copy_in, atomic::zero);
    }
}
