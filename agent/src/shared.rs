//! Bytes in memory that another party can change at any time.
//!
//! Such memory is never a plain Rust slice: the compiler may assume that nobody else writes to
//! one. Everything here moves bytes once, in one direction, through raw pointers with relaxed
//! atomic accesses, so whatever the other side does meanwhile, the private side holds *some*
//! bytes, and holds them for good. This is the only module that touches such memory.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();

/// Copies `dst.len()` bytes out of memory that may be changing.
///
/// # Safety
/// `src` must be valid for reads of `dst.len()` bytes, all of it accessed atomically or by
/// another party outside this program, for the duration of the call.
pub(crate) unsafe fn copy_out(src: *const u8, dst: &mut [u8]) {
    let aligned = src.align_offset(WORD).min(dst.len());
    let (head, rest) = dst.split_at_mut(aligned);
    let (words, tail) = rest.split_at_mut(rest.len() / WORD * WORD);
    for (i, byte) in head.iter_mut().enumerate() {
        // SAFETY: `i < dst.len()`, which the caller vouches for; a byte is always aligned.
        *byte = unsafe { AtomicU8::from_ptr(src.add(i).cast_mut()) }.load(Relaxed);
    }
    for (i, word) in words.chunks_exact_mut(WORD).enumerate() {
        // SAFETY: within the caller's range, and aligned: `head` ends on a word boundary.
        let at =
            unsafe { AtomicU64::from_ptr(src.add(aligned + i * WORD).cast::<u64>().cast_mut()) };
        word.copy_from_slice(&at.load(Relaxed).to_ne_bytes());
    }
    let done = aligned + words.len();
    for (i, byte) in tail.iter_mut().enumerate() {
        // SAFETY: `done + i < dst.len()`, which the caller vouches for.
        *byte = unsafe { AtomicU8::from_ptr(src.add(done + i).cast_mut()) }.load(Relaxed);
    }
}

/// Copies `src` into memory that others may be reading or changing.
///
/// # Safety
/// `dst` must be valid for writes of `src.len()` bytes, all of it accessed atomically or by
/// another party outside this program, for the duration of the call.
pub(crate) unsafe fn copy_in(dst: *mut u8, src: &[u8]) {
    let aligned = dst.align_offset(WORD).min(src.len());
    let (head, rest) = src.split_at(aligned);
    let (words, tail) = rest.split_at(rest.len() / WORD * WORD);
    for (i, byte) in head.iter().enumerate() {
        // SAFETY: `i < src.len()`, which the caller vouches for; a byte is always aligned.
        unsafe { AtomicU8::from_ptr(dst.add(i)) }.store(*byte, Relaxed);
    }
    for (i, word) in words.chunks_exact(WORD).enumerate() {
        let mut value = [0; WORD];
        value.copy_from_slice(word);
        // SAFETY: within the caller's range, and aligned: `head` ends on a word boundary.
        let at = unsafe { AtomicU64::from_ptr(dst.add(aligned + i * WORD).cast::<u64>()) };
        at.store(u64::from_ne_bytes(value), Relaxed);
    }
    let done = aligned + words.len();
    for (i, byte) in tail.iter().enumerate() {
        // SAFETY: `done + i < src.len()`, which the caller vouches for.
        unsafe { AtomicU8::from_ptr(dst.add(done + i)) }.store(*byte, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alignment_and_length_comes_across() {
        let source: [u8; 64] = core::array::from_fn(|i| i as u8 ^ 0x5a);
        for start in 0..9 {
            for len in 0..40 {
                let (mut far, mut near) = ([0u8; 64], [0u8; 64]);
                // SAFETY: `start + len` is below 64, and nobody else holds the arrays.
                unsafe { copy_in(far.as_mut_ptr().add(start), &source[..len]) };
                // SAFETY: as above.
                unsafe { copy_out(far.as_ptr().add(start), &mut near[..len]) };
                assert_eq!(near[..len], source[..len]);
                assert!(far[..start].iter().chain(&far[start + len..]).all(|b| *b == 0));
            }
        }
    }
}
