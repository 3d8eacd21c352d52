//! `mkpart`: writes a GUID partition table, by the `gpt` library.

use std::io::{self, Write};

use comfy_table::{Table, presets::NOTHING};
use gpt::{GptConfig, GptDisk, disk::LogicalBlockSize, mbr::ProtectiveMBR, partition::Partition};
use serde::Serialize;

use crate::{
    disk::Disk,
    error::Error,
    list::print_json,
    staged::Staged,
    wanted::{Size, Wanted, name_of},
};

/// What is asked of the command.
pub(crate) struct Order<'a> {
    pub(crate) disk: &'a str,
    pub(crate) wanted: &'a [Wanted],
    /// Bytes that partitions begin at multiples of.
    pub(crate) align: u64,
    /// Bytes of a block of an image.
    pub(crate) block: u32,
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
}

/// A table, as it is told.
#[derive(Serialize)]
struct Told {
    disk: String,
    block_size: u64,
    blocks: u64,
    partitions: Vec<Row>,
    written: bool,
}

#[derive(Serialize)]
struct Row {
    number: u32,
    first: u64,
    last: u64,
    bytes: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    guid: String,
}

/// Lays a table out, says it, and writes it unless only asked what it would be.
pub(crate) fn mkpart(order: &Order<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let disk = Disk::open(order.disk, order.block)?;
    let table = lay_out(&disk, order)?;
    let told = tell(&disk, &table, !order.dry_run);
    if !order.force && !order.dry_run && disk.is_used()? {
        return Err(failed(&disk, io::ErrorKind::AlreadyExists.into())
            .hint("there is something on it; use --force to lose what that is"));
    }
    if !order.dry_run {
        write(&disk, table).map_err(|why| failed(&disk, why))?;
    }
    if order.json { print_json(&told, out) } else { print(&told, out) }
}

fn failed(disk: &Disk, why: io::Error) -> Error {
    Error::path("make a partition table on", &disk.path, why)
}

fn wrong(disk: &Disk, why: String) -> Error {
    failed(disk, io::Error::new(io::ErrorKind::InvalidInput, why))
}

type Gpt<'a> = GptDisk<Staged<'a>>;

fn lay_out<'a>(disk: &'a Disk, order: &Order<'_>) -> Result<Gpt<'a>, Error> {
    let size = LogicalBlockSize::try_from(disk.block_size()).map_err(|_| {
        wrong(disk, format!("its blocks have {} bytes, not 512 or 4096", disk.block_size()))
    })?;
    if order.align == 0 || !order.align.is_multiple_of(disk.block_size()) {
        let block = disk.block_size();
        return Err(wrong(disk, format!("--align is no multiple of its block, {block} bytes")));
    }
    let config = GptConfig::new().writable(true).logical_block_size(size);
    let mut table = config.create_from_device(Staged::new(disk), None).map_err(|why| {
        wrong(disk, format!("it has {} bytes, too few for a table ({why})", disk.size()))
    })?;
    for (wanted, number) in order.wanted.iter().zip(1..) {
        place(disk, &mut table, wanted, number, order.align)
            .map_err(|why| wrong(disk, format!("partition {number}: {why}")))?;
    }
    Ok(table)
}

/// Finds room for a partition, where it is to be or where it fits first.
fn place(
    disk: &Disk,
    table: &mut Gpt<'_>,
    wanted: &Wanted,
    number: u32,
    align: u64,
) -> Result<(), String> {
    let block = disk.block_size();
    let step = align / block;
    let gaps: Vec<(u64, u64)> =
        table.find_free_sectors().into_iter().filter_map(|gap| aligned(gap, step)).collect();
    let largest = gaps.iter().map(|(_, blocks)| *blocks).max().unwrap_or(0);
    let blocks = match wanted.size {
        Size::Rest if wanted.start.is_none() => largest,
        Size::Rest => return Err("size=rest finds its own place: do without start".into()),
        Size::Bytes(bytes) if bytes > 0 && bytes.is_multiple_of(block) => bytes / block,
        Size::Bytes(bytes) => {
            return Err(format!("a size of {bytes} bytes is no multiple of its block, {block}"));
        }
    };
    let first = match wanted.start {
        Some(start) if !start.is_multiple_of(align) => {
            return Err(format!("start={start} is no multiple of --align, {align} bytes"));
        }
        Some(start) => Some(start / block).filter(|first| is_free(&gaps, *first, blocks)),
        None => gaps.iter().find(|(_, room)| blocks > 0 && *room >= blocks).map(|gap| gap.0),
    };
    let first = first.ok_or_else(|| no_room(wanted, blocks * block, largest * block))?;
    let kind = wanted.kind.clone();
    table
        .add_partition_at(&wanted.name, number, first, blocks, kind, 0)
        .map(drop)
        .map_err(|why| why.to_string())
}

/// A gap from its first block that is a multiple of `step` on.
fn aligned((first, blocks): (u64, u64), step: u64) -> Option<(u64, u64)> {
    let skip = first.next_multiple_of(step) - first;
    Some((first + skip, blocks.checked_sub(skip)?))
}

fn is_free(gaps: &[(u64, u64)], first: u64, blocks: u64) -> bool {
    let Some(end) = first.checked_add(blocks) else { return false };
    gaps.iter().any(|(start, room)| *start <= first && end <= start + room)
}

fn no_room(wanted: &Wanted, bytes: u64, largest: u64) -> String {
    match wanted.start {
        Some(start) => format!(
            "{bytes} bytes from {start} on overlap another partition, the table, or the disk's end"
        ),
        None => format!("there is no room for {bytes} bytes: the largest gap has {largest}"),
    }
}

/// Writes the table at both ends of the disk, and the MBR that protects it.
fn write(disk: &Disk, table: Gpt<'_>) -> io::Result<()> {
    let mut staged = table.write().map_err(io::Error::other)?;
    let blocks = disk.size() / disk.block_size() - 1;
    let mbr = ProtectiveMBR::with_lb_size(u32::try_from(blocks).unwrap_or(u32::MAX));
    mbr.overwrite_lba0(&mut staged).map_err(io::Error::other)?;
    staged.commit()
}

fn tell(disk: &Disk, table: &Gpt<'_>, written: bool) -> Told {
    let row = |(number, partition): (&u32, &Partition)| Row {
        number: *number,
        first: partition.first_lba,
        last: partition.last_lba,
        bytes: (partition.last_lba - partition.first_lba + 1) * disk.block_size(),
        kind: name_of(&partition.part_type_guid),
        name: partition.name.clone(),
        guid: partition.part_guid.to_string(),
    };
    Told {
        disk: disk.path.clone(),
        block_size: disk.block_size(),
        blocks: disk.size() / disk.block_size(),
        partitions: table.partitions().iter().map(row).collect(),
        written,
    }
}

fn print(told: &Told, out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["number", "first", "last", "bytes", "type", "name"]);
    for Row { number, first, last, bytes, kind, name, .. } in &told.partitions {
        table.add_row([
            number.to_string(),
            first.to_string(),
            last.to_string(),
            bytes.to_string(),
            kind.clone(),
            name.clone(),
        ]);
    }
    let Told { disk, blocks, block_size, .. } = told;
    writeln!(out, "{disk}: {blocks} blocks of {block_size} bytes")?;
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(out, "{}", if told.written { "written" } else { "not written" })?;
    Ok(())
}
