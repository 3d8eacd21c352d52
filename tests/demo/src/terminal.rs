//! `kernel`, `portd` and `portctl`: each a program of its own, in a terminal of its own.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Names the kernel's socket.
const KERNEL: &str = "HOST_KERNEL";

/// Is the kernel for the programs that name `socket`, until it is killed.
pub(crate) fn kernel(socket: &Path) -> Result<(), String> {
    let failed = |error| format!("can't be the kernel at {}: {error}", socket.display());
    let listener = host::listen(socket).map_err(failed)?;
    println!("{KERNEL}={}", socket.display());
    host::serve(&listener).map_err(failed)
}

/// Runs the daemon as Redox would, until SIGTERM.
pub(crate) fn portd(args: Vec<OsString>) -> ExitCode {
    with_kernel("portd", args, |args| {
        free_name(scheme(&args));
        portd::main(args)
    })
}

/// Runs the tool.
pub(crate) fn portctl(args: Vec<OsString>) -> ExitCode {
    with_kernel("portctl", args, |args| portctl::main(args, &mut io::stdout().lock()))
}

fn with_kernel(
    name: &str,
    args: Vec<OsString>,
    run: impl FnOnce(Vec<OsString>) -> ExitCode,
) -> ExitCode {
    if std::env::var_os(KERNEL).is_none() {
        eprintln!(
            "ports: {name} needs a kernel: start one with \"cargo run -- kernel SOCKET\" in \
             another terminal, and set {KERNEL}=SOCKET in this one"
        );
        return ExitCode::from(2);
    }
    run([OsString::from(name)].into_iter().chain(args).collect())
}

/// The name that the daemon is told to serve.
fn scheme(args: &[OsString]) -> String {
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    let joined = |arg: &str| arg.strip_prefix("--scheme=").map(str::to_owned);
    while let Some(arg) = args.next() {
        if arg == "--scheme" {
            return args.next().unwrap_or_default().into_owned();
        }
        if let Some(name) = joined(&arg) {
            return name;
        }
    }
    "port".to_owned()
}

/// Takes a name out of the namespace whose owner was killed, as the daemon does itself on Redox.
fn free_name(name: String) {
    let path = PathBuf::from("/scheme").join(name);
    let Some(path) = path.to_str() else { return };
    let dead = host::sys::open(path, 0, 0)
        .map(host::sys::close)
        .is_err_and(|error| [syscall::error::ENODEV, syscall::error::ESRCH].contains(&error.errno));
    if dead {
        // A name that nobody has can't be taken out, and need not be.
        let _ = host::sys::namespace().and_then(|fd| host::sys::unlinkat(fd, path, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_the_one_that_the_daemon_is_told() {
        let scheme = |words: &[&str]| scheme(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(scheme(&["portd", "--config", "file"]), "port");
        assert_eq!(scheme(&["portd", "--scheme", "disk", "--check"]), "disk");
        assert_eq!(scheme(&["portd", "--scheme=disk"]), "disk");
    }
}
