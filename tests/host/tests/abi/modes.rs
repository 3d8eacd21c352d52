//! The second mode: every other test here again.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::kernel::Kernel;

#[test]
fn all_of_this_holds_with_the_kernel_in_another_program() {
    let kernel = Kernel::start();
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.env("HOST_KERNEL", kernel.socket()).args(["--skip", "modes::"]);
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("a_window_is_the_same_memory_on_both_sides ... ok"), "{text}");
}

#[test]
fn what_is_no_message_ends_its_connection_and_nothing_else() {
    let kernel = Kernel::start();
    let watch = host::Kernel::at(&kernel.socket());
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[0; 12], &[1, 0, 0, 0]] {
        let mut stream = UnixStream::connect(kernel.socket()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // What was not read when the connection closed is a reset.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, []);
        watch.wait_end(1).unwrap();
    }
}

#[test]
fn a_kernel_that_is_not_there_is_enodev_and_said() {
    let mut tests = Command::new(std::env::current_exe().unwrap());
    let test = "processes::unknown_names_and_plain_paths_are_refused";
    tests.env("HOST_KERNEL", "/nowhere/at/all").args(["--exact", test, "--nocapture"]);
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("can't use the kernel at /nowhere/at/all"), "{text}");
    assert!(text.contains("is it running?"), "{text}");
}
