//! `ls` and `stat`.

use std::io::Write;

use serde::Serialize;

use crate::{
    error::Error,
    file::{Meta, meta, names, readlink},
};

#[derive(Serialize)]
struct Listed {
    name: String,
    #[serde(skip)]
    path: String,
    #[serde(flatten)]
    meta: Option<Meta>,
}

/// Lists a directory, or one file.
pub(crate) fn ls(path: &str, long: bool, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let directory = meta(path)?.kind == "directory";
    let names = if directory { names(path)? } else { vec![path.to_string()] };
    let mut listed = Vec::new();
    for name in names {
        let path = if directory { join(path, &name) } else { name.clone() };
        let meta = if long || json { Some(meta(&path)?) } else { None };
        listed.push(Listed { name, path, meta });
    }
    if json {
        return print_json(&listed, out);
    }
    for Listed { name, path, meta } in &listed {
        match meta {
            Some(meta) => writeln!(out, "{} {name}{}", line(meta), arrow(meta, path)?)?,
            None => writeln!(out, "{name}")?,
        }
    }
    Ok(())
}

/// Prints attributes.
pub(crate) fn stat(path: &str, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let meta = meta(path)?;
    if json {
        return print_json(&meta, out);
    }
    writeln!(out, "path:  {path}")?;
    writeln!(out, "kind:  {}", meta.kind)?;
    writeln!(out, "size:  {} bytes", meta.size)?;
    writeln!(out, "mode:  {:04o}", meta.mode)?;
    writeln!(out, "owner: {}:{}", meta.uid, meta.gid)?;
    writeln!(out, "links: {}", meta.links)?;
    writeln!(out, "inode: {}", meta.inode)?;
    writeln!(out, "mtime: {}", meta.mtime)?;
    Ok(())
}

/// A path and a name below it.
pub(crate) fn join(path: &str, name: &str) -> String {
    format!("{}/{name}", path.trim_end_matches('/'))
}

fn line(meta: &Meta) -> String {
    let letter = match meta.kind {
        "directory" => 'd',
        "symlink" => 'l',
        "block" => 'b',
        "character" => 'c',
        _ => '-',
    };
    format!("{letter} {:04o} {:>5} {:>5} {:>12}", meta.mode, meta.uid, meta.gid, meta.size)
}

fn arrow(meta: &Meta, path: &str) -> Result<String, Error> {
    if meta.kind != "symlink" {
        return Ok(String::new());
    }
    let target = readlink(path)?;
    Ok(format!(" -> {}", String::from_utf8_lossy(&target)))
}

pub(crate) fn print_json(value: &impl Serialize, out: &mut dyn Write) -> Result<(), Error> {
    serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
