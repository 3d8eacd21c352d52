//! Any request that a process can make of the daemon.
#![cfg(not(target_os = "redox"))]

#[path = "../../../scheme/portd/tests/common/mod.rs"]
mod common;

use std::{panic::AssertUnwindSafe, sync::Mutex};

use bolero::{TypeGenerator, check};
use common::{World, errno, get, open, put};
use libredox::{Fd, call, flag::*};
use syscall::CallFlags;

const ALL: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777
size = "1 MiB"

[[driver]]
name = "namecache"
kind = "namecache"
on = "tmp"

[[driver]]
name = "disk"
kind = "ramdisk"
size = "64 KiB"

[[driver]]
name = "cache"
kind = "cache"
size = "32 KiB"
on = "disk"

[[driver]]
name = "zero"
kind = "zero"
"#;

/// A request on one of the handles.
#[derive(Debug, TypeGenerator)]
struct Step {
    handle: u8,
    request: Ask,
    payload: Vec<u8>,
}

#[derive(Debug, TypeGenerator)]
enum Ask {
    Message { op: u8, window: u8, id: u8, offset: u64, len: Option<u32>, object: u8 },
    Standard([u64; 3]),
    Read(u8),
    Write,
    Dup,
    Open { flags: u32, mode: u16 },
    Records { verb: u8, id: u8, room: u8 },
}

/// Handles on everything that a daemon serves, and on both ends of a port.
struct Handles(Vec<Fd>);

impl Handles {
    fn open() -> Handles {
        let at = |path: &str, flags| open(&format!("/scheme/port/{path}"), flags, 0o644);
        put("/scheme/port/tmp/file", b"contents").expect("room for a file");
        let paths = [
            ("", O_RDONLY | O_DIRECTORY),
            ("tmp", O_RDONLY | O_DIRECTORY),
            ("tmp/file", O_RDWR),
            ("namecache", O_RDONLY | O_DIRECTORY),
            ("namecache/file", O_RDWR),
            ("disk", O_RDWR),
            ("cache", O_RDWR),
            ("zero", O_RDWR),
            (".plan", O_RDONLY),
            ("user/0/port", O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK),
            ("user/0/port", O_RDWR | O_NONBLOCK),
        ];
        Handles(paths.map(|(path, flags)| at(path, flags).expect(path)).into())
    }

    /// True for a handle on a port, where a call waits for somebody who serves it.
    fn waits(&self, index: usize) -> bool {
        index + 2 >= self.0.len()
    }

    fn ask(&self, step: &Step) {
        let index = usize::from(step.handle) % self.0.len();
        let (fd, mut bytes) = (self.0[index].raw(), step.payload.clone());
        let answer = match &step.request {
            Ask::Message { .. } | Ask::Standard(_) if self.waits(index) => return,
            Ask::Message { op, window, id, offset, len, object } => {
                let len = u64::from(len.unwrap_or(bytes.len() as u32));
                let op = u64::from(*op % 24) | u64::from(*window & 1) << 16 | u64::from(*id) << 32;
                let words = [op, *offset, len | u64::from(*object) << 32];
                errno(call::call_rw(fd, &mut bytes, CallFlags::empty(), &words))
            }
            Ask::Standard(words) => {
                let words = [words[0] % 20, words[1], words[2]];
                errno(call::call_rw(fd, &mut bytes, CallFlags::STD_FS, &words))
            }
            Ask::Read(len) => errno(self.0[index].read(&mut vec![0; usize::from(*len) * 16])),
            Ask::Write => errno(self.0[index].write(&bytes)),
            Ask::Dup => errno(self.0[index].dup(&bytes)).map(|fd| drop(Fd::new(fd))).map(|()| 0),
            Ask::Open { flags, mode } => {
                let path = String::from_utf8_lossy(&bytes);
                let flags = (*flags as i32) & !(O_CLOEXEC | O_DIRECTORY) | O_NONBLOCK;
                errno(self.0[index].openat(&path, flags, (*mode).into())).map(drop).map(|()| 0)
            }
            Ask::Records { verb, id, room } => {
                let mut record = [0; 64];
                record[0] = *verb % 8;
                record[4..6].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
                (record[8], record[61]) = (*id % 8, *room);
                errno(self.0[index].write(&[&record, bytes.as_slice()].concat()))
            }
        };
        if let Err(errno) = answer {
            assert!((1..=132).contains(&errno), "{errno} is no errno");
        }
    }
}

#[test]
fn any_request_is_answered_and_the_daemon_goes_on() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    let handles = client.enter(Handles::open);
    let (world, handles) = (AssertUnwindSafe(&client), AssertUnwindSafe(Mutex::new(handles)));
    check!().with_type::<Vec<Step>>().for_each(|steps| {
        world.enter(|| {
            let handles = handles.lock().expect("a failure ends the test");
            steps.iter().for_each(|step| handles.ask(step));
            put("/scheme/port/tmp/after", b"still there").expect("the daemon goes on");
            assert_eq!(get("/scheme/port/tmp/after").as_deref(), Ok(&b"still there"[..]));
        });
    });
    client.enter(|| drop(handles));
    client.exit();
}
