//! From a command line to a status.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;

use crate::console::{Console, Line};
use crate::error::Error;
use crate::options::Options;
use crate::qemu::{Machine, Next};

/// Runs a program as the command line and the environment say. Exit status: the program's own,
/// 124 where the time was over, 125 where there is none, with the reason on the standard error.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 125 } else { 0 });
        }
    };
    match run(&options) {
        Ok(status) => ExitCode::from(byte(status)),
        Err(error) => {
            eprintln!("redox-runner: {error}");
            ExitCode::from(error.status())
        }
    }
}

/// A status that does not fit stays a failure.
fn byte(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(1)
}

fn run(options: &Options) -> Result<i32, Error> {
    let image = Image::of(options)?;
    let deadline = Instant::now() + options.limit();
    let machine = Machine::boot(options, image.path())?;
    watch(options, &machine, deadline)
}

/// Shows the program's output until it ends.
fn watch(options: &Options, machine: &Machine, deadline: Instant) -> Result<i32, Error> {
    let mut console = Console::default();
    loop {
        let line = match machine.next(deadline) {
            Next::Line(line) => console.line(&line),
            Next::Ended => return Err(Error::Ended(console.begun(), console.last())),
            Next::Late => {
                return Err(Error::Late(console.begun(), options.limit(), console.last()));
            }
        };
        match line {
            Line::Other => {}
            Line::Output(text) => show(&text)?,
            Line::Exit(rest, status) => {
                if !rest.is_empty() {
                    show(&rest)?;
                }
                return Ok(status);
            }
        }
    }
}

fn show(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").map_err(|error| Error::Io("can't write output", error))
}

/// What is booted.
enum Image {
    /// The user's.
    Given(PathBuf),
    /// Made for this run, and removed with it.
    Made(PathBuf),
}

impl Image {
    fn of(options: &Options) -> Result<Image, Error> {
        match (&options.pack, &options.image) {
            (Some(pack), _) => Image::pack(pack, &options.program),
            (None, Some(image)) => match File::open(image) {
                Ok(_) => Ok(Image::Given(image.clone())),
                Err(error) => Err(Error::Image(image.clone(), error)),
            },
            (None, None) => Err(Error::NoRedox),
        }
    }

    /// Has the user's command put the program into an image.
    fn pack(pack: &Path, program: &[OsString]) -> Result<Image, Error> {
        let name = format!("redox-runner-{}.img", std::process::id());
        let image = Image::Made(std::env::temp_dir().join(name));
        let status = Command::new(pack)
            .arg(image.path())
            .args(program)
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()))
            .status()
            .map_err(|error| Error::Start("REDOX_PACK", pack.to_path_buf(), error))?;
        if !status.success() || !image.path().is_file() {
            return Err(Error::Pack(pack.to_path_buf(), status));
        }
        Ok(image)
    }

    fn path(&self) -> &Path {
        let (Image::Given(path) | Image::Made(path)) = self;
        path
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Image::Made(path) = self {
            // The command may have failed before it made one.
            let _ = fs::remove_file(path);
        }
    }
}
