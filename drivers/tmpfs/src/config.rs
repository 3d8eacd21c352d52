//! How a file system is set up, and how a description of a stack names it.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
};

use driver::{Kind, OptionKind, OptionSpec, Options, Stands};

use crate::Tmpfs;

/// What a file system is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of data that it holds; part of a page does not count. The number of names is
    /// limited too: one for each KiB of this, but no fewer than 1024.
    pub size: u64,
    /// Permission bits of the root directory.
    pub mode: u16,
    /// Owner of the root directory.
    pub uid: u32,
    /// Group of the root directory.
    pub gid: u32,
}

impl Default for Config {
    /// 64 MiB; the root directory is uid 0's, who alone may write it.
    fn default() -> Config {
        Config { size: 64 << 20, mode: 0o755, uid: 0, gid: 0 }
    }
}

impl Config {
    /// What `options` say, and the default for what they don't.
    fn from_options(options: &Options) -> Result<Config, String> {
        let default = Config::default();
        let mode = number(options, "mode", default.mode)?;
        if mode > 0o7777 {
            return Err("mode has bits above 0o7777: give permission bits only".to_string());
        }
        Ok(Config {
            size: options.integer("size").unwrap_or(default.size),
            mode,
            uid: number(options, "uid", default.uid)?,
            gid: number(options, "gid", default.gid)?,
        })
    }
}

fn number<T: TryFrom<u64>>(options: &Options, key: &str, default: T) -> Result<T, String> {
    let Some(value) = options.integer(key) else { return Ok(default) };
    T::try_from(value).map_err(|_| format!("{key} = {value} is too large"))
}

const fn option(key: &'static str, kind: OptionKind, help: &'static str) -> OptionSpec {
    OptionSpec { key, kind, required: false, help }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "tmpfs",
    help: "a file system in memory",
    stands: Stands::Alone,
    options: &[
        option("size", OptionKind::Size, "bytes of data that it holds; 64 MiB unless given"),
        option("mode", OptionKind::Integer, "permission bits of the root; 0o755 unless given"),
        option("uid", OptionKind::Integer, "owner of the root; 0 unless given"),
        option("gid", OptionKind::Integer, "group of the root; 0 unless given"),
    ],
    make: |options, _, context| {
        let config = Config::from_options(options)?;
        Ok(Arc::new(Tmpfs::new(&config, context.now)))
    },
};
