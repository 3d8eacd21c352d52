//! The command line and the environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Runs a program for Redox in QEMU. For cargo: set `CARGO_TARGET_X86_64_UNKNOWN_REDOX_RUNNER`.
#[derive(Debug, Parser)]
#[command(name = "redox-runner", version)]
pub(crate) struct Options {
    /// Command that is called as COMMAND IMAGE PROGRAM ARGS... and makes a bootable image.
    #[arg(long, env = "REDOX_PACK", hide_env_values = true)]
    pub(crate) pack: Option<PathBuf>,
    /// A bootable image, which is not changed; the program that it runs is its own affair.
    #[arg(long, env = "REDOX_IMAGE", hide_env_values = true)]
    pub(crate) image: Option<PathBuf>,
    /// QEMU's program.
    #[arg(long, env = "REDOX_QEMU", default_value = "qemu-system-x86_64", hide_env_values = true)]
    pub(crate) qemu: PathBuf,
    /// More arguments for QEMU, split at spaces.
    #[arg(long, env = "REDOX_QEMU_ARGS", hide_env_values = true, allow_hyphen_values = true)]
    pub(crate) qemu_args: Option<String>,
    /// Seconds until boot and program are ended.
    #[arg(long, env = "REDOX_TIMEOUT", default_value_t = 120, hide_env_values = true)]
    pub(crate) timeout: u64,
    /// One instruction of the guest is one nanosecond of its time: repeatable measurements.
    #[arg(
        long,
        env = "REDOX_ICOUNT",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) icount: bool,
    /// What executes the guest's instructions.
    #[arg(long, env = "REDOX_ACCEL", value_enum, default_value_t = Accel::Tcg, hide_env_values = true)]
    pub(crate) accel: Accel,
    /// MiB of memory.
    #[arg(long, env = "REDOX_MEMORY", default_value_t = 1024, hide_env_values = true)]
    pub(crate) memory: u32,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<OsString>,
}

/// Ways to execute the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accel {
    /// QEMU's own emulation; works everywhere.
    Tcg,
    /// The processor's virtualisation.
    Kvm,
}

impl Options {
    /// How long boot and program may take.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
