//! Instructions that a daemon spends on a request, from the return of the read of its socket to
//! the write of the answer, beside those of a loop that only reads and answers.
//!
//! `requests` prints the table; it runs itself under callgrind, which has to be there. `requests
//! CASE COUNT` asks one case, a number of times.

#[cfg(not(target_os = "redox"))]
mod cases;
#[cfg(not(target_os = "redox"))]
mod kernel;
#[cfg(not(target_os = "redox"))]
mod many;

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    cases::main()
}

#[cfg(target_os = "redox")]
fn main() {
    eprintln!("requests brings a kernel of its own and is not for Redox");
}
