//! The kernel, in a program of its own: `host-kernel SOCKET`. It says `ready` when programs with
//! the socket's path in `HOST_KERNEL` may start.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(socket) = std::env::args_os().nth(1) else {
        eprintln!("usage: host-kernel SOCKET");
        return ExitCode::from(2);
    };
    let done = host::listen(Path::new(&socket)).and_then(|listener| {
        println!("ready");
        host::serve(&listener)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("host-kernel: can't serve {}: {error}", Path::new(&socket).display());
            ExitCode::from(1)
        }
    }
}
