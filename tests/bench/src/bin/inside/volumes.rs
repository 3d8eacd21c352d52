//! A RedoxFS on a cache on a disk, in one process and with a process a layer.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::Arc,
};

use driver::{Built, Context, Kind, Lower, OptionKind, OptionSpec, Options, Stands};
use driver_ramdisk::Ramdisk;
use redoxfs::FileSystem;
use redoxfs_disk::PortDisk;

use crate::{
    redox::{CALLS, PAGE, Page, Result, file, pair},
    together::{Both, Layer, layer},
};

/// Files that are made and removed in a round.
const FILES: u32 = 50;

/// A disk in memory that a file system was made on.
pub(crate) const KIND: Kind = Kind {
    name: "formatted",
    help: "a disk in memory with an empty RedoxFS",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "size",
        kind: OptionKind::Size,
        required: true,
        help: "bytes of the disk",
    }],
    make,
};

fn make(options: &Options, _: Vec<Lower>, context: &Context) -> Built {
    let size = options.integer("size").unwrap_or_default();
    let disk = Arc::new(Ramdisk::new(size, 512, false)?);
    let (port, now) = (Lower::on(&disk).port, (context.now)());
    let made = FileSystem::create(PortDisk::new(port, size, context.wait), None, now.sec, now.nsec);
    made.map_err(|error| error.to_string())?.disk.flush().map_err(|errno| errno.to_string())?;
    Ok(disk)
}

fn stack() -> Vec<Layer> {
    vec![
        layer("vd", KIND.name, &[]).with("size = \"16 MiB\""),
        layer("vc", "cache", &["vd"]).with("size = \"1 MiB\""),
        layer("fs", "redoxfs", &["vc"]),
    ]
}

fn failed(error: std::io::Error) -> String {
    error.to_string()
}

/// Prints what its files cost.
pub(crate) fn measure() -> Result<()> {
    let _both = Both::start("volumes", &stack())?;
    let (mut page, mut other) = (Page([7; PAGE]), Page([8; PAGE]));
    let [many, one] = ["/scheme/fs/fs", "/scheme/volumes/fs"];
    let files = [file(&format!("{many}/page"), &page.0)?, file(&format!("{one}/page"), &page.0)?];
    let whole = |count: std::io::Result<usize>| match count.map_err(failed)? {
        PAGE => Ok(()),
        count => Err(format!("{count} bytes of a page")),
    };
    let read = |file: &File, page: &mut Page| whole(file.read_at(&mut page.0, 0));
    let write = |file: &File, page: &Page| whole(file.write_at(&page.0, 0));
    let come_and_go = |root: &str| {
        let path = format!("{root}/new");
        File::create_new(&path).and_then(|_| fs::remove_file(&path)).map_err(failed)
    };
    pair(
        "redoxfs on a cache, pread of 4 KiB",
        CALLS,
        ("a process a layer", &mut || read(&files[0], &mut page)),
        ("one process", &mut || read(&files[1], &mut other)),
    )?;
    pair(
        "redoxfs on a cache, pwrite of 4 KiB",
        FILES,
        ("a process a layer", &mut || write(&files[0], &page)),
        ("one process", &mut || write(&files[1], &other)),
    )?;
    pair(
        "redoxfs on a cache, create and unlink",
        FILES,
        ("a process a layer", &mut || come_and_go(many)),
        ("one process", &mut || come_and_go(one)),
    )
}
