//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{attempt, demo};

/// Messages, ports and agents for Redox drivers, tried on this host.
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
    Demo {
        /// The tree; without it, the files of this project that git tracks.
        dir: Option<PathBuf>,
        /// Keep the image here.
        #[arg(long, value_name = "FILE")]
        image: Option<PathBuf>,
        /// Write the figures here, as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Start portd in this process and run portctl against it, once for every group of arguments
    /// between `--`.
    Try {
        /// The description of the stacks; without it, the one that is installed on Redox.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Arguments for portctl, such as: -- cp README.md /scheme/port/tmp/a -- ls /scheme/port/tmp
        #[arg(last = true, required = true)]
        args: Vec<String>,
    },
}

/// Runs the tool. Exit status: 0; 1 where something failed or differs; 2 for a wrong command
/// line.
pub fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Demo { dir, image, json } => demo::run(dir, image, json),
        Command::Try { config, args } => return attempt::run(config, args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ports: {error}");
            ExitCode::from(1)
        }
    }
}
