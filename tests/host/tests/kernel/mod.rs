//! A kernel in a program of its own, for as long as a test needs it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The kernel's program. It ends with this value.
pub(crate) struct Kernel {
    program: Child,
    dir: tempfile::TempDir,
}

impl Kernel {
    /// Returns when the kernel can be connected to.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-kernel"));
        command.arg(dir.path().join("socket")).stdout(Stdio::piped());
        // Where a sanitizer is built in, it is not to keep what is freed: a test looks.
        command.env("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0");
        let mut program = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { program, dir }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.program.id()
    }

    /// What `HOST_KERNEL` has to say.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // A kernel that has ended already is ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
