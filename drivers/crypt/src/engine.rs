//! What encrypts: the processor, or something beside it.

use driver::{Errno, Request};

/// Bytes of a sector, each of which is encrypted by itself.
pub const SECTOR: usize = 512;

/// Encrypts and decrypts whole sectors. `sector` is the number of the first, counted from the
/// beginning of the disk. An engine that takes a request's data by reference
/// ([`lend`](driver::Exchange::lend)) looks at nothing; one that takes bytes out or puts them in
/// is counted by doing so, and counts the copy itself.
pub trait Engine: Send + Sync + 'static {
    /// Encrypts the first bytes of the request's data into `cipher`, which says how many. Where
    /// that fails, `cipher` holds nothing plain.
    fn encrypt(
        &self,
        sector: u64,
        request: &mut Request<'_>,
        cipher: &mut [u8],
    ) -> Result<(), Errno>;

    /// Decrypts `cipher` into the beginning of the request's room. What `cipher` holds then is
    /// wiped by the caller.
    fn decrypt(
        &self,
        sector: u64,
        cipher: &mut [u8],
        request: &mut Request<'_>,
    ) -> Result<(), Errno>;

    /// True where [`decrypt_in_place`](Engine::decrypt_in_place) is to be used for private room.
    fn works_in_place(&self) -> bool;

    /// Decrypts the first `len` bytes of the request's room where they lie. Only for private
    /// room. The default answers `EOPNOTSUPP`.
    fn decrypt_in_place(
        &self,
        sector: u64,
        len: usize,
        request: &mut Request<'_>,
    ) -> Result<(), Errno> {
        let _ = (sector, len, request);
        Err(Errno::EOPNOTSUPP)
    }
}
