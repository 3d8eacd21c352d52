//! Options, and mounting.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use driver::{
    Built, Class, Context, Errno, Features, Kind, Lower, Node, OptionKind, OptionSpec, Options,
    Stands,
};
use redoxfs::{BLOCK_SIZE, FileSystem, HEADER_RING};
use redoxfs_disk::PortDisk;

use crate::{
    Redoxfs, image,
    node::{kind, lib, load, load_dir, number},
    size::resize,
    volume::{Tx, Volume},
};

/// Calls to the disk that mounting may take.
const CALLS: u64 = 1 << 22;

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "redoxfs",
    help: "the RedoxFS on the block driver below",
    stands: Stands::OnOne,
    options: &[
        OptionSpec {
            key: "read_only",
            kind: OptionKind::Flag,
            required: false,
            help: "refuse changes",
        },
        OptionSpec {
            key: "barriers",
            kind: OptionKind::Flag,
            required: false,
            help: "flush twice a change, though nothing below says that it writes back",
        },
        OptionSpec {
            key: "password",
            kind: OptionKind::Text,
            required: false,
            help: "what the file system is encrypted with",
        },
    ],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let below = lower.description;
    if below.class != Class::Block {
        return Err(format!("stands on a {} driver: put it on a block driver", below.class.name()));
    }
    if !BLOCK_SIZE.is_multiple_of(below.block_size.into()) {
        let block = below.block_size;
        return Err(format!("the disk below has blocks of {block} bytes, and RedoxFS of 4096"));
    }
    let features = below.features & (Features::BLOCKS | Features::READ_ONLY);
    let read_only = options.flag("read_only") || features.contains(Features::READ_ONLY);
    let disk = PortDisk::new(lower.port, below.size, context.wait);
    let barriers = options.flag("barriers") || below.features.contains(Features::WRITES_BACK);
    let volume = mount(disk, options.text("password"), [read_only, barriers])?;
    let read_only = if read_only { Features::READ_ONLY } else { Features::empty() };
    Ok(Arc::new(Redoxfs::new(volume, context.now, features | read_only)))
}

fn mount(
    mut disk: PortDisk,
    password: Option<&str>,
    [read_only, barriers]: [bool; 2],
) -> Result<Volume, String> {
    disk.limit(CALLS);
    let block = image::inspect(&mut disk, password.is_some())?;
    let opened = FileSystem::open(disk, password.map(str::as_bytes), Some(block), false);
    let mut fs = lib(opened).map_err(|errno| refusal(errno, password))?;
    if barriers {
        fs.disk.keep_order(fs.block..fs.block + HEADER_RING);
    }
    let mut volume = Volume::new(fs, read_only);
    if !read_only {
        tidy(&mut volume)
            .map_err(|errno| format!("the file system can't be tidied up: {errno}"))?;
    }
    volume
        .view(|tx| load_dir(tx, Node::ROOT).map(drop))
        .map_err(|errno| format!("the root directory can't be read: {errno}"))?;
    Ok(volume)
}

/// What the library says of a password that does not fit.
const ENOKEY: Errno = Errno(126);

fn refusal(errno: Errno, password: Option<&str>) -> String {
    match errno {
        ENOKEY if password.is_some() => "the password does not fit".to_string(),
        _ => format!("the file system can't be read: {errno}"),
    }
}

/// Frees what was open and without a name when the file system was last in use.
fn tidy(volume: &mut Volume) -> Result<(), Errno> {
    volume.change(empty_released)?;
    lib(volume.fs.cleanup())
}

/// Makes the nodes that are to be freed empty, which the library would not do to the end.
fn empty_released(tx: &mut Tx<'_>) -> Result<(), Errno> {
    let mut next = tx.header.release;
    while !next.is_null() {
        let list = lib(tx.read_block(next))?;
        for index in 0..list.data().entries.len() {
            let id = list.data().entries[index];
            if !id.is_null() {
                empty(tx, number(id.id()))?;
            }
        }
        next = list.data().prev;
    }
    Ok(())
}

fn empty(tx: &mut Tx<'_>, node: Node) -> Result<(), Errno> {
    let mut inode = load(tx, node)?;
    if kind(&inode) == driver::FileKind::Regular {
        resize(tx, &mut inode, 0)?;
        lib(tx.sync_tree(inode))?;
    }
    Ok(())
}
