//! An empty RedoxFS, made where the suite is built. To make one takes random bytes, and a Redox that
//! has nothing but its init gives the library none.

use std::{env, fs, path::PathBuf};

use redoxfs::{DiskFile, FileSystem};

const SIZE: u64 = 2 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").expect("cargo says where");
    let image = PathBuf::from(out).join("empty.redoxfs");
    // One of an earlier build would be made use of.
    let _ = fs::remove_file(&image);
    let disk = DiskFile::create(&image, SIZE).expect("there is room for the image");
    FileSystem::create(disk, None, 1, 0).expect("the disk is large enough");
}
