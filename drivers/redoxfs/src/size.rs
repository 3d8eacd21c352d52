//! Changing the size of a file.
//!
//! The library's own truncation has gaps, which are closed here: it leaves a last record that is
//! not full where it is, so that a removed file never gives it back, and what is beyond the new
//! size comes to light again where the file grows later. It also goes through every record of a
//! hole.

use driver::Errno;
use redoxfs::NodeLevel;

use crate::{
    node::{Inode, lib},
    volume::Tx,
};

/// Records of a node's own table; those that a table of the first and of the second level
/// stands for, and how many such tables there are.
const OWN: u64 = 128;
const FIRST: u64 = 256;
const SECOND: u64 = 256 * FIRST;
const FIRST_TABLES: u64 = 64;
const SECOND_TABLES: u64 = 32;
/// Records past these are not used by this driver: to remove them could take hours.
const RECORDS: u64 = OWN + FIRST_TABLES * FIRST + SECOND_TABLES * SECOND;

/// The largest size that a file may get: 258 GiB for one with full records.
pub(crate) fn limit(inode: &Inode) -> u64 {
    RECORDS * inode.data().record_level().bytes()
}

/// Sets the size; what is new reads as zeros. `EFBIG`.
pub(crate) fn resize(tx: &mut Tx<'_>, inode: &mut Inode, size: u64) -> Result<(), Errno> {
    if size > limit(inode) || inode.data().size() > limit(inode) {
        return Err(Errno::EFBIG);
    }
    // Also where the file grows: nothing may be beyond its present end.
    cut(tx, inode, size.min(inode.data().size()))?;
    if inode.data().has_inline_data() {
        inode.data_mut().set_size(size);
        return Ok(());
    }
    lib(tx.truncate_node_inner(inode, size)).map(|_| ())
}

/// Takes away what is beyond `size`, which is not past the present one.
fn cut(tx: &mut Tx<'_>, inode: &mut Inode, size: u64) -> Result<(), Errno> {
    if let Some(bytes) = inode.data_mut().inline_data_mut() {
        let from = bytes.len().min(size as usize);
        bytes[from..].fill(0);
        return Ok(());
    }
    let record = inode.data().record_level().bytes();
    let keep = size.div_ceil(record);
    let mut end = inode.data().size() / record + 1;
    while end > keep {
        let (first, empty) = table(inode, end - 1)?;
        let from = first.max(keep);
        if !empty {
            // From the end of its last record, the library removes that one too.
            inode.data_mut().set_size(end * record);
            lib(tx.truncate_node_inner(inode, from * record))?;
        }
        end = from;
    }
    inode.data_mut().set_size(size);
    Ok(())
}

/// The first record of the table that a record is in, and whether there is no such table.
fn table(inode: &Inode, record: u64) -> Result<(u64, bool), Errno> {
    let tables = inode.data().level_data().ok_or(Errno::EIO)?;
    let first = |index: usize| OWN + index as u64 * FIRST;
    let second = |index: usize| OWN + FIRST_TABLES * FIRST + index as u64 * SECOND;
    match NodeLevel::new(record) {
        Some(NodeLevel::L0(_)) => Ok((0, false)),
        Some(NodeLevel::L1(index, _)) => Ok((first(index), tables.level1[index].is_null())),
        Some(NodeLevel::L2(index, ..)) => Ok((second(index), tables.level2[index].is_null())),
        // The one record past the limit that a file of that size could have left behind.
        _ if record == RECORDS => Ok((RECORDS, true)),
        _ => Err(Errno::EFBIG),
    }
}
