//! `try`: a daemon in this process, and the tool against it.

use std::{io, path::PathBuf, process::ExitCode};

use crate::world::World;

/// The description that is installed on Redox.
const DEFAULT: &str = include_str!("../../../recipe/portd.toml");

/// Starts the daemon and runs the tool once for every group of arguments. Exit status: the first
/// of the tool's that is not 0.
pub(crate) fn run(config: Option<PathBuf>, args: Vec<String>) -> ExitCode {
    match attempt(config, args) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("ports: {error}");
            ExitCode::from(1)
        }
    }
}

fn attempt(config: Option<PathBuf>, args: Vec<String>) -> Result<ExitCode, String> {
    let text = match config {
        None => DEFAULT.to_string(),
        Some(path) => std::fs::read_to_string(&path)
            .map_err(|error| format!("can't read the description {}: {error}", path.display()))?,
    };
    let mut world = World::new();
    world.start("port", move || portd::serve("port", &text))?;
    for group in args.split(|arg| arg == "--") {
        let words = std::iter::once("portctl").chain(group.iter().map(String::as_str));
        let words = words.map(std::ffi::OsString::from);
        let status = world.client(|| portctl::main(words, &mut io::stdout().lock()));
        if status != ExitCode::SUCCESS {
            world.end()?;
            return Ok(status);
        }
    }
    world.end().map(|()| ExitCode::SUCCESS)
}
