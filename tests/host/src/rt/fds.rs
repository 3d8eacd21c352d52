//! Passing descriptors: the C library picks the numbers that received ones get, and frees those
//! of the ones that are gone.

use syscall::error::{EINVAL, Error, Result};
use syscall::flag::CallFlags;

use crate::kernel::call::call;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;

const FD_SIZE: usize = size_of::<usize>();

/// Gives the descriptors in the payload away. EINVAL for a payload of broken numbers.
pub(crate) fn send(
    cx: &Cx,
    fd: usize,
    payload: Buffer,
    flags: usize,
    metadata: &[u64],
) -> Result<usize> {
    if !payload.len().is_multiple_of(FD_SIZE) {
        return Err(Error::new(EINVAL));
    }
    let sent = payload.words();
    let done = call(cx, fd, payload, flags | CallFlags::WRITE.bits(), metadata)?;
    if !CallFlags::from_bits_retain(flags).contains(CallFlags::FD_CLONE) {
        release(cx, &sent);
    }
    Ok(done)
}

/// Receives descriptors. A first number of all ones in the payload asks for free numbers, which
/// the payload then lists; else the payload says which to use: EEXIST if one is taken. EINVAL for
/// an empty payload or one of broken numbers.
pub(crate) fn receive(
    cx: &Cx,
    fd: usize,
    payload: Buffer,
    flags: usize,
    metadata: &[u64],
) -> Result<usize> {
    if payload.is_empty() || !payload.len().is_multiple_of(FD_SIZE) {
        return Err(Error::new(EINVAL));
    }
    let numbers = reserve(cx, payload.words())?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    payload.write(&bytes);
    let done = call(cx, fd, payload, flags | CallFlags::READ.bits(), metadata);
    if done.is_err() {
        release(cx, &numbers);
    }
    done
}

fn reserve(cx: &Cx, wanted: Vec<usize>) -> Result<Vec<usize>> {
    let any = wanted[0] == usize::MAX;
    let mut got = Vec::with_capacity(wanted.len());
    for fd in wanted {
        let number = cx.task.table(|table| match any {
            true => table.reserve(),
            false => table.reserve_at(fd).map(|()| fd),
        });
        match number {
            Ok(number) => got.push(number),
            Err(error) => {
                release(cx, &got);
                return Err(error);
            }
        }
    }
    Ok(got)
}

fn release(cx: &Cx, fds: &[usize]) {
    cx.task.table(|table| fds.iter().for_each(|&fd| table.release(fd)));
}
