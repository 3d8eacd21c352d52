//! The program; see the library.

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    ports::main()
}

#[cfg(target_os = "redox")]
fn main() {
    eprintln!("ports stands in for a Redox; on one, use portd and portctl themselves");
    std::process::exit(2);
}
