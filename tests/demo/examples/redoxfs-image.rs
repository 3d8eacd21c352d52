//! RedoxFS images by the `redoxfs` library alone, on plain files, with nothing of ours between:
//!
//!     redoxfs-image pack IMAGE DIR       makes an image that holds DIR, as the library's tools do
//!     redoxfs-image unpack IMAGE DIR     writes all that the image holds to DIR
//!
//! `scripts/check-interop` compares what these say with what our drivers say.

use std::{
    error::Error,
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::Path,
};

use redoxfs::{DiskFile, FileSystem, Node, Transaction, TreePtr, archive};

type Done = Result<(), Box<dyn Error>>;

/// Bytes of a new image.
const SIZE: u64 = 64 << 20;

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pack", image, dir] => pack(image, dir),
        ["unpack", image, dir] => unpack(image, dir),
        _ => Err("usage: redoxfs-image pack|unpack IMAGE DIR".into()),
    }
}

fn pack(image: &str, dir: &str) -> Done {
    fs::File::create(image)?.set_len(SIZE)?;
    let mut made = FileSystem::create(DiskFile::open(image)?, None, 1, 0)?;
    archive(&mut made, dir)?;
    Ok(())
}

fn unpack(image: &str, dir: &str) -> Done {
    let mut found = FileSystem::open(DiskFile::open(image)?, None, None, false)?;
    let mut failed = Ok(());
    found.tx(|tx| {
        failed = directory(tx, TreePtr::root(), Path::new(dir));
        Ok(())
    })?;
    Ok(failed?)
}

fn directory(tx: &mut Transaction<'_, DiskFile>, from: TreePtr<Node>, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    let mut entries = Vec::new();
    tx.child_nodes(from, &mut entries)
        .map_err(|error| io::Error::from_raw_os_error(error.errno))?;
    for entry in entries {
        let name = entry.name().ok_or(io::ErrorKind::InvalidData)?;
        node(tx, entry.node_ptr(), &to.join(name))?;
    }
    Ok(())
}

fn node(tx: &mut Transaction<'_, DiskFile>, from: TreePtr<Node>, to: &Path) -> io::Result<()> {
    let found = tx.read_tree(from).map_err(|error| io::Error::from_raw_os_error(error.errno))?;
    let data = found.data();
    if data.is_dir() {
        directory(tx, from, to)?;
        return fs::set_permissions(to, fs::Permissions::from_mode((data.mode() & 0o7777).into()));
    }
    let mut bytes = vec![0; data.size() as usize];
    let count = tx
        .read_node(from, 0, &mut bytes, data.atime().0, data.atime().1)
        .map_err(|error| io::Error::from_raw_os_error(error.errno))?;
    if count != bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if data.is_symlink() {
        return symlink(OsStr::from_bytes(&bytes), to);
    }
    fs::write(to, &bytes)?;
    fs::set_permissions(to, fs::Permissions::from_mode((data.mode() & 0o7777).into()))
}
