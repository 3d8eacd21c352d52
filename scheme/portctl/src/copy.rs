//! `cat` and `cp`.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    error::Error,
    file::{self, CHUNK, Stream, is_scheme},
    list::join,
};

/// Where a file comes from or goes to.
struct End {
    path: String,
    kind: &'static str,
    mode: u16,
    size: u64,
}

/// Writes a file to `out`.
pub(crate) fn cat(path: &str, out: &mut dyn Write) -> Result<(), Error> {
    pump(&mut *reader(path)?, path, out, "the output", &ProgressBar::hidden())
}

/// Copies a file, or a tree.
pub(crate) fn cp(from: &str, to: &str, recursive: bool) -> Result<(), Error> {
    let source = End::of(from, true)?;
    if source.kind == "directory" && !recursive {
        let why = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Error::path("copy", from, why).hint("use -r to copy directories"));
    }
    let mut to = to.trim_end_matches('/').to_string();
    if End::of(&to, true).is_ok_and(|end| end.kind == "directory") && source.kind != "directory" {
        let name = from.rsplit('/').find(|name| !name.is_empty()).unwrap_or("copy");
        to = join(&to, name);
    }
    if is_inside(&to, from) {
        let why = std::io::Error::from(std::io::ErrorKind::InvalidInput);
        return Err(Error::path("copy", from, why).hint("it can't be copied into itself"));
    }
    let progress = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("{bytes} copied, {binary_bytes_per_sec} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    copy(&source, &to, &progress)?;
    progress.finish_and_clear();
    Ok(())
}

/// True where `path` is `whole` or below it.
fn is_inside(path: &str, whole: &str) -> bool {
    let rest = path.strip_prefix(whole.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn copy(source: &End, to: &str, progress: &ProgressBar) -> Result<(), Error> {
    progress.set_message(source.path.clone());
    match source.kind {
        "directory" => {
            make_dir(to)?;
            for name in names(&source.path)? {
                copy(&End::of(&join(&source.path, &name), false)?, &join(to, &name), progress)?;
            }
            Ok(())
        }
        "symlink" => make_link(to, &link_target(&source.path)?),
        "file" | "block" => copy_file(source, to, progress),
        kind => {
            let why = std::io::Error::other(format!("a {kind} has no end to copy to"));
            Err(Error::path("copy", &source.path, why))
        }
    }
}

fn copy_file(source: &End, to: &str, progress: &ProgressBar) -> Result<(), Error> {
    progress.inc_length(source.size);
    let mut input = reader(&source.path)?;
    let device = End::of(to, true).is_ok_and(|end| end.kind == "block");
    if !is_scheme(to) {
        let mut output = fs::File::create(to).map_err(|why| Error::path("create", to, why))?;
        pump(&mut *input, &source.path, &mut output, to, progress)?;
        return output
            .set_permissions(fs::Permissions::from_mode(source.mode.into()))
            .map_err(|why| Error::path("change the mode of", to, why));
    }
    let mut output =
        if device { Stream::open_device(to)? } else { Stream::create(to, source.mode)? };
    pump(&mut *input, &source.path, &mut output, to, progress)?;
    output.sync().map_err(|why| Error::path("sync", to, why))
}

fn pump(
    input: &mut dyn Read,
    from: &str,
    output: &mut dyn Write,
    to: &str,
    progress: &ProgressBar,
) -> Result<(), Error> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::path("read", from, error)),
        };
        output.write_all(&buffer[..count]).map_err(|error| Error::path("write", to, error))?;
        progress.inc(count as u64);
    }
}

fn reader(path: &str) -> Result<Box<dyn Read>, Error> {
    if is_scheme(path) {
        return Ok(Box::new(Stream::open(path)?));
    }
    Ok(Box::new(fs::File::open(path).map_err(|why| Error::path("open", path, why))?))
}

fn names(path: &str) -> Result<Vec<String>, Error> {
    if is_scheme(path) {
        return file::names(path);
    }
    let failed = |why| Error::path("list", path, why);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn make_dir(path: &str) -> Result<(), Error> {
    if End::of(path, true).is_ok_and(|end| end.kind == "directory") {
        return Ok(());
    }
    if is_scheme(path) {
        return file::mkdir(path);
    }
    fs::create_dir(path).map_err(|why| Error::path("make the directory", path, why))
}

fn link_target(path: &str) -> Result<Vec<u8>, Error> {
    if is_scheme(path) {
        return file::readlink(path);
    }
    let target = fs::read_link(path).map_err(|why| Error::path("read the link", path, why))?;
    Ok(target.as_os_str().as_bytes().to_vec())
}

fn make_link(path: &str, target: &[u8]) -> Result<(), Error> {
    if is_scheme(path) {
        return file::symlink(path, target);
    }
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), path)
        .map_err(|why| Error::path("make the link", path, why))
}

impl End {
    fn of(path: &str, follow: bool) -> Result<End, Error> {
        if is_scheme(path) {
            let meta = if follow { file::meta_behind(path) } else { file::meta(path) }?;
            let (mode, size) = (meta.mode as u16, meta.size);
            return Ok(End { path: path.into(), kind: meta.kind, mode, size });
        }
        let look = if follow { fs::metadata } else { fs::symlink_metadata };
        let meta = look(Path::new(path)).map_err(|why| Error::path("look at", path, why))?;
        let kind = match meta.file_type() {
            kind if kind.is_dir() => "directory",
            kind if kind.is_symlink() => "symlink",
            kind if kind.is_file() => "file",
            _ => "other",
        };
        let mode = (meta.permissions().mode() & 0o7777) as u16;
        Ok(End { path: path.into(), kind, mode, size: meta.len() })
    }
}
