//! The command line.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser;
use service::Fork;

use crate::{Error, signal};

/// Hosts stacks of drivers and serves them as a scheme.
#[derive(Parser)]
#[command(name = "portd", version)]
struct Options {
    /// The description of the stacks.
    #[arg(long, default_value = "/etc/portd.toml", value_name = "FILE")]
    config: PathBuf,
    /// The scheme's name.
    #[arg(long, default_value = "port")]
    scheme: String,
    /// Check the description, print what would stand on what, and end.
    #[arg(long)]
    check: bool,
}

/// Runs the daemon until its scheme is closed or SIGTERM asks it to stop. Exit status: 0, or 1 where it could not start or
/// go on, or 2 for a wrong command line or description.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portd: {error}");
            let usage = matches!(error, Error::Read(..) | Error::Description(_));
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let text = std::fs::read_to_string(&options.config)
        .map_err(|error| Error::Read(options.config.clone(), error))?;
    if options.check {
        print!("{}", crate::plan(&text)?.draw());
        return Ok(());
    }
    let mut service = crate::serve_guarded(&options.scheme, &text, &Fork)?;
    service.publish()?;
    service::enter_null_namespace()?;
    signal::install();
    service.run_until(&signal::STOP)?;
    eprintln!("portd: stopped");
    Ok(())
}
