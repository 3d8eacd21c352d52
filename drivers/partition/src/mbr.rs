//! The master boot record: four primary partitions in the first block.

use alloc::{string::String, vec::Vec};

use gpt_disk_types::{MbrPartitionRecord, U32Le};

use crate::table::{Disk, Entry, field};

/// Where the records begin, and how long each is.
const RECORDS: usize = 446;
const RECORD: usize = 16;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// What a record's `os_indicator` says.
const UNUSED: u8 = 0;
const PROTECTIVE: u8 = 0xee;

fn records(disk: &Disk<'_>) -> Result<[MbrPartitionRecord; 4], String> {
    let block = disk.read(0, 1)?;
    if field(&block, 510) != SIGNATURE {
        return Err(String::from(
            "block 0 has no MBR (no signature 55 aa at byte 510): partition the disk, or use \
             table = \"gpt\" if only its MBR is lost",
        ));
    }
    Ok(core::array::from_fn(|index| record(&block[RECORDS + index * RECORD..][..RECORD])))
}

fn record(bytes: &[u8]) -> MbrPartitionRecord {
    MbrPartitionRecord {
        boot_indicator: bytes[0],
        os_indicator: bytes[4],
        starting_lba: U32Le(field(bytes, 8)),
        size_in_lba: U32Le(field(bytes, 12)),
        ..MbrPartitionRecord::default()
    }
}

/// True where the record is there only to say that a GPT is.
pub(crate) fn is_protective(disk: &Disk<'_>) -> Result<bool, String> {
    Ok(records(disk)?.iter().any(|record| record.os_indicator == PROTECTIVE))
}

/// The primary partitions.
pub(crate) fn entries(disk: &Disk<'_>) -> Result<Vec<Entry>, String> {
    let records = records(disk)?;
    if records.iter().any(|record| record.boot_indicator & 0x7f != 0) {
        return Err(String::from(
            "block 0 has the MBR's signature but no partition table (a boot sector of a file \
             system?): partition the disk, or do without this driver",
        ));
    }
    let used = |record: &MbrPartitionRecord| {
        record.os_indicator != UNUSED && record.size_in_lba.to_u32() > 0
    };
    let numbered = (1..).zip(&records).filter(|(_, record)| used(record));
    Ok(numbered
        .map(|(number, record)| Entry {
            number,
            first: record.starting_lba.to_u32().into(),
            blocks: record.size_in_lba.to_u32().into(),
        })
        .collect())
}
