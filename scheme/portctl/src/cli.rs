//! The command line.

use std::{ffi::OsString, io::Write, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    copy,
    error::Error,
    figures, list, mkfs, mkpart,
    wanted::{Wanted, bytes},
};

/// Looks at ports and moves data through them.
#[derive(Parser)]
#[command(name = "portctl", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List a directory; without a path, the drivers that portd serves.
    Ls {
        /// What to list.
        #[arg(default_value = "/scheme/port")]
        path: String,
        /// With type, mode, owner and size.
        #[arg(short)]
        long: bool,
        /// As JSON, one array of objects.
        #[arg(long)]
        json: bool,
    },
    /// Print the attributes of a file, directory or device.
    Stat {
        /// Of what.
        path: String,
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
    },
    /// Write files to the standard output.
    Cat {
        /// Which.
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Copy a file, or with -r a directory with all that is in it.
    Cp {
        /// From where; below /scheme/ or a path of the system.
        from: String,
        /// To where; an existing directory gets a file's copy in it, a directory's contents.
        to: String,
        /// Directories too.
        #[arg(short)]
        recursive: bool,
    },
    /// Print what messages cost by layer, over a while.
    Stats {
        /// The scheme of the daemon.
        #[arg(default_value = "/scheme/port")]
        port: String,
        /// How long to count, in milliseconds.
        #[arg(long, default_value_t = 1000)]
        millis: u64,
        /// How long requests took instead: whole ones, and what each spent in a layer.
        #[arg(long)]
        latency: bool,
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
    },
    /// Print what drivers tell of themselves, a JSON object a line: what passed a trace, how far
    /// a mirror's copying is, what users have.
    Trace {
        /// Of this driver only.
        driver: Option<String>,
        /// The scheme of the daemon.
        #[arg(long, default_value = "/scheme/port")]
        port: String,
    },
    /// Print what stands on what, and which edge crosses a boundary.
    Plan {
        /// A description; without one, what the daemon at --port runs.
        file: Option<PathBuf>,
        /// The scheme of the daemon.
        #[arg(long, default_value = "/scheme/port")]
        port: String,
    },
    /// Write a GUID partition table to a disk: a block port, or an image file.
    Mkpart {
        /// Which disk.
        disk: String,
        /// A partition, as size=64MiB[,name=root][,type=linux][,start=1MiB]; size=rest takes what is
        /// left. Types: linux, redoxfs, efi, bios, basic, or a GUID.
        #[arg(value_name = "PARTITION")]
        partitions: Vec<Wanted>,
        /// Begin partitions at multiples of this many bytes.
        #[arg(long, default_value = "1MiB", value_parser = bytes)]
        align: u64,
        /// Bytes of a block of an image file.
        #[arg(long, default_value_t = 512)]
        block: u32,
        /// Lose what is on the disk.
        #[arg(long)]
        force: bool,
        /// Say what would be written, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
    },
    /// Make an empty RedoxFS on a disk: a block port, or an image file.
    Mkfs {
        /// Which disk.
        disk: String,
        /// Encrypt it with the first line of this file.
        #[arg(long, value_name = "FILE")]
        password: Option<PathBuf>,
        /// Lose what is on the disk.
        #[arg(long)]
        force: bool,
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the tool. Exit status: 0; 1 where something failed, which is said on the standard error;
/// 2 for a wrong command line or description.
pub fn main(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write) -> ExitCode {
    let Err(error) = attempt(args, out) else { return ExitCode::SUCCESS };
    match &error {
        Error::Usage(usage) => {
            let _ = usage.print();
        }
        error => eprintln!("portctl: {error}"),
    }
    ExitCode::from(error.exit_status())
}

/// Runs the tool and gives its error back instead of saying it.
pub fn attempt(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write) -> Result<(), Error> {
    let options = Options::try_parse_from(args).map_err(Error::Usage)?;
    run(options.command, out)?;
    Ok(out.flush()?)
}

fn run(command: Command, out: &mut dyn Write) -> Result<(), Error> {
    match command {
        Command::Ls { path, long, json } => list::ls(&path, long, json, out),
        Command::Stat { path, json } => list::stat(&path, json, out),
        Command::Cat { paths } => paths.iter().try_for_each(|path| copy::cat(path, out)),
        Command::Cp { from, to, recursive } => copy::cp(&from, &to, recursive),
        Command::Stats { port, millis, latency, json } => {
            let print = if latency { figures::latency } else { figures::stats };
            print(&port, millis, json, out)
        }
        Command::Trace { driver, port } => figures::trace(&port, driver.as_deref(), out),
        Command::Plan { file: Some(file), .. } => figures::plan_of(&file, out),
        Command::Plan { file: None, port } => copy::cat(&format!("{port}/.plan"), out),
        Command::Mkpart { disk, partitions, align, block, force, dry_run, json } => {
            let (disk, wanted) = (disk.as_str(), partitions.as_slice());
            let order = mkpart::Order { disk, wanted, align, block, force, dry_run, json };
            mkpart::mkpart(&order, out)
        }
        Command::Mkfs { disk, password, force, json } => {
            let password = password.as_deref();
            mkfs::mkfs(&mkfs::Order { disk: &disk, password, force, json }, out)
        }
    }
}
