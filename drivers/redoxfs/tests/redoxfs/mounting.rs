//! Mounting: what is taken, what is refused with which words, and what it describes.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use driver::{Class, Context, Driver, Errno, Features, Node, OptionValue, Options, Spin, Time};
use driver_ramdisk::Ramdisk;

use crate::fs::{Disk, Fs, MIB, RDWR, image, make, port_disk};

fn flag(key: &str) -> (&str, OptionValue) {
    (key, OptionValue::Flag(true))
}

fn refusal(disk: Arc<dyn Driver>) -> String {
    make(disk, &[]).err().expect("an error")
}

/// The first `size` bytes of an image.
fn cut(from: &Arc<Ramdisk>, size: u64) -> Arc<Ramdisk> {
    let to = Arc::new(Ramdisk::new(size, 512, false).unwrap());
    let (mut here, mut there) = (port_disk(from), port_disk(&to));
    let mut block = [0; 4096];
    for index in 0..size / 4096 {
        here.read(index, &mut block).unwrap();
        there.write(index, &block).unwrap();
    }
    to
}

#[test]
fn it_describes_itself_as_a_file_driver_that_blocks_if_its_disk_does() {
    let ram = image(4 * MIB, None);
    let described = make(ram.clone(), &[]).ok().unwrap().describe();
    assert_eq!((described.class, described.features), (Class::File, Features::empty()));
    assert_eq!(described.size, 4 * MIB);
    let mut disk = Arc::into_inner(Disk::new(ram)).unwrap();
    disk.features |= Features::BLOCKS | Features::REMOTE;
    let described = make(Arc::new(disk), &[]).ok().unwrap().describe();
    assert_eq!(described.features, Features::BLOCKS);
}

#[test]
fn a_disk_without_a_file_system_is_refused() {
    let empty = Arc::new(Ramdisk::new(MIB, 512, false).unwrap());
    assert!(refusal(empty).contains("there is no RedoxFS here"));
    let tiny = Arc::new(Ramdisk::new(512, 512, false).unwrap());
    assert!(refusal(tiny).contains("there is no RedoxFS here"));
    let coarse = Arc::new(Ramdisk::new(MIB, 65_536, false).unwrap());
    assert!(refusal(coarse).contains("blocks of 65536 bytes"));
    let options = Options::default();
    let context = Context { now: Time::default, wait: &Spin };
    let nowhere = (driver_redoxfs::KIND.make)(&options, vec![], &context).err().unwrap();
    assert!(nowhere.contains("stands on another driver"));
    let fs = Fs::new(4 * MIB);
    assert!(refusal(fs.driver).contains("stands on a file driver"));
}

#[test]
fn an_image_cut_short_is_refused() {
    let whole = image(8 * MIB, None);
    for size in [4 * MIB, 8 * MIB - 4096, 100 * 4096] {
        let text = refusal(cut(&whole, size));
        assert!(text.contains("cut short") && text.contains("2048 blocks"), "{text}");
    }
}

#[test]
fn another_version_and_a_damaged_header_are_told_apart() {
    let ram = image(4 * MIB, None);
    let mut disk = port_disk(&ram);
    let mut header = [0; 4096];
    disk.read(1, &mut header).unwrap();
    for index in 0..256 {
        disk.write(index, &[0; 4096]).unwrap();
    }
    header[8] += 1;
    disk.write(1, &header).unwrap();
    assert!(refusal(ram.clone()).contains("version 9, but this driver knows 8"));
    header[8] -= 1;
    header[40] ^= 1;
    disk.write(1, &header).unwrap();
    assert!(refusal(ram).contains("header in block 1 is damaged"));
}

#[test]
fn a_file_system_behind_a_boot_loader_is_found() {
    let ram = Arc::new(Ramdisk::new(8 * MIB, 512, false).unwrap());
    let loader = vec![0x90; 70_000];
    redoxfs::FileSystem::create_reserved(port_disk(&ram), None, &loader, 1, 0).unwrap();
    let fs = Fs::mount(&ram);
    let file = fs.file(Node::ROOT, "file", b"x");
    assert_eq!(fs.again().find("file"), Ok(file));
}

#[test]
fn an_encrypted_file_system_wants_its_password() {
    let ram = image(4 * MIB, Some("right"));
    let password = |text: &str| [("password", OptionValue::Text(text.into()))];
    assert!(refusal(ram.clone()).contains("encrypted: give its password"));
    let text = make(ram.clone(), &password("wrong")).err().unwrap();
    assert!(text.contains("does not fit"), "{text}");
    let fs = Fs { driver: make(ram.clone(), &password("right")).ok().unwrap(), ..Fs::new(4 * MIB) };
    let file = fs.file(Node::ROOT, "file", &[0x5a; 9000]);
    let fs = Fs { driver: make(ram.clone(), &password("right")).ok().unwrap(), ..fs };
    assert_eq!(fs.bytes(file, 0, 9999), Ok(vec![0x5a; 9000]));
    let text = make(image(4 * MIB, None), &password("any")).err().unwrap();
    assert!(text.contains("not encrypted"), "{text}");
}

#[test]
fn a_read_only_mount_writes_nothing() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "file", b"x");
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    fs.disk.fail.store(true, Relaxed);
    let driver = make(fs.disk.clone(), &[flag("read_only")]).ok().unwrap();
    assert_eq!(driver.describe().features, Features::READ_ONLY);
    let fs = Fs { driver, ..fs };
    fs.open(file, driver::OpenFlags::READ).unwrap();
    assert_eq!(fs.bytes(file, 0, 9).unwrap(), b"x");
    assert_eq!(fs.list(Node::ROOT), ["dir", "file"]);
    fs.close(file).unwrap();
    let refused = Errno::EROFS;
    assert_eq!(fs.open(file, RDWR), Err(refused));
    assert_eq!(fs.write(file, 0, b"y"), Err(refused));
    assert_eq!(fs.truncate(file, 0), Err(refused));
    assert_eq!(fs.create(dir, "new", RDWR), Err(refused));
    assert_eq!(fs.mkdir(dir, "new"), Err(refused));
    assert_eq!(fs.symlink(dir, "new", "x"), Err(refused));
    assert_eq!(fs.link(file, dir, "new"), Err(refused));
    assert_eq!(fs.unlink(Node::ROOT, "file"), Err(refused));
    assert_eq!(fs.rename(Node::ROOT, "file", dir, "new"), Err(refused));
    assert_eq!(fs.setattr(file, driver::SetAttr::default()), Err(refused));
    assert_eq!(fs.flush(), Ok(()));
}

#[test]
fn a_read_only_disk_is_mounted_read_only() {
    let mut disk = Arc::into_inner(Disk::new(image(4 * MIB, None))).unwrap();
    disk.features |= Features::READ_ONLY;
    let described = make(Arc::new(disk), &[]).ok().unwrap().describe();
    assert_eq!(described.features, Features::READ_ONLY);
}

#[test]
fn figures_are_those_of_the_file_system() {
    let fs = Fs::new(8 * MIB);
    let figures = fs.statfs();
    assert_eq!((figures.block_size, figures.blocks), (4096, 2048));
    assert!((1500..2048 - 256).contains(&figures.free));
}

#[test]
fn a_change_costs_two_flushes_where_what_is_below_writes_back_and_else_none() {
    let back = || {
        let mut disk = Arc::into_inner(Disk::new(image(4 * MIB, None))).unwrap();
        disk.features |= Features::WRITES_BACK;
        Fs::on(Arc::new(disk), &[])
    };
    let told = || Fs::on(Disk::new(image(4 * MIB, None)), &[flag("barriers")]);
    for (fs, flushes) in [(Fs::new(4 * MIB), 0), (back(), 2), (told(), 2)] {
        let node = fs.file(Node::ROOT, "file", b"first");
        let since = |before: u64| fs.disk.flushes.load(Relaxed) - before;
        let before = since(0);
        for _ in 0..10 {
            fs.write(node, 0, &[7; 5000]).unwrap();
        }
        fs.mkdir(Node::ROOT, "dir").unwrap();
        assert_eq!(since(before), 11 * flushes);
        fs.bytes(node, 0, 5000).unwrap();
        assert_eq!(since(before), 11 * flushes, "reads change nothing");
        fs.flush().unwrap();
        assert_eq!(since(before), 11 * flushes + 1);
        fs.mkdir(Node::ROOT, "other").unwrap();
        let last = if flushes > 0 { 1 } else { 0 };
        assert_eq!(since(before), 11 * flushes + 1 + last, "the header is safe already");
    }
}
