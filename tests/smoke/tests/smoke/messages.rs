//! Messages of the project's own through its daemon.

use agent::{Call, Cross, Data, Errno, SchemeAgent, Words};
use driver::{Body, Cred, Node, Op, OpenFlags};
use libredox::{call, errno::*, flag::O_RDWR};
use service::PARK;
use smoke::{World, errno, files};
use syscall::CallFlags;

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_message_without_data_is_answered,
    data_of_all_sizes_and_places_is_written_and_read,
    data_in_read_only_memory_is_written,
    a_file_is_found_made_and_removed_by_messages,
    words_that_mean_nothing_are_refused,
];

const TEXT: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777

[[driver]]
name = "disk"
kind = "ramdisk"
size = "4 MiB"

[[driver]]
name = "null"
kind = "null"
"#;

const NODE: Node = Node::ROOT;

/// Sends a message, and gives its status.
fn run(port: &SchemeAgent<Body>, op: Op, data: Data<'_>) -> Result<usize, Errno> {
    Call::new(Body::new(op, Cred::ROOT), data).run(port, &PARK).result()
}

fn a_message_without_data_is_answered() {
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| {
        let disk = SchemeAgent::connect(&daemon.at("disk")).unwrap();
        assert_eq!(run(&disk, Op::Flush { node: NODE }, Data::NONE), Ok(0));
        assert_eq!(run(&disk, Op::Discard { offset: 0, len: 4096 }, Data::NONE), Ok(0));
        let askew = Op::Discard { offset: 1, len: 512 };
        assert_eq!(run(&disk, askew, Data::NONE), Err(Errno::EINVAL));
    });
}

fn data_of_all_sizes_and_places_is_written_and_read() {
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| {
        let disk = SchemeAgent::connect(&daemon.at("disk")).unwrap();
        for len in [512, 4096, 4608, 65_536, 1 << 20] {
            for start in [0, 1, 4095] {
                let mut bytes: Vec<u8> = (0..len + start).map(|i| (i * 7 + start) as u8).collect();
                let offset = 512;
                let write = Op::Write { node: NODE, offset };
                assert_eq!(run(&disk, write, Data::source(&bytes[start..])), Ok(len));
                let sent = bytes.clone();
                bytes[start..].fill(0);
                let read = Op::Read { node: NODE, offset };
                assert_eq!(run(&disk, read, Data::sink(&mut bytes[start..])), Ok(len));
                assert!(bytes == sent, "{len} bytes at {start}");
            }
        }
    });
}

fn data_in_read_only_memory_is_written() {
    static BYTES: [u8; 5000] = [3; 5000];
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| {
        let null = SchemeAgent::connect(&daemon.at("null")).unwrap();
        let write = Op::Write { node: NODE, offset: 0 };
        assert_eq!(run(&null, write, Data::source(&BYTES)), Ok(5000));
    });
}

fn a_file_is_found_made_and_removed_by_messages() {
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| {
        let tmp = SchemeAgent::connect(&daemon.at("tmp")).unwrap();
        let named = |op, name: &str| {
            let mut call = Call::new(Body::new(op, Cred::ROOT), Data::NONE).name(name.as_bytes());
            let status = call.run(&tmp, &PARK).result();
            status.map(|_| call.body().node())
        };
        let find = Op::Lookup { parent: NODE, follow: true };
        assert_eq!(named(find, "file").err(), Some(Errno::ENOENT));
        let flags = OpenFlags::READ | OpenFlags::WRITE;
        let node = named(Op::Create { parent: NODE, mode: 0o600, flags }, "file").unwrap().unwrap();
        let write = Op::Write { node, offset: 0 };
        assert_eq!(run(&tmp, write, Data::source(b"by message")), Ok(10));
        assert_eq!(files::get(&daemon.at("tmp/file")).unwrap(), b"by message");
        assert!(named(find, "file").unwrap().is_some());
        named(Op::Unlink { parent: NODE, dir: false }, "file").unwrap();
        assert_eq!(files::get(&daemon.at("tmp/file")), Err(ENOENT));
    });
}

fn words_that_mean_nothing_are_refused() {
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| {
        let disk = files::open(&daemon.at("disk"), O_RDWR, 0).unwrap();
        let send = |words: &[u64], payload: &mut [u8]| {
            let flags = CallFlags::READ | CallFlags::WRITE;
            errno(call::call_rw(disk.raw(), payload, flags, words))
        };
        let flush = Body::new(Op::Flush { node: NODE }, Cred::ROOT).words().unwrap().0;
        assert_eq!(send(&flush.encode(), &mut []), Ok(0));
        let unknown = Words { op: u16::MAX - 1, ..flush };
        assert_eq!(send(&unknown.encode(), &mut []), Err(ENOSYS));
        assert_eq!(send(&unknown.encode(), &mut [0; 4096]), Err(ENOSYS));
        let window = Words { window: 9, ..flush };
        assert_eq!(send(&window.encode(), &mut []), Err(EPROTO));
        let read = Body::new(Op::Read { node: NODE, offset: 0 }, Cred::ROOT).words().unwrap().0;
        let window = Words { window: 9, len: 512, ..read };
        assert_eq!(send(&window.encode(), &mut []), Err(EFAULT));
        let object = Words { object: 77, ..flush };
        assert_eq!(send(&object.encode(), &mut []), Err(ESTALE));
    });
}
