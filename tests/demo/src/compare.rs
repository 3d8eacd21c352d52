//! `compare`: what a service serves, against a list made elsewhere.

use std::path::Path;

use indicatif::ProgressBar;

use crate::{tree::Tree, verify};

type Result<T> = std::result::Result<T, String>;

/// Compares everything below `root` with a list that `demo --list` wrote; then writes there,
/// reads it back and takes it away again, unless `read_only`.
pub(crate) fn run(list: &Path, root: &str, read_only: bool) -> Result<()> {
    let tree = read(list)?;
    let progress = ProgressBar::new(tree.items.len() as u64);
    verify::compare(root, &tree, &progress)?;
    progress.finish_and_clear();
    if !read_only {
        verify::write(root)?;
        verify::read_again(root)?;
    }
    println!("{root}: {} items are the same", tree.items.len());
    Ok(())
}

fn read(list: &Path) -> Result<Tree> {
    let failed = |why: &dyn std::fmt::Display| format!("can't read {}: {why}", list.display());
    let text = std::fs::read(list).map_err(|why| failed(&why))?;
    serde_json::from_slice(&text).map_err(|why| failed(&why))
}

/// Writes the list that `compare` reads.
#[cfg(not(target_os = "redox"))]
pub fn write(list: &Path, tree: &Tree) -> Result<()> {
    let text = serde_json::to_vec(tree).map_err(|error| error.to_string())?;
    std::fs::write(list, text).map_err(|why| format!("can't write {}: {why}", list.display()))
}
