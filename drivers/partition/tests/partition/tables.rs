//! Tables: what is read from them, and what is refused with which words.

use std::sync::Arc;

use crate::image::{Image, error, partition, read, write};
use driver::Status;
use driver_ramdisk::Ramdisk;

/// Three partitions on a disk of 300 blocks.
fn gpt(block: usize) -> Image {
    Image::new(block, 300).gpt(&[(1, 40, 49), (2, 50, 50), (7, 100, 200)])
}

/// Each partition's first block says its number.
fn assert_found(image: &Image, disk: &Arc<Ramdisk>, table: Option<&str>) {
    for (number, first, blocks) in [(1, 40, 10), (2, 50, 1), (7, 100, 101)] {
        let part = partition(disk, number, table).unwrap_or_else(|text| panic!("{text}"));
        assert_eq!(part.describe().size, blocks * image.block as u64);
        let mark = vec![number as u8; image.block];
        write(&**disk, first * image.block as u64, &mark);
        let mut room = vec![0; image.block];
        assert_eq!(read(&*part, 0, &mut room), Status::ok(image.block));
        assert_eq!(room, mark);
    }
}

#[test]
fn partitions_of_a_gpt_are_found_whatever_the_block_size() {
    for block in [512, 4096] {
        let image = gpt(block);
        assert_found(&image, &image.disk(), None);
        assert_found(&image, &image.disk(), Some("gpt"));
    }
}

#[test]
fn partitions_of_an_mbr_are_found_whatever_the_block_size() {
    for block in [512, 4096] {
        let image = Image::new(block, 100).mbr(&[(2, 0x83, 8, 4), (4, 0x0c, 20, 80)]);
        for table in [None, Some("mbr")] {
            let disk = image.disk();
            let part = partition(&disk, 4, table).ok().unwrap();
            assert_eq!(part.describe().size, 80 * block as u64);
            assert_eq!(part.describe().block_size, block as u32);
        }
    }
}

#[test]
fn either_table_does_where_the_other_is_damaged() {
    let damages: [fn(&mut Image); 5] = [
        |image| image.put(image.block, b"EFI part"),
        |image| image.put(image.block + 60, &[1]),
        |image| image.put(image.block * 2 + 100, &[1]),
        |image| image.put(image.block * image.last() + 17, &[1, 2, 3]),
        |image| image.put(image.block * (image.last() - 1), &[1, 2, 3]),
    ];
    for damage in damages {
        let mut image = gpt(512);
        damage(&mut image);
        assert_found(&image, &image.disk(), None);
    }
}

#[test]
fn two_damaged_tables_are_refused_and_both_reasons_given() {
    let mut image = gpt(512);
    image.put(512 + 60, &[1]);
    let backup = image.last() * 512;
    image.put(backup, &[0; 8]);
    let text = error(partition(&image.disk(), 1, None));
    assert!(text.contains("block 1 the header's checksum is wrong"), "{text}");
    assert!(text.contains("block 299: there is no GPT header"), "{text}");
}

/// Breaks both headers in the same way, with right checksums, and gives the error.
fn refused(at: usize, bytes: &[u8]) -> String {
    let mut image = gpt(512);
    for here in [1, image.last()] {
        image.put(here * 512 + at, bytes);
        image.seal(here);
    }
    error(partition(&image.disk(), 1, Some("gpt")))
}

#[test]
fn headers_without_sense_are_refused_though_their_checksums_are_right() {
    assert!(refused(8, &[0, 0, 2, 0]).contains("revision"));
    assert!(refused(12, &[91, 0, 0, 0]).contains("91 bytes"));
    assert!(refused(12, &[1, 2, 0, 0]).contains("513 bytes"));
    assert!(refused(24, &[9]).contains("that of block 9"));
    assert!(refused(72, &[0xff; 8]).contains("past the end"));
    assert!(refused(80, &[0; 4]).contains("0 entries"));
    assert!(refused(80, &[0xff; 4]).contains("4294967295 entries"));
    assert!(refused(84, &[100, 0, 0, 0]).contains("entries of 100 bytes"));
    assert!(refused(84, &[0; 4]).contains("entries of 0 bytes"));
    assert!(refused(88, &[1, 2, 3, 4]).contains("entries' checksum"));
    assert!(refused(48, &45u64.to_le_bytes()).contains("not a usable range"));
}

#[test]
fn entries_without_sense_are_refused() {
    for (first, last) in [(49u64, 40u64), (0, 40), (40, 299), (40, u64::MAX), (u64::MAX, u64::MAX)]
    {
        let text = error(partition(&Image::new(512, 300).gpt(&[(3, first, last)]).disk(), 3, None));
        assert!(text.contains("partition 3"), "{text}");
    }
}

#[test]
fn a_number_that_is_not_there_names_those_that_are() {
    let text = error(partition(&gpt(512).disk(), 3, None));
    assert!(text.contains("no partition 3") && text.contains("1, 2, 7"), "{text}");
    let text = error(partition(&gpt(512).disk(), 0, None));
    assert!(text.contains("no partition 0"), "{text}");
    let text = error(partition(&Image::new(512, 300).gpt(&[]).disk(), 1, None));
    assert!(text.contains("table is empty"), "{text}");
}

#[test]
fn a_disk_cut_short_is_told_from_a_damaged_table() {
    let mut image = gpt(512);
    image.bytes.truncate(150 * 512);
    let disk = image.disk();
    assert!(partition(&disk, 1, None).is_ok());
    let text = error(partition(&disk, 7, None));
    assert!(text.contains("the disk has 150 blocks") && text.contains("cut short"), "{text}");
    let image = Image::new(512, 100).mbr(&[(1, 0x83, 50, 51)]);
    assert!(error(partition(&image.disk(), 1, None)).contains("cut short"));
    let image = Image::new(512, 100).mbr(&[(1, 0x83, u32::MAX, u32::MAX)]);
    assert!(error(partition(&image.disk(), 1, None)).contains("cut short"));
}

#[test]
fn a_disk_without_a_table_is_refused() {
    let text = error(partition(&Image::new(512, 100).disk(), 1, None));
    assert!(text.contains("no MBR"), "{text}");
    let text = error(partition(&Image::new(512, 100).disk(), 1, Some("gpt")));
    assert!(text.contains("no usable GPT"), "{text}");
    let mut boot = Image::new(512, 100).mbr(&[(1, 0x83, 50, 10)]);
    boot.put(446, b"text");
    assert!(error(partition(&boot.disk(), 1, None)).contains("boot sector"));
    assert!(error(partition(&Image::new(512, 1).disk(), 1, None)).contains("too few"));
}

#[test]
fn the_mbr_of_a_gpt_is_not_taken_for_a_table() {
    let text = error(partition(&gpt(512).disk(), 1, Some("mbr")));
    assert!(text.contains("protects a GPT"), "{text}");
}

#[test]
fn a_lost_mbr_can_be_done_without() {
    let mut image = gpt(512);
    image.put(0, &[0; 512]);
    assert!(error(partition(&image.disk(), 1, None)).contains("table = \"gpt\""));
    assert_found(&image, &image.disk(), Some("gpt"));
}

#[test]
fn an_unknown_kind_of_table_is_named() {
    assert!(error(partition(&gpt(512).disk(), 1, Some("apm"))).contains("\"apm\""));
}

#[test]
fn random_damage_never_does_more_than_an_error() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..400 {
        let mut image = gpt(512);
        for here in [1, image.last()] {
            for _ in 0..3 {
                let at = here * 512 + 8 + (next() % 84) as usize;
                image.put(at, &[next() as u8]);
            }
            image.seal(here);
        }
        if let Ok(part) = partition(&image.disk(), 1, Some("gpt")) {
            assert!(part.describe().size <= image.bytes.len() as u64);
        }
    }
}
