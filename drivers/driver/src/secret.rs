//! Bytes that nobody is to see.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// A secret, such as a key: wiped when it is dropped, and in no output of the program.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. Copies that the caller made are the caller's to wipe; so is what a
    /// vector leaves behind that was moved to grow.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
