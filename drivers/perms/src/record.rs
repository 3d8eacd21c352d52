//! A record as it lies in the file.

use crc::{CRC_32_ISO_HDLC, Crc};
use driver::Attr;

/// Bytes of a record: inode, uid, gid, mode, whether it is a record's end, a checksum.
pub(crate) const SIZE: usize = 24;

const SUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Owner, group and mode of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Perm {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: u16,
}

impl Perm {
    pub(crate) fn of(attr: &Attr) -> Perm {
        Perm { uid: attr.uid, gid: attr.gid, mode: attr.mode }
    }
}

/// What a record says of an inode: what it has, or that it is gone.
pub(crate) fn encode(inode: u64, perm: Option<Perm>) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let Perm { uid, gid, mode } = perm.unwrap_or(Perm { uid: 0, gid: 0, mode: 0 });
    bytes[..8].copy_from_slice(&inode.to_le_bytes());
    bytes[8..12].copy_from_slice(&uid.to_le_bytes());
    bytes[12..16].copy_from_slice(&gid.to_le_bytes());
    bytes[16..18].copy_from_slice(&mode.to_le_bytes());
    bytes[18] = perm.is_some().into();
    let sum = SUM.checksum(&bytes[..20]);
    bytes[20..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// `None` for what is no record.
pub(crate) fn decode(bytes: &[u8; SIZE]) -> Option<(u64, Option<Perm>)> {
    let word = |at: usize| -> [u8; 4] { core::array::from_fn(|byte| bytes[at + byte]) };
    if SUM.checksum(&bytes[..20]).to_le_bytes() != word(20) {
        return None;
    }
    let inode = u64::from_le_bytes(core::array::from_fn(|byte| bytes[byte]));
    let mode = u16::from_le_bytes([bytes[16], bytes[17]]) & 0o7777;
    let perm = Perm { uid: u32::from_le_bytes(word(8)), gid: u32::from_le_bytes(word(12)), mode };
    Some((inode, (bytes[18] == 1).then_some(perm)))
}
