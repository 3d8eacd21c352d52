//! The machine: its arguments, and its console as lines with a time limit.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use crate::error::Error;
use crate::options::{Accel, Options};

/// A running machine; it ends with this value.
pub(crate) struct Machine {
    child: Child,
    lines: Receiver<Vec<u8>>,
}

/// What came from the console.
pub(crate) enum Next {
    Line(Vec<u8>),
    Ended,
    Late,
}

impl Machine {
    /// Boots an image, which stays as it is.
    pub(crate) fn boot(options: &Options, image: &Path) -> Result<Machine, Error> {
        let mut command = Command::new(&options.qemu);
        command.args(arguments(options, image)).stdin(Stdio::null()).stdout(Stdio::piped());
        let start = |error| Error::Start("REDOX_QEMU", options.qemu.clone(), error);
        let mut child = command.spawn().map_err(start)?;
        let console = child.stdout.take().expect("it is piped");
        Ok(Machine { child, lines: lines(console) })
    }

    /// The next line, if it comes before the deadline.
    pub(crate) fn next(&self, deadline: Instant) -> Next {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Next::Line(line),
            Err(RecvTimeoutError::Disconnected) => Next::Ended,
            Err(RecvTimeoutError::Timeout) => Next::Late,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a console, read by a thread of their own.
fn lines(console: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut console = BufReader::new(console);
        let mut line = Vec::new();
        while matches!(console.read_until(b'\n', &mut line), Ok(1..)) {
            if send.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receive
}

fn arguments(options: &Options, image: &Path) -> Vec<OsString> {
    let (accel, cpu) = match options.accel {
        Accel::Tcg => ("tcg", "max"),
        Accel::Kvm => ("kvm", "host"),
    };
    let mut words: Vec<OsString> = ["-machine", "q35", "-accel", accel, "-cpu", cpu, "-smp", "1"]
        .into_iter()
        .chain(["-display", "none", "-vga", "std", "-net", "none", "-no-reboot"])
        .chain(["-monitor", "none", "-serial", "stdio", "-m", &options.memory.to_string()])
        .map(OsString::from)
        .collect();
    if options.icount {
        words.extend(["-icount", "shift=0,sleep=off"].map(OsString::from));
    }
    words.extend(["-drive".into(), drive(image)]);
    let more = options.qemu_args.iter().flat_map(|words| words.split_whitespace());
    words.extend(more.map(OsString::from));
    words
}

/// A disk that forgets what is written to it. A comma in the name is doubled, as QEMU wants it.
fn drive(image: &Path) -> OsString {
    let name = image.to_string_lossy().replace(',', ",,");
    format!("file={name},format=raw,if=ide,snapshot=on").into()
}
