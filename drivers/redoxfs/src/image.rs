//! What can be checked of an image before the library sees it.
//!
//! The library believes what an image says: it would index, allocate and loop by it.

use alloc::{format, string::String};

use redoxfs::{
    ALLOC_LIST_ENTRIES, AllocList, BLOCK_SIZE, BlockAddr, BlockData, BlockLevel, BlockTrait,
    HEADER_RING, Header, SIGNATURE, VERSION,
};
use redoxfs_disk::PortDisk;

/// Blocks at the disk's beginning where a file system may begin, behind a boot loader.
const SEARCHED: u64 = 65_536;
/// Steps that the library may take through the log of allocations, beside one for each block.
const STEPS: u64 = 1 << 26;

/// Finds the file system and checks what mounting it relies on: the block of one of its headers,
/// and the text that says what is wrong and what to do.
pub(crate) fn inspect(disk: &mut PortDisk, password: bool) -> Result<u64, String> {
    let (block, header) = find(disk)?;
    let first = block.checked_sub(header.generation() % HEADER_RING).ok_or_else(|| {
        format!("the RedoxFS header in block {block} is another block's: the image is damaged")
    })?;
    let header = newest(disk, first, header)?;
    match (header.encrypted(), password) {
        (true, false) => Err(String::from("the file system is encrypted: give its password")),
        (false, true) => {
            Err(String::from("the file system is not encrypted: do without a password"))
        }
        (true, true) => Ok(block),
        (false, false) => check_log(disk, first, &header).map(|()| block),
    }
}

fn read_header(disk: &mut PortDisk, block: u64) -> Result<Header, String> {
    let mut header = Header::default();
    match disk.read(block, &mut header) {
        Ok(()) => Ok(header),
        Err(errno) => Err(format!("block {block} could not be read: {errno}")),
    }
}

/// The first header that is whole.
fn find(disk: &mut PortDisk) -> Result<(u64, Header), String> {
    let mut near = None;
    for block in 0..SEARCHED.min(disk.len() / BLOCK_SIZE) {
        let header = read_header(disk, block)?;
        if header.valid() {
            return Ok((block, header));
        }
        if header.signature == *SIGNATURE && near.is_none() {
            near = Some((block, header.version.to_ne()));
        }
    }
    Err(match near {
        None => String::from("there is no RedoxFS here: make one, or stand on another disk"),
        Some((_, version)) if version != VERSION => {
            format!("the RedoxFS here has version {version}, but this driver knows {VERSION}")
        }
        Some((block, _)) => {
            format!("the RedoxFS header in block {block} is damaged, and there is no other")
        }
    })
}

/// The latest header of the ring that begins at `first`, if it makes sense on this disk.
fn newest(disk: &mut PortDisk, first: u64, found: Header) -> Result<Header, String> {
    let blocks = disk.len() / BLOCK_SIZE - first;
    let mut newest = found;
    for index in 0..HEADER_RING.min(blocks) {
        let header = read_header(disk, first + index)?;
        if header.valid() && header.generation() > newest.generation() {
            newest = header;
        }
    }
    let size = newest.size() / BLOCK_SIZE;
    if size > blocks || blocks < HEADER_RING {
        return Err(format!(
            "the image is cut short: the file system has {size} blocks, but the disk only \
             {blocks}"
        ));
    }
    let inside = |addr: BlockAddr| (HEADER_RING..size).contains(&addr.index());
    let (tree, log) = (newest.tree, newest.alloc);
    if !inside(tree.addr()) || !inside(log.addr()) {
        return Err(String::from("the latest RedoxFS header makes no sense: the image is damaged"));
    }
    Ok(newest)
}

/// Checks the log of allocations, which mounting plays back block by block.
fn check_log(disk: &mut PortDisk, first: u64, header: &Header) -> Result<(), String> {
    let blocks = header.size() / BLOCK_SIZE;
    let mut left = (blocks.saturating_add(STEPS), blocks);
    let mut next = header.alloc;
    while !next.is_null() {
        let damaged = || {
            let block = next.addr().index();
            format!("the RedoxFS log of allocations is damaged in its block {block}")
        };
        let mut list = AllocList::empty(BlockLevel::default()).ok_or_else(damaged)?;
        disk.read(first.saturating_add(next.addr().index()), &mut list).map_err(|_| damaged())?;
        let list = BlockData::new(next.addr(), list);
        if list.create_ptr().hash() != next.hash() {
            return Err(damaged());
        }
        left = check_list(list.data(), blocks, left).ok_or_else(damaged)?;
        next = list.data().prev;
    }
    Ok(())
}

/// What is left of (steps, blocks of the log) after this one; `None` where it makes no sense.
fn check_list(list: &AllocList, blocks: u64, (steps, lists): (u64, u64)) -> Option<(u64, u64)> {
    let mut steps = steps;
    for index in 0..ALLOC_LIST_ENTRIES {
        let entry = list.entries[index];
        let count = entry.count().unsigned_abs();
        if count > 0 {
            entry.index().checked_add(count).filter(|end| *end <= blocks)?;
        }
        steps = steps.checked_sub(count)?;
    }
    Some((steps, lists.checked_sub(1)?))
}
