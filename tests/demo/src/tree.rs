//! The files that the demonstration is about.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// SHA-256 of its contents.
        digest: [u8; 32],
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: Vec<u8>,
    },
}

/// A file, directory or link of the tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Path below the tree's top, always UTF-8.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a file or of where a link leads; 0 for a directory.
    pub size: u64,
    /// Last change of the contents: seconds and nanoseconds since 1970 began.
    pub mtime: (u64, u32),
}

/// A tree: every directory comes before what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tree {
    /// Where it is.
    pub top: PathBuf,
    /// What is in it.
    pub items: Vec<Item>,
}

impl Tree {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }
}

/// The digest of all that can be read.
pub fn digest(input: &mut dyn Read) -> io::Result<[u8; 32]> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; portctl::file::CHUNK]);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}
