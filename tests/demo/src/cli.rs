//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::compare;
#[cfg(not(target_os = "redox"))]
use crate::{attempt, demo, terminal};

/// Messages, ports and agents for Redox drivers, tried out.
#[derive(Parser)]
#[command(name = "ports", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a RedoxFS image of a tree, serve it through stacked drivers, read everything back
    /// through scheme handles and compare; with the file system beside the disk's drivers, then
    /// in a service of its own.
    #[cfg(not(target_os = "redox"))]
    Demo {
        /// The tree; without it, the files of this project that git tracks.
        dir: Option<PathBuf>,
        /// Keep the image here.
        #[arg(long, value_name = "FILE")]
        image: Option<PathBuf>,
        /// Write the figures here, as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write here what is in the tree, for `compare` on a Redox that has the image.
        #[arg(long, value_name = "FILE")]
        list: Option<PathBuf>,
    },
    /// Start portd in this process and run portctl against it, once for every group of arguments
    /// between `--`.
    #[cfg(not(target_os = "redox"))]
    Try {
        /// The description of the stacks; without it, the one that is installed on Redox.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Arguments for portctl, such as: -- cp README.md /scheme/port/tmp/a -- ls /scheme/port/tmp
        #[arg(last = true, required = true)]
        args: Vec<String>,
    },
    /// Be the kernel for programs that have HOST_KERNEL=SOCKET in their environment, each in a
    /// terminal of its own, until killed.
    #[cfg(not(target_os = "redox"))]
    Kernel {
        /// Where the programs connect.
        socket: PathBuf,
    },
    /// Run portd over the kernel that HOST_KERNEL names, until SIGTERM.
    #[cfg(not(target_os = "redox"))]
    #[command(disable_help_flag = true)]
    Portd {
        /// Arguments for portd, such as: --config recipe/portd.toml
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Run portctl over the kernel that HOST_KERNEL names.
    #[cfg(not(target_os = "redox"))]
    #[command(disable_help_flag = true)]
    Portctl {
        /// Arguments for portctl, such as: ls /scheme/port
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Compare what a service serves with a list that `demo --list` wrote elsewhere; then write
    /// there, read it back and take it away.
    Compare {
        /// The list.
        list: PathBuf,
        /// Where the tree is served, such as /scheme/port/fs.
        root: String,
        /// Do not write.
        #[arg(long)]
        read_only: bool,
    },
}

/// Runs the tool. Exit status: 0; 1 where something failed or differs; 2 for a wrong command
/// line.
pub fn main() -> ExitCode {
    let done = match Options::parse().command {
        #[cfg(not(target_os = "redox"))]
        Command::Demo { dir, image, json, list } => demo::run(dir, image, json, list),
        #[cfg(not(target_os = "redox"))]
        Command::Try { config, args } => return attempt::run(config, args),
        #[cfg(not(target_os = "redox"))]
        Command::Kernel { socket } => terminal::kernel(&socket),
        #[cfg(not(target_os = "redox"))]
        Command::Portd { args } => return terminal::portd(args),
        #[cfg(not(target_os = "redox"))]
        Command::Portctl { args } => return terminal::portctl(args),
        Command::Compare { list, root, read_only } => compare::run(&list, &root, read_only),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ports: {error}");
            ExitCode::from(1)
        }
    }
}
