//! A disk image with a partition table and a RedoxFS that holds a tree.
//!
//! The image is made by the file system's library alone, straight on the image file, so that
//! what the drivers read back is checked against something else than themselves.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::FileExt,
    path::Path,
};

use gpt_disk_types::{
    BlockSize, GptHeader, GptPartitionEntry, GptPartitionEntryArray, GptPartitionEntryArrayLayout,
    GptPartitionEntrySize, GptPartitionType, Lba, LbaLe, MasterBootRecord, U32Le, guid,
};
use indicatif::ProgressBar;
use redoxfs::{Disk, DiskFile, FileSystem, Node, TreePtr};

use crate::tree::{Item, Kind, Tree};

const BLOCK: u64 = 512;
/// Bytes before the partition, and after it.
const MARGIN: u64 = 1 << 20;
/// Entries of the table, and the blocks that they take.
const ENTRIES: u32 = 128;
const ENTRY_BLOCKS: u64 = 32;
/// What RedoxFS partitions call themselves: the generic "Linux filesystem data".
const TYPE: GptPartitionType = GptPartitionType(guid!("0fc63daf-8483-4772-8e79-3d69d8477de4"));

type Result<T> = std::result::Result<T, String>;

/// Makes the image.
pub fn make(path: &Path, tree: &Tree, progress: &ProgressBar) -> Result<()> {
    let failed = |error: std::io::Error| format!("can't make {}: {error}", path.display());
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(failed)?;
    let inside = room(tree);
    let blocks = (inside + 2 * MARGIN) / BLOCK;
    let table = Table::new(blocks)?;
    file.set_len(MARGIN + inside).map_err(failed)?;
    let clone = file.try_clone().map_err(failed)?;
    populate(DiskFile { file: clone }, &table.front, tree, progress)?;
    file.set_len(blocks * BLOCK).map_err(failed)?;
    let at = blocks * BLOCK - table.back.len() as u64;
    file.write_all_at(&table.back, at).and_then(|()| file.sync_all()).map_err(failed)
}

/// Bytes for a file system that holds the tree, with a good deal to spare.
fn room(tree: &Tree) -> u64 {
    let files = tree.items.len() as u64 * 16384;
    let room = tree.bytes() + tree.bytes() / 8 + files + (24 << 20);
    room.next_multiple_of(MARGIN)
}

/// The bytes of a partition table, at both ends of the disk.
struct Table {
    front: Vec<u8>,
    back: Vec<u8>,
}

impl Table {
    fn new(blocks: u64) -> Result<Table> {
        let wrong = |what: &str| format!("can't make the partition table: {what}");
        let mut bytes = vec![0; (ENTRY_BLOCKS * BLOCK) as usize];
        let entry_size = GptPartitionEntrySize::new(128).map_err(|_| wrong("entry size"))?;
        let layout =
            GptPartitionEntryArrayLayout { start_lba: Lba(2), entry_size, num_entries: ENTRIES };
        let mut entries = GptPartitionEntryArray::new(layout, BlockSize::BS_512, &mut bytes)
            .map_err(|_| wrong("entries"))?;
        *entries.get_partition_entry_mut(0).ok_or_else(|| wrong("first entry"))? =
            GptPartitionEntry {
                partition_type_guid: TYPE,
                unique_partition_guid: guid!("b1d5a5d6-2003-4717-9f3e-000000000001"),
                starting_lba: LbaLe::from_u64(MARGIN / BLOCK),
                ending_lba: LbaLe::from_u64(blocks - MARGIN / BLOCK - 1),
                ..GptPartitionEntry::default()
            };
        let crc = entries.calculate_crc32();
        let header = |mine: u64, other: u64, entries_at: u64| {
            let mut header = GptHeader {
                my_lba: LbaLe::from_u64(mine),
                alternate_lba: LbaLe::from_u64(other),
                first_usable_lba: LbaLe::from_u64(2 + ENTRY_BLOCKS),
                last_usable_lba: LbaLe::from_u64(blocks - 2 - ENTRY_BLOCKS),
                disk_guid: guid!("b1d5a5d6-2003-4717-9f3e-000000000000"),
                partition_entry_lba: LbaLe::from_u64(entries_at),
                number_of_partition_entries: U32Le(ENTRIES.to_le_bytes()),
                partition_entry_array_crc32: crc,
                ..GptHeader::default()
            };
            header.update_header_crc32();
            block(&header)
        };
        let last = blocks - 1;
        let mut front = block(&MasterBootRecord::protective_mbr(blocks));
        front.extend(header(1, last, 2));
        front.extend_from_slice(&bytes);
        front.resize(MARGIN as usize, 0);
        let mut back = bytes;
        back.extend(header(last, 1, last - ENTRY_BLOCKS));
        Ok(Table { front, back })
    }
}

/// A structure at the beginning of a block.
fn block<T: bytemuck::Pod>(value: &T) -> Vec<u8> {
    let mut bytes = bytemuck::bytes_of(value).to_vec();
    bytes.resize(BLOCK as usize, 0);
    bytes
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("can't make the file system: {error}")
}

/// Makes a file system with the tree in it on a disk, behind `front`. The disk, when all is written
/// to it.
pub fn populate<D: Disk>(disk: D, front: &[u8], tree: &Tree, progress: &ProgressBar) -> Result<D> {
    let mut fs = FileSystem::create_reserved(disk, None, front, 1, 0).map_err(failed)?;
    let mut nodes = HashMap::from([(String::new(), TreePtr::root())]);
    for item in &tree.items {
        progress.set_message(item.path.clone());
        let node = add(&mut fs, tree, item, &nodes)
            .map_err(|why| format!("can't put {} into the image: {why}", item.path))?;
        nodes.insert(item.path.clone(), node);
        progress.inc(1);
    }
    // What is put into a directory changes its times, so they are set afterwards.
    for item in tree.items.iter().rev() {
        fs.tx(|tx| {
            let mut node = tx.read_tree(nodes[&item.path])?;
            node.data_mut().set_uid(item.uid);
            node.data_mut().set_gid(item.gid);
            node.data_mut().set_mtime(item.mtime.0, item.mtime.1);
            tx.sync_tree(node)
        })
        .map_err(failed)?;
    }
    Ok(fs.disk)
}

fn add<D: Disk>(
    fs: &mut FileSystem<D>,
    tree: &Tree,
    item: &Item,
    nodes: &HashMap<String, TreePtr<Node>>,
) -> Result<TreePtr<Node>> {
    let (dir, name) = item.path.rsplit_once('/').unwrap_or(("", &item.path));
    let parent = *nodes.get(dir).ok_or("its directory is not in the tree")?;
    let kind = match item.kind {
        Kind::Directory => Node::MODE_DIR,
        Kind::File { .. } => Node::MODE_FILE,
        Kind::Link { .. } => Node::MODE_SYMLINK,
    };
    let time = item.mtime;
    let made = fs.tx(|tx| {
        let node = tx.create_node(parent, name, kind | item.mode, time.0, time.1)?.ptr();
        if let Kind::Link { target } = &item.kind {
            tx.write_node(node, 0, target, time.0, time.1)?;
        }
        Ok(node)
    });
    let node = made.map_err(|error| error.to_string())?;
    if let Kind::File { .. } = item.kind {
        fill(fs, node, tree, item)?;
    }
    Ok(node)
}

fn fill<D: Disk>(
    fs: &mut FileSystem<D>,
    node: TreePtr<Node>,
    tree: &Tree,
    item: &Item,
) -> Result<()> {
    let mut input = File::open(tree.top.join(&item.path)).map_err(|error| error.to_string())?;
    let (mut buffer, mut offset) = (vec![0; 1 << 20], 0);
    loop {
        let count = input.read(&mut buffer).map_err(|error| error.to_string())?;
        if count == 0 {
            return Ok(());
        }
        fs.tx(|tx| tx.write_node(node, offset, &buffer[..count], item.mtime.0, item.mtime.1))
            .map_err(|error| error.to_string())?;
        offset += count as u64;
    }
}
