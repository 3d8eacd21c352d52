//! Kernel, daemon and tool as a person runs them, each in a terminal of its own, and killed.
#![cfg(not(target_os = "redox"))]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipe/portd.toml");

/// A kernel, and the programs that use it.
struct Terminals {
    dir: TempDir,
    kernel: Child,
}

impl Terminals {
    fn new() -> Terminals {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let mut kernel = Command::new(env!("CARGO_BIN_EXE_ports"));
        let kernel = kernel.arg("kernel").arg(&socket).stdout(Stdio::piped()).spawn();
        let mut kernel = kernel.unwrap();
        let mut line = String::new();
        BufReader::new(kernel.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("HOST_KERNEL={}\n", socket.display()));
        Terminals { dir, kernel }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn watch(&self) -> host::Kernel {
        host::Kernel::at(&self.path("socket"))
    }

    fn ports(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ports"));
        command.args(args).env("HOST_KERNEL", self.path("socket"));
        command
    }

    /// A daemon that serves. It sleeps only when its name is known and it waits for requests.
    fn portd(&self) -> Child {
        let daemon = self.ports(&["portd", "--config", CONFIG]).stderr(Stdio::piped()).spawn();
        let daemon = daemon.unwrap();
        self.watch().wait_blocked(daemon.id(), 1).unwrap();
        daemon
    }

    fn portctl(&self, args: &[&str]) -> Output {
        self.ports(&["portctl"]).args(args).output().unwrap()
    }

    /// What the tool prints where it ends well.
    #[track_caller]
    fn prints(&self, args: &[&str]) -> String {
        let output = self.portctl(args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn kill(&self, mut program: Child) {
        program.kill().unwrap();
        program.wait().unwrap();
        self.watch().wait_end(program.id()).unwrap();
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        // A kernel that has ended is ended.
        let _ = self.kernel.kill();
        let _ = self.kernel.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(program: &Child, signal: &str) {
    let pid = program.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_tool_works_with_a_daemon_in_another_program() {
    let terminals = Terminals::new();
    let daemon = terminals.portd();
    assert!(terminals.prints(&["ls"]).contains("tmp"));
    let (from, to) = (terminals.path("from"), terminals.path("to"));
    let data: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&from, &data).unwrap();
    terminals.prints(&["cp", as_str(&from), "/scheme/port/tmp/copy"]);
    terminals.prints(&["cp", "/scheme/port/tmp/copy", as_str(&to)]);
    assert!(fs::read(&to).unwrap() == data);
    fs::write(&from, "a line\n").unwrap();
    terminals.prints(&["cp", as_str(&from), "/scheme/port/tmp/line"]);
    assert_eq!(terminals.prints(&["cat", "/scheme/port/tmp/line"]), "a line\n");
    assert!(terminals.prints(&["stats", "--millis", "1"]).contains("tmp"));
    signal(&daemon, "-TERM");
    // Its guard, which has its errors' descriptor, too, ends after it, and has nothing to say.
    let output = daemon.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "portd: stopped\n");
    assert!(text(&terminals.portctl(&["ls"]).stderr).contains("can't"));
}

#[test]
fn a_killed_daemon_s_caller_is_told_and_another_takes_its_name() {
    let terminals = Terminals::new();
    let daemon = terminals.portd();
    // It takes nothing any more, so the call is under way when it dies.
    signal(&daemon, "-STOP");
    let mut caller = terminals.ports(&["portctl", "ls"]);
    let caller = caller.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    terminals.watch().wait_blocked(caller.id(), 1).unwrap();
    terminals.kill(daemon);
    let told = caller.wait_with_output().unwrap();
    assert!(!told.status.success());
    assert!(text(&told.stderr).contains("reset"), "{}", text(&told.stderr));
    let late = terminals.portctl(&["ls"]);
    assert!(!late.status.success() && late.stdout.is_empty());
    let mut successor = terminals.portd();
    assert!(terminals.prints(&["ls"]).contains("tmp"));
    signal(&successor, "-TERM");
    assert!(successor.wait().unwrap().success());
}

#[test]
fn killed_tools_leave_the_daemon_to_the_others() {
    let terminals = Terminals::new();
    let mut daemon = terminals.portd();
    let large = terminals.path("large");
    fs::write(&large, vec![7; 16 << 20]).unwrap();
    for round in 0..10 {
        let to = format!("/scheme/port/tmp/{round}");
        let tool = terminals.ports(&["portctl", "cp", as_str(&large), &to]).spawn().unwrap();
        terminals.watch().wait_blocked(tool.id(), 1).unwrap();
        terminals.kill(tool);
        let small = format!("/scheme/port/tmp/small {round}");
        terminals.prints(&["cp", CONFIG, &small]);
        assert!(terminals.prints(&["cat", &small]) == fs::read_to_string(CONFIG).unwrap());
    }
    signal(&daemon, "-TERM");
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn without_a_kernel_the_programs_say_what_to_do() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ports"));
    let output = command.args(["portctl", "ls"]).env_remove("HOST_KERNEL").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cargo run -- kernel SOCKET"));
    let mut second = Command::new(env!("CARGO_BIN_EXE_ports"));
    let terminals = Terminals::new();
    let output = second.arg("kernel").arg(terminals.path("socket")).output().unwrap();
    assert!(text(&output.stderr).contains("can't be the kernel at"));
}
