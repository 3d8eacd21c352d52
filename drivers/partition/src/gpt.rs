//! The GUID partition table: a header and an array of entries behind the MBR, and a backup of
//! both at the disk's end.

use alloc::{format, string::String, vec::Vec};

use gpt_disk_types::{
    BlockSize, Crc32, GptHeader, GptHeaderRevision, GptHeaderSignature, GptPartitionEntry,
    GptPartitionEntryArrayLayout, GptPartitionType, Guid, Lba, LbaLe, U32Le, U64Le, crc::Crc,
};

use crate::table::{Disk, Entry, field};

/// Bytes of a header that are defined.
const HEADER: usize = 92;
/// Where a header has its own checksum.
const HEADER_CRC: core::ops::Range<usize> = 16..20;
/// Bytes of entries that are believed: 64 times what the standard asks for.
const LARGEST_ARRAY: u64 = 1 << 20;

/// The partitions of the first of the two tables that is whole.
pub(crate) fn entries(disk: &Disk<'_>) -> Result<Vec<Entry>, String> {
    let last = disk.blocks() - 1;
    table(disk, 1).or_else(|first| {
        table(disk, last).map_err(|second| {
            format!(
                "no usable GPT: in block 1 {first}; its backup, in block {last}: {second}; repair \
                 the table, or restore it from a copy"
            )
        })
    })
}

fn table(disk: &Disk<'_>, block: u64) -> Result<Vec<Entry>, String> {
    let header = header(&disk.read(block, 1)?, block)?;
    let layout = header
        .get_partition_entry_array_layout()
        .map_err(|_| format!("entries of {} bytes", header.size_of_partition_entry))?;
    let array = array(disk, &layout)?;
    if crc(&[&array]) != header.partition_entry_array_crc32 {
        return Err(String::from("the partition entries' checksum is wrong"));
    }
    let size = layout.entry_size.to_u32() as usize;
    let used = (1..).zip(array.chunks_exact(size).map(entry)).filter(|(_, e)| e.is_used());
    used.map(|(number, entry)| check(number, &entry, &header)).collect()
}

/// The header in a block, if it is whole and belongs there.
fn header(bytes: &[u8], block: u64) -> Result<GptHeader, String> {
    let header = parse(bytes);
    if !header.is_signature_valid() {
        return Err(String::from("there is no GPT header"));
    }
    let size = header.header_size.to_u32() as usize;
    if header.revision.major() != 1 || !(HEADER..=bytes.len()).contains(&size) {
        let revision = header.revision;
        return Err(format!("the header has revision {revision} and {size} bytes"));
    }
    let parts = [&bytes[..HEADER_CRC.start], &[0; 4], &bytes[HEADER_CRC.end..size]];
    if crc(&parts) != header.header_crc32 {
        return Err(String::from("the header's checksum is wrong"));
    }
    if header.my_lba.to_u64() != block {
        return Err(format!("the header is that of block {}", header.my_lba));
    }
    Ok(header)
}

fn parse(bytes: &[u8]) -> GptHeader {
    let lba = |at| LbaLe(U64Le(field(bytes, at)));
    let word = |at| U32Le(field(bytes, at));
    GptHeader {
        signature: GptHeaderSignature(U64Le(field(bytes, 0))),
        revision: GptHeaderRevision(word(8)),
        header_size: word(12),
        header_crc32: Crc32(word(HEADER_CRC.start)),
        reserved: word(20),
        my_lba: lba(24),
        alternate_lba: lba(32),
        first_usable_lba: lba(40),
        last_usable_lba: lba(48),
        disk_guid: Guid::from_bytes(field(bytes, 56)),
        partition_entry_lba: lba(72),
        number_of_partition_entries: word(80),
        size_of_partition_entry: word(84),
        partition_entry_array_crc32: Crc32(word(88)),
    }
}

/// The bytes of the entries.
fn array(disk: &Disk<'_>, layout: &GptPartitionEntryArrayLayout) -> Result<Vec<u8>, String> {
    let exact = layout.num_bytes_exact().filter(|len| (1..=LARGEST_ARRAY).contains(len));
    let blocks = BlockSize::new(disk.block_size() as u32).and_then(|size| layout.num_blocks(size));
    let (Some(exact), Some(blocks)) = (exact, blocks) else {
        return Err(format!("{} entries", layout.num_entries));
    };
    let mut bytes = disk.read(layout.start_lba.to_u64(), blocks)?;
    bytes.truncate(exact as usize);
    Ok(bytes)
}

fn entry(bytes: &[u8]) -> GptPartitionEntry {
    GptPartitionEntry {
        partition_type_guid: GptPartitionType(Guid::from_bytes(field(bytes, 0))),
        starting_lba: LbaLe(U64Le(field(bytes, 32))),
        ending_lba: LbaLe(U64Le(field(bytes, 40))),
        ..GptPartitionEntry::default()
    }
}

fn check(number: u64, entry: &GptPartitionEntry, header: &GptHeader) -> Result<Entry, String> {
    let usable = Lba::from(header.first_usable_lba)..=Lba::from(header.last_usable_lba);
    let range = entry.lba_range().filter(|range| {
        usable.contains(&range.start()) && usable.contains(&range.end()) && range.end().0 < u64::MAX
    });
    let Some(range) = range else {
        let (first, last) = (entry.starting_lba, entry.ending_lba);
        return Err(format!("partition {number}, blocks {first} to {last}, is not a usable range"));
    };
    Ok(Entry { number, first: range.start().to_u64(), blocks: range.num_blocks() })
}

fn crc(parts: &[&[u8]]) -> Crc32 {
    let crc = Crc::<u32>::new(&Crc32::ALGORITHM);
    let mut digest = crc.digest();
    parts.iter().for_each(|part| digest.update(part));
    Crc32(U32Le(digest.finalize().to_le_bytes()))
}
