//! What lies on disks and in files: partition tables, and the records of `perms`.
#![cfg(not(target_os = "redox"))]

use std::sync::Arc;

use bolero::{TypeGenerator, check};
use crc::{CRC_32_ISO_HDLC, Crc};
use driver::{Cred, Driver, Node, Op, OpenFlags, OptionValue};
use kit::{Files, make, ramdisk, read, tmpfs, write};

const BLOCK: usize = 512;
const BLOCKS: usize = 128;
const HEADER: usize = BLOCK;
const ARRAY: usize = 2 * BLOCK;
/// Entries of 128 bytes that the table has room for.
const ENTRIES: u32 = 16;

fn sum(bytes: &[u8]) -> [u8; 4] {
    Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes).to_le_bytes()
}

/// A disk whose table is good, but for what is written over it, before or after the checksums.
#[derive(Debug, TypeGenerator)]
struct Table {
    /// First block of each partition, and how many.
    ranges: [(u8, u8); 4],
    usable: Option<(u8, u8)>,
    before: Option<[(u16, u8); 2]>,
    after: Option<[(u16, u8); 2]>,
    number: u8,
    mbr: bool,
}

impl Table {
    fn bytes(&self) -> Vec<u8> {
        let mut disk: Vec<u8> = (0..BLOCKS).flat_map(|block| [block as u8; BLOCK]).collect();
        disk[..ARRAY + ENTRIES as usize * 128].fill(0);
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        if self.mbr {
            self.put_mbr(&mut disk)
        } else {
            self.put_gpt(&mut disk)
        }
        edit(&mut disk, &self.after);
        disk
    }

    fn put_mbr(&self, disk: &mut [u8]) {
        for (entry, (first, count)) in disk[446..510].chunks_mut(16).zip(&self.ranges) {
            entry[4] = 0x83;
            entry[8] = *first % BLOCKS as u8;
            entry[12] = *count % 64;
        }
        edit(disk, &self.before);
    }

    fn put_gpt(&self, disk: &mut [u8]) {
        disk[450] = 0xee;
        disk[454] = 1;
        disk[458] = BLOCKS as u8 - 1;
        let header = &mut disk[HEADER..][..92];
        header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
        header[24] = 1;
        (header[40], header[48]) = self.usable.unwrap_or((6, BLOCKS as u8 - 1));
        header[72] = 2;
        header[80..84].copy_from_slice(&ENTRIES.to_le_bytes());
        header[84] = 128;
        let entries = disk[ARRAY..].chunks_mut(128);
        for (entry, (first, count)) in entries.zip(&self.ranges).filter(|(_, range)| range.1 > 0) {
            let first = first % BLOCKS as u8;
            entry[..16].fill(1);
            (entry[32], entry[40]) = (first, first + count % 64);
        }
        edit(disk, &self.before);
        let array = sum(&disk[ARRAY..][..ENTRIES as usize * 128]);
        disk[HEADER + 88..][..4].copy_from_slice(&array);
        disk[HEADER + 16..][..4].fill(0);
        let header = sum(&disk[HEADER..][..92]);
        disk[HEADER + 16..][..4].copy_from_slice(&header);
    }
}

/// Writes over the table.
fn edit(disk: &mut [u8], edits: &Option<[(u16, u8); 2]>) {
    for (at, byte) in edits.iter().flatten() {
        disk[446 + usize::from(*at) % (ARRAY + 4 * 128 - 446)] = *byte;
    }
}

#[test]
fn any_table_is_a_partition_within_its_disk_or_an_error() {
    check!().with_type::<Table>().for_each(|table| {
        let (bytes, disk) = (table.bytes(), ramdisk((BLOCKS * BLOCK) as u64));
        write(&*disk, 0, &bytes).result().expect("a write of the whole disk");
        let number = u64::from(table.number % 6);
        let options = [("number", OptionValue::Integer(number))];
        match make(&driver_partition::KIND, &options, &[disk]) {
            Ok(partition) => is_within(&*partition, &bytes),
            Err(reason) => assert!(!reason.is_empty()),
        }
    });
}

/// The first and the last block of a partition are so far apart on the disk.
fn is_within(partition: &dyn Driver, disk: &[u8]) {
    let blocks = partition.describe().size as usize / BLOCK;
    assert!((1..=BLOCKS).contains(&blocks));
    let block = |number: usize| {
        let mut block = [0; BLOCK];
        let status = read(partition, (number * BLOCK) as u64, &mut block);
        assert_eq!(status.result(), Ok(BLOCK));
        block
    };
    let (first, last) = (block(0), block(blocks - 1));
    let all = disk.as_chunks::<BLOCK>().0;
    assert!((0..=BLOCKS - blocks).any(|at| all[at] == first && all[at + blocks - 1] == last));
}

/// What is made in a directory with this bit has the directory's group.
const SETGID: u16 = 0o2000;

/// A record of `perms`, good or not.
#[derive(Debug, TypeGenerator)]
enum Piece {
    Good { inode: u8, uid: u32, gid: u32, mode: u16, end: u8 },
    Bad([u8; 24]),
    Torn(Vec<u8>),
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Good { inode, uid, gid, mode, end } => {
                let mut bytes = u64::from(*inode).to_le_bytes().to_vec();
                bytes.extend_from_slice(&uid.to_le_bytes());
                bytes.extend_from_slice(&gid.to_le_bytes());
                bytes.extend_from_slice(&mode.to_le_bytes());
                bytes.extend_from_slice(&[*end, 0]);
                bytes.extend_from_slice(&sum(&bytes));
                bytes
            }
            Piece::Bad(bytes) => bytes.to_vec(),
            Piece::Torn(bytes) => bytes.clone(),
        }
    }
}

#[test]
fn any_file_of_perms_mounts_and_what_is_made_then_has_what_it_was_given() {
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let below = tmpfs(1 << 20);
        let (plain, root) = (Files(Arc::clone(&below)), Cred::ROOT);
        let file = plain.create(root, Node::ROOT, driver_perms::FILE).expect("room for it");
        let bytes: Vec<u8> = pieces.iter().flat_map(Piece::bytes).collect();
        assert_eq!(plain.write(root, file, 0, &bytes), Ok(bytes.len()));
        plain.status(root, Op::Close { node: file }, &[]).expect("it is open");
        let perms = Files(make(&driver_perms::KIND, &[], &[below]).expect("it mounts"));
        let user = Cred { uid: 7, gid: 9 };
        let flags = OpenFlags::WRITE;
        let op = Op::Create { parent: Node::ROOT, mode: 0o640, flags };
        let dir = perms.attr(Node::ROOT).expect("there is one");
        let gid = if dir.mode & SETGID == 0 { root.gid } else { dir.gid };
        let (node, made) = perms.entry(root, op, &[b"new"]).expect("root makes files anywhere");
        assert_eq!((made.uid, made.gid, made.mode), (root.uid, gid, 0o640));
        assert_eq!(perms.attr(node), Ok(made));
        assert!(perms.find_as(user, driver_perms::FILE).is_err(), "nobody sees it");
    });
}
