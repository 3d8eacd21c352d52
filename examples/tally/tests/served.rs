//! The driver's program: a service of its own, on a disk of another process. This one is the
//! kernel of both, and their client.
#![cfg(not(target_os = "redox"))]

use std::{
    path::Path,
    process::{Child, Command},
    sync::mpsc,
    thread,
};

use driver::{Body, Call, Cred, Data, Driver, Node, Op, Spin, Status};
use host::Process;
use service::Remote;

const DISK: &str = "[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = \"1 MiB\"\n";

/// A daemon with a disk, in a process of this program's.
fn disk() {
    let (tell, ready) = mpsc::channel();
    Process::new("portd", 0, 0).spawn(move || {
        let mut service = portd::serve("port", DISK).unwrap();
        service.publish().unwrap();
        tell.send(()).unwrap();
        service.run().unwrap();
    });
    ready.recv().unwrap();
}

/// The driver's program, which ends with this value.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended is ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(kernel: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
    Program(command.env("HOST_KERNEL", kernel).spawn().unwrap())
}

fn read(port: &Remote, room: &mut [u8]) -> Status {
    let op = Op::Read { node: Node::ROOT, offset: 0 };
    Call::new(Body::new(op, Cred::ROOT), Data::sink(room)).run(port, &Spin)
}

#[test]
fn its_program_is_a_port_that_others_open() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("kernel");
    let listener = host::listen(&socket).unwrap();
    thread::spawn(move || host::serve(&listener));
    disk();
    let mut program = program(&socket);
    Process::new("client", 0, 0).enter(|| {
        let port = loop {
            assert!(program.0.try_wait().unwrap().is_none(), "it ended before it served");
            if let Ok(port) = Remote::connect("/scheme/tally") {
                break port;
            }
            thread::yield_now();
        };
        assert_eq!(port.describe().size, 1 << 20);
        let mut room = [9; 1024];
        assert_eq!(read(&port, &mut room), Status::ok(1024));
        assert_eq!(room, [0; 1024]);
    });
}
