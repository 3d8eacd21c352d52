//! The runner with a machine that a shell script plays.
#![cfg(not(target_os = "redox"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with a QEMU, a pack command and an image of the test's own.
struct Bench {
    dir: TempDir,
}

impl Bench {
    /// With a QEMU that runs `script`.
    fn new(script: &str) -> Bench {
        let bench = Bench { dir: TempDir::new().unwrap() };
        fs::write(bench.path("image"), "an image").unwrap();
        bench.script("qemu", script);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The runner in a clean environment.
    fn runner(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redox-runner"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", self.dir.path());
        command.env("REDOX_QEMU", self.path("qemu"));
        command
    }

    /// The runner with an image.
    fn with_image(&self) -> Command {
        let mut command = self.runner();
        command.env("REDOX_IMAGE", self.path("image"));
        command
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Status, output and errors.
fn end(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

const TALK: &str = "printf 'kernel\\nPROGRAM-BEGIN\\r\\none\\r\\ntwo'";

#[test]
fn output_and_status_are_the_program_s() {
    for status in [0, 1, 101, 255] {
        let bench = Bench::new(&format!("{TALK}; printf 'PROGRAM-EXIT {status}\\r\\nstopping\\n'"));
        let (got, out, err) = end(bench.with_image().arg("program"));
        assert_eq!((got, out.as_str(), err.as_str()), (status, "one\ntwo\n", ""));
    }
}

#[test]
fn a_status_that_does_not_fit_is_a_failure() {
    let bench = Bench::new("printf 'PROGRAM-BEGIN\\nPROGRAM-EXIT 256\\n'");
    assert_eq!(end(bench.with_image().arg("program")).0, 1);
}

#[test]
fn a_machine_that_goes_on_after_the_program_is_ended() {
    let bench = Bench::new(&format!("{TALK}; echo PROGRAM-EXIT 3; exec sleep 1000"));
    assert_eq!(end(bench.with_image().arg("program")).0, 3);
}

#[test]
fn a_program_that_takes_too_long_is_124() {
    let bench = Bench::new(&format!("{TALK}; echo; exec sleep 1000"));
    let (status, out, err) = end(bench.with_image().env("REDOX_TIMEOUT", "1").arg("program"));
    assert_eq!((status, out.as_str()), (124, "one\ntwo\n"));
    assert!(err.contains("the program runs after 1 s, REDOX_TIMEOUT"), "{err}");
    assert!(err.ends_with("    one\n    two\n"), "{err}");
}

#[test]
fn a_boot_that_is_stuck_shows_the_console_s_last_lines() {
    let bench = Bench::new("echo loading; echo waiting for a key; exec sleep 1000");
    let (status, out, err) = end(bench.with_image().env("REDOX_TIMEOUT", "1").arg("program"));
    assert_eq!((status, out.as_str()), (124, ""));
    assert!(err.contains("the boot is stuck"), "{err}");
    assert!(err.ends_with("    loading\n    waiting for a key\n"), "{err}");
}

#[test]
fn a_machine_that_stops_early_is_125() {
    let bench = Bench::new("echo panic: no init");
    let (status, _, err) = end(bench.with_image().arg("program"));
    assert_eq!(status, 125);
    assert!(err.contains("stopped before the program was started"), "{err}");
    assert!(err.contains("    panic: no init\n"), "{err}");
    let bench = Bench::new("true");
    let (_, _, err) = end(bench.with_image().arg("program"));
    assert!(err.contains("the console is empty"), "{err}");
}

#[test]
fn what_is_missing_is_named() {
    let bench = Bench::new("true");
    let (status, _, err) = end(bench.runner().arg("program"));
    assert_eq!(status, 125);
    assert!(err.contains("REDOX_PACK") && err.contains("REDOX_IMAGE"), "{err}");
    let (status, _, err) = end(bench.runner().env("REDOX_IMAGE", "/no/image").arg("program"));
    assert_eq!(status, 125);
    assert!(err.contains("REDOX_IMAGE names /no/image: No such file"), "{err}");
    let (status, _, err) = end(bench.runner().env("REDOX_PACK", "/no/pack").arg("program"));
    assert_eq!(status, 125);
    assert!(err.contains("can't start /no/pack") && err.contains("REDOX_PACK"), "{err}");
    let (status, _, err) = end(bench.with_image().env("REDOX_QEMU", "/no/qemu").arg("program"));
    assert_eq!(status, 125);
    assert!(err.contains("can't start /no/qemu") && err.contains("REDOX_QEMU"), "{err}");
}

#[test]
fn a_wrong_command_line_or_environment_is_125() {
    let bench = Bench::new("true");
    assert_eq!(end(&mut bench.with_image()).0, 125);
    for (name, value) in [("REDOX_ACCEL", "fast"), ("REDOX_TIMEOUT", "-1"), ("REDOX_MEMORY", "x")] {
        let (status, _, err) = end(bench.with_image().env(name, value).arg("program"));
        assert_eq!(status, 125, "{name}");
        assert!(err.contains(value), "{err}");
    }
}

#[test]
fn the_pack_command_gets_image_program_and_arguments() {
    let bench = Bench::new(&format!("{TALK}; echo PROGRAM-EXIT 0"));
    bench.script("pack", "echo packing; cp \"$2\" \"$1\"; printf '%s\\n' \"$@\" >\"$0.args\"");
    let image = bench.path("image").display().to_string();
    let mut command = bench.runner();
    command.env("REDOX_PACK", bench.path("pack")).args([&image, "--exact", "a b", ""]);
    let (status, out, err) = end(&mut command);
    assert_eq!((status, out.as_str(), err.as_str()), (0, "one\ntwo\n", "packing\n"));
    let args = bench.text("pack.args");
    let (made, rest) = args.split_once('\n').unwrap();
    assert_eq!(rest, format!("{image}\n--exact\na b\n\n"));
    assert!(!PathBuf::from(made).exists(), "the image is removed");
}

#[test]
fn a_pack_command_that_makes_nothing_is_said_to() {
    let bench = Bench::new("true");
    for script in ["exit 7", "exit 0"] {
        bench.script("pack", script);
        let (status, _, err) = end(bench.runner().env("REDOX_PACK", bench.path("pack")).arg("x"));
        assert_eq!(status, 125);
        assert!(err.contains("(REDOX_PACK) made no image: exit status: "), "{err}");
    }
}

#[test]
fn the_machine_is_as_asked_for() {
    let bench = Bench::new("printf '%s ' \"$@\" >\"$0.args\"; echo PROGRAM-EXIT 0");
    end(bench.with_image().arg("program"));
    let plain = bench.text("qemu.args");
    assert!(plain.contains("-accel tcg -cpu max") && plain.contains("-m 1024"), "{plain}");
    assert!(plain.contains("snapshot=on") && !plain.contains("icount"), "{plain}");
    let mut command = bench.with_image();
    command.env("REDOX_ACCEL", "kvm").env("REDOX_ICOUNT", "1").env("REDOX_MEMORY", "64");
    end(command.env("REDOX_QEMU_ARGS", "-d int").arg("program"));
    let asked = bench.text("qemu.args");
    for words in ["-accel kvm -cpu host", "-icount shift=0,sleep=off", "-m 64", "-d int "] {
        assert!(asked.contains(words), "{asked}");
    }
    end(bench.with_image().env("REDOX_ICOUNT", "0").arg("program"));
    assert!(!bench.text("qemu.args").contains("icount"));
}
