//! Inside Redox: runs a program, says on the console how it ended, and powers the machine off.
//!
//! `redox-run PROGRAM [ARGS...]`, from a unit of init.

use std::io::Write;
use std::process::{Command, ExitCode, ExitStatus};

use redox_runner::{BEGIN, EXIT};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: redox-run PROGRAM [ARGS...]");
        return ExitCode::from(2);
    };
    say(BEGIN);
    // The program is not the service that init waits for.
    let ended = Command::new(&program).args(words).env_remove("INIT_NOTIFY").status();
    let status = match ended {
        Ok(status) => number(status),
        Err(error) => {
            say(&format!("redox-run: can't run {}: {error}", program.display()));
            127
        }
    };
    say(&format!("{EXIT}{status}"));
    power_off();
    ExitCode::SUCCESS
}

/// A status as shells give it: a program that a signal ended has 128 and the signal's number.
fn number(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    status.code().unwrap_or_else(|| signal.map_or(1, |signal: i32| 128 + signal))
}

fn say(line: &str) {
    println!("{line}");
    // Where there is no console, nobody can be told.
    let _ = std::io::stdout().flush();
}

/// Writing to `kstop` stops the machine; on other systems there is no such file.
fn power_off() {
    if let Err(error) = std::fs::write("/scheme/sys/kstop", "shutdown") {
        say(&format!("redox-run: can't power off: {error}"));
    }
}
