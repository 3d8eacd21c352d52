//! AES-256-XTS by the processor.

use core::fmt;

use aes::{Aes256, cipher::KeyInit};
use driver::{Counts, Errno, Exchange, Request};
use xts_mode::{Xts128, get_tweak_default};

use crate::engine::{Engine, SECTOR};

/// Bytes of a key: one half for the data, one for the sectors' numbers.
pub const KEY: usize = 64;

/// The engine that is always there. Its round keys are wiped when it goes.
pub struct Software(Xts128<Aes256>);

impl Software {
    /// An engine with a key. `EINVAL` where the halves are equal, which makes the mode weak.
    pub fn new(key: &[u8; KEY]) -> Result<Software, Errno> {
        let (data, tweak) = key.split_at(KEY / 2);
        if data == tweak {
            return Err(Errno::EINVAL);
        }
        Ok(Software(Xts128::new(Aes256::new(data.into()), Aes256::new(tweak.into()))))
    }

    fn encrypt_sectors(&self, sector: u64, bytes: &mut [u8]) {
        self.0.encrypt_area(bytes, SECTOR, sector.into(), get_tweak_default);
    }

    fn decrypt_sectors(&self, sector: u64, bytes: &mut [u8]) {
        self.0.decrypt_area(bytes, SECTOR, sector.into(), get_tweak_default);
    }
}

impl fmt::Debug for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Software(AES-256-XTS)")
    }
}

const COPY: Counts = Counts { copies: 1, ..Counts::ZERO };

impl Engine for Software {
    fn encrypt(
        &self,
        sector: u64,
        request: &mut Request<'_>,
        cipher: &mut [u8],
    ) -> Result<(), Errno> {
        request.fetch(0, cipher)?;
        request.count(COPY);
        self.encrypt_sectors(sector, cipher);
        Ok(())
    }

    fn decrypt(
        &self,
        sector: u64,
        cipher: &mut [u8],
        request: &mut Request<'_>,
    ) -> Result<(), Errno> {
        self.decrypt_sectors(sector, cipher);
        request.count(COPY);
        request.fill(0, cipher)
    }

    fn works_in_place(&self) -> bool {
        true
    }

    fn decrypt_in_place(
        &self,
        sector: u64,
        len: usize,
        request: &mut Request<'_>,
    ) -> Result<(), Errno> {
        let room = request.room().and_then(|room| room.get_mut(..len)).ok_or(Errno::EFAULT)?;
        self.decrypt_sectors(sector, room);
        Ok(())
    }
}
