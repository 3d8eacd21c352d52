//! The files of a directory of this system, as a tree.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use walkdir::WalkDir;

use crate::tree::{Item, Kind, Tree, digest};

impl Tree {
    /// All of `dir`. What is no file, directory or link is left out, with a note.
    pub fn of(dir: &Path) -> Result<Tree, String> {
        let mut items = Vec::new();
        for entry in WalkDir::new(dir).min_depth(1).sort_by_file_name() {
            let entry = entry.map_err(|error| format!("can't walk {}: {error}", dir.display()))?;
            items.extend(Item::of(dir, entry.path())?);
        }
        Ok(Tree { top: dir.to_path_buf(), items })
    }

    /// The files of this project that git tracks; all of it but what is built where there is no
    /// git.
    pub fn project() -> Result<Tree, String> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let top = top.canonicalize().map_err(|error| format!("can't find the project: {error}"))?;
        let listed = Command::new("git").arg("-C").arg(&top).args(["ls-files", "-z"]).output();
        let paths = match listed {
            Ok(listed) if listed.status.success() && !listed.stdout.is_empty() => {
                let names = listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
                names.map(|name| top.join(std::ffi::OsStr::from_bytes(name))).collect()
            }
            _ => sources(&top)?,
        };
        let mut items: Vec<Item> = Vec::new();
        for path in paths.iter().filter(|path| path.symlink_metadata().is_ok()) {
            let parents = path.ancestors().skip(1).take_while(|dir| *dir != top);
            for dir in parents.collect::<Vec<_>>().into_iter().rev() {
                let known = relative(&top, dir)?;
                if !items.iter().any(|item| item.path == known) {
                    items.extend(Item::of(&top, dir)?);
                }
            }
            items.extend(Item::of(&top, path)?);
        }
        Ok(Tree { top, items })
    }
}

fn sources(top: &Path) -> Result<Vec<PathBuf>, String> {
    let built = |name: &std::ffi::OsStr| name == "target" || name == ".git";
    WalkDir::new(top)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !built(entry.file_name()))
        .filter(|entry| entry.as_ref().map_or(true, |entry| !entry.file_type().is_dir()))
        .map(|entry| entry.map(walkdir::DirEntry::into_path).map_err(|error| error.to_string()))
        .collect()
}

fn relative(top: &Path, path: &Path) -> Result<String, String> {
    let inside = path.strip_prefix(top).unwrap_or(path);
    inside.to_str().map(str::to_string).ok_or_else(|| {
        format!("{} is not UTF-8, which RedoxFS wants of names; rename it", path.display())
    })
}

impl Item {
    fn of(top: &Path, path: &Path) -> Result<Option<Item>, String> {
        let failed = |error: io::Error| format!("can't read {}: {error}", path.display());
        let meta = fs::symlink_metadata(path).map_err(failed)?;
        let Some(kind) = kind(path, &meta).map_err(failed)? else {
            eprintln!("left out: {} is no file, directory or link", path.display());
            return Ok(None);
        };
        let size = match &kind {
            Kind::Directory => 0,
            Kind::File { .. } => meta.size(),
            Kind::Link { target } => target.len() as u64,
        };
        Ok(Some(Item {
            path: relative(top, path)?,
            kind,
            mode: (meta.mode() & 0o7777) as u16,
            uid: meta.uid(),
            gid: meta.gid(),
            size,
            mtime: (u64::try_from(meta.mtime()).unwrap_or(0), meta.mtime_nsec() as u32),
        }))
    }
}

fn kind(path: &Path, meta: &Metadata) -> io::Result<Option<Kind>> {
    Ok(if meta.is_dir() {
        Some(Kind::Directory)
    } else if meta.is_symlink() {
        Some(Kind::Link { target: fs::read_link(path)?.as_os_str().as_bytes().to_vec() })
    } else if meta.is_file() {
        Some(Kind::File { digest: digest(&mut fs::File::open(path)?)? })
    } else {
        None
    })
}
