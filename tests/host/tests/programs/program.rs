//! A program in a test: what it is told, and what it says, by lines.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use host::Kernel;

fn kernel() -> Kernel {
    Kernel::at(Path::new(&std::env::var_os("HOST_KERNEL").unwrap()))
}

/// A program that plays a role. It is killed when this goes.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// The command of a program that plays a role.
pub(crate) fn role(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("role").args(words);
    command
}

impl Program {
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::run(&mut role(words))
    }

    pub(crate) fn run(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output }
    }

    /// Its process id, with Linux and with the kernel.
    pub(crate) fn pid(&self) -> usize {
        self.child.id() as usize
    }

    /// The next line that it says; empty at the end.
    pub(crate) fn says(&mut self) -> String {
        self.output.next().map_or(String::new(), |line| line.unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.says(), line);
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the call touches no memory, and the child has not been waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Kills it, and returns when the kernel has closed all that it had.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        kernel().wait_end(self.child.id()).unwrap();
    }

    /// Returns when it sleeps in the kernel.
    pub(crate) fn wait_blocked(&self) {
        kernel().wait_blocked(self.child.id(), 1).unwrap();
    }

    /// Waits for its end, which has to be a good one.
    #[track_caller]
    pub(crate) fn ends_well(&mut self) {
        assert!(self.child.wait().unwrap().success());
        kernel().wait_end(self.child.id()).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
