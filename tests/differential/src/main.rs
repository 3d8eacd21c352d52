//! The tool: see its `--help`.

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    differential::main()
}

#[cfg(target_os = "redox")]
fn main() {
    eprintln!("differential: runs on the host's Redox ABI only: start it on Linux");
    std::process::exit(2);
}
