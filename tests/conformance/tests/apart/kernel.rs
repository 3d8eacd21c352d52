//! The host's kernel, in a program of its own: this one once more.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

const KERNEL: &str = "HOST_KERNEL";
/// The first argument of the kernel's program.
const ROLE: &str = "--be-the-kernel";

/// Runs the suite in a program that has a kernel, and says how that ended; or is the kernel. `None`
/// where there is one, and the suite is to be run.
pub(crate) fn under_one() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, socket] = &args[..]
        && role == ROLE
    {
        return Some(serve(Path::new(socket)));
    }
    if std::env::var_os(KERNEL).is_some() {
        return None;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let socket = dir.path().join("kernel");
    let program = std::env::current_exe().expect("this program has a path");
    let mut kernel = Command::new(&program);
    let kernel = kernel.arg(ROLE).arg(&socket).stdout(Stdio::piped()).spawn();
    let mut kernel = kernel.expect("this program can be run");
    let said = kernel.stdout.take().map(BufReader::new).and_then(|out| out.lines().next());
    assert!(matches!(said, Some(Ok(line)) if line == "ready"), "the kernel did not start");
    let status = Command::new(program).args(args).env(KERNEL, &socket).status();
    kernel.kill().and_then(|()| kernel.wait()).expect("the kernel was there to the end");
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn serve(socket: &Path) -> ExitCode {
    let listener = host::listen(socket).expect("nobody else has the socket");
    println!("ready");
    host::serve(&listener).expect("connections can be taken");
    ExitCode::SUCCESS
}
