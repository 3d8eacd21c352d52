//! A RedoxFS on a cache on a disk, in one process and with a process a layer.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::Arc,
};

use driver::{
    Body, Built, Call, Context, Cred, Data, Kind, Lower, Node, Op, OptionKind, OptionSpec, Options,
    Stands,
};
use driver_ramdisk::Ramdisk;

use crate::{
    redox::{CALLS, PAGE, Page, Result, file, pair},
    together::{Both, Layer, layer},
};

/// Files that are made and removed in a round.
const FILES: u32 = 50;

/// A disk in memory with what is in a file.
pub(crate) const KIND: Kind = Kind {
    name: "copy",
    help: "a disk in memory with what is in a file",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "path",
        kind: OptionKind::Text,
        required: true,
        help: "the file",
    }],
    make,
};

fn make(options: &Options, _: Vec<Lower>, context: &Context) -> Built {
    let path = options.text("path").unwrap_or_default();
    let bytes = fs::read(path).map_err(|error| format!("can't read {path}: {error}"))?;
    let disk = Ramdisk::new(bytes.len() as u64, 512, false)?;
    let op = Op::Write { node: Node::ROOT, offset: 0 };
    let mut write = Call::new(Body::new(op, Cred::ROOT), Data::source(&bytes));
    write.run(&disk, context.wait).result().map_err(|errno| errno.to_string())?;
    Ok(Arc::new(disk))
}

fn stack(image: &str) -> Vec<Layer> {
    vec![
        layer("vd", KIND.name, &[]).with(&format!("path = {image:?}")),
        layer("vc", "cache", &["vd"]).with("size = \"1 MiB\""),
        layer("fs", "redoxfs", &["vc"]),
    ]
}

fn failed(error: std::io::Error) -> String {
    error.to_string()
}

/// Prints what files cost of the RedoxFS whose image is in a file.
pub(crate) fn measure(image: &str) -> Result<()> {
    let _both = Both::start("volumes", &stack(image))?;
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
