//! A kernel in a program of its own, and daemons and tools that are programs beside it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A kernel, and where things are.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) kernel: Child,
}

impl Place {
    pub(crate) fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let mut kernel = Command::new(env!("CARGO_BIN_EXE_ports"));
        kernel.arg("kernel").arg(dir.path().join("socket")).stdout(Stdio::piped());
        let mut kernel = kernel.spawn().unwrap();
        BufReader::new(kernel.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        Place { dir, kernel }
    }

    /// The path of a file in the place's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    pub(crate) fn watch(&self) -> host::Kernel {
        host::Kernel::at(&self.socket())
    }

    pub(crate) fn ports(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ports"));
        command.args(args).env("HOST_KERNEL", self.socket());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// A daemon that serves a description by this name, once it does.
    pub(crate) fn daemon(&self, name: &str, text: &str) -> Child {
        let config = self.path(name);
        fs::write(&config, text).unwrap();
        let args = ["portd", "--scheme", name, "--config", config.to_str().unwrap()];
        let mut daemon = self.ports(&args).stderr(Stdio::inherit()).spawn().unwrap();
        while !self.serves(name) {
            assert!(daemon.try_wait().unwrap().is_none(), "{name} ended: {text}");
            std::thread::yield_now();
        }
        daemon
    }

    pub(crate) fn serves(&self, name: &str) -> bool {
        self.ports(&["portctl", "ls", &format!("/scheme/{name}")]).status().unwrap().success()
    }

    pub(crate) fn kill(&self, program: &mut Child) {
        program.kill().unwrap();
        program.wait().unwrap();
        self.watch().wait_end(program.id()).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A kernel that has ended is ended.
        let _ = self.kernel.kill();
        let _ = self.kernel.wait();
    }
}
