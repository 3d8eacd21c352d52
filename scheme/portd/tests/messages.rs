//! Messages with `SYS_CALL`: an agent's port gives what the driver itself gives.
#![cfg(not(target_os = "redox"))]

mod common;

use agent::{Call, Counts, Data, Errno, Port};
use common::World;
use driver::{
    Attr, Body, Class, Cred, Driver, Features, Node, Op, OpenFlags, Ready, Reply, SetAttr, Time,
    dirent,
};
use service::{PARK, Remote};

const ALL: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777

[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "null"
kind = "null"

[[driver]]
name = "zero"
kind = "zero"
"#;

const RW: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);
const FROM: Time = Time { sec: 1000, nsec: 7 };

/// Asks a port, and notes what came of it.
struct Script<'p> {
    port: &'p dyn Port<Body>,
    cred: Cred,
    lines: Vec<String>,
}

impl Script<'_> {
    fn run(&mut self, what: &str, op: Op, data: Data<'_>, names: &[&str]) -> Node {
        let mut call = Call::new(Body::new(op, self.cred), data);
        for name in names {
            call = call.name(name.as_bytes());
        }
        let status = call.run(self.port, &PARK);
        let reply = if status.is_ok() { call.body().reply } else { Reply::Nothing };
        let shown = match reply {
            Reply::Entry { attr, .. } => format!("entry {:?}", timeless(attr)),
            Reply::Attr(attr) => format!("{:?}", timeless(attr)),
            other => format!("{other:?}"),
        };
        self.lines.push(format!("{what}: {status:?} {shown}"));
        call.body().node().unwrap_or(Node(u64::from(u32::MAX)))
    }

    fn plain(&mut self, what: &str, op: Op) {
        self.run(what, op, Data::NONE, &[]);
    }

    fn find(&mut self, path: &str, follow: bool) -> Node {
        self.run(path, Op::Lookup { parent: Node::ROOT, follow }, Data::NONE, &[path])
    }

    fn fill(&mut self, what: &str, op: Op, room: usize) {
        let mut bytes = vec![0xee; room];
        self.run(what, op, Data::sink(&mut bytes), &[]);
        self.lines.push(format!("  {:?}", shorten(&bytes)));
    }

    fn list(&mut self, what: &str, node: Node, cookie: u64, room: usize) {
        let mut bytes = vec![0; room];
        let op = Op::Readdir { node, cookie };
        self.run(what, op, Data::sink(&mut bytes), &[]);
        for entry in dirent::entries(&bytes) {
            let name = String::from_utf8_lossy(entry.name);
            self.lines.push(format!("  {name} {:?} {}", entry.kind, entry.next));
        }
    }
}

/// Two runs are not at the same time; times that were set are small and stay.
fn timeless(mut attr: Attr) -> Attr {
    let keep = |time: Time| if time.sec < 10_000 { time } else { Time::default() };
    (attr.atime, attr.mtime, attr.ctime) = (keep(attr.atime), keep(attr.mtime), Time::default());
    attr
}

/// Runs of equal bytes.
fn shorten(bytes: &[u8]) -> Vec<(u8, usize)> {
    bytes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
}

fn block(s: &mut Script<'_>) {
    let (node, other) = (Node::ROOT, Node(3));
    s.run("write", Op::Write { node, offset: 4096 }, Data::source(&[7; 1024]), &[]);
    s.fill("read", Op::Read { node, offset: 3584 }, 2048);
    s.fill("read at the end", Op::Read { node, offset: (1 << 20) - 512 }, 1024);
    s.fill("read past the end", Op::Read { node, offset: 1 << 20 }, 512);
    s.fill("read into nothing", Op::Read { node, offset: 0 }, 0);
    s.fill("read askew", Op::Read { node, offset: 100 }, 512);
    s.run("write askew", Op::Write { node, offset: 0 }, Data::source(&[7; 100]), &[]);
    s.run("write past the end", Op::Write { node, offset: 1 << 20 }, Data::source(&[7; 512]), &[]);
    s.plain("flush", Op::Flush { node });
    s.plain("discard", Op::Discard { offset: 4096, len: 512 });
    s.plain("discard askew", Op::Discard { offset: 1, len: 512 });
    s.fill("read again", Op::Read { node, offset: 4096 }, 1024);
    s.fill("another node", Op::Read { node: other, offset: 0 }, 512);
    s.plain("poll", Op::Poll { interest: Ready::READ });
    s.plain("statfs", Op::Statfs);
    s.find("x", true);
}

fn character(s: &mut Script<'_>) {
    let node = Node::ROOT;
    s.fill("read", Op::Read { node, offset: 0 }, 5000);
    s.run("write", Op::Write { node, offset: 9 }, Data::source(&[7; 100]), &[]);
    s.plain("flush", Op::Flush { node });
    s.plain("poll", Op::Poll { interest: Ready::all() });
    s.plain("poll one", Op::Poll { interest: Ready::WRITE });
    s.plain("discard", Op::Discard { offset: 0, len: 512 });
    s.plain("getattr", Op::Getattr { node });
    s.list("readdir", node, 0, 512);
}

fn files(s: &mut Script<'_>) {
    let root = Node::ROOT;
    s.find("", true);
    let dir = s.run("mkdir", Op::Mkdir { parent: root, mode: 0o750 }, Data::NONE, &["dir"]);
    let create = |parent, flags| Op::Create { parent, mode: 0o640, flags };
    let file = s.run("create", create(dir, RW), Data::NONE, &["ein Näme"]);
    let exclusive = create(dir, RW | OpenFlags::EXCLUSIVE);
    s.run("create again", exclusive, Data::NONE, &["ein Näme"]);
    s.run("write", Op::Write { node: file, offset: 10 }, Data::source(b"some bytes"), &[]);
    s.run("append", Op::Write { node: file, offset: Op::END }, Data::source(b"!"), &[]);
    s.fill("read", Op::Read { node: file, offset: 0 }, 64);
    s.plain("truncate", Op::Truncate { node: file, len: 12 });
    s.plain("truncate too far", Op::Truncate { node: file, len: u64::MAX });
    let set = SetAttr { mode: Some(0o600), mtime: Some(FROM), ..SetAttr::default() };
    s.plain("setattr", Op::Setattr { node: file, set });
    s.plain("getattr", Op::Getattr { node: file });
    let give = SetAttr { uid: Some(77), ..SetAttr::default() };
    s.plain("give away", Op::Setattr { node: dir, set: give });
    links(s, file);
    s.plain("open the directory", Op::Open { node: dir, flags: OpenFlags::READ });
    for room in [10, 60, 4096] {
        s.list("readdir", dir, 0, room);
    }
    s.list("readdir, rest", dir, 2, 4096);
    s.list("readdir of a file", file, 0, 4096);
    names(s, dir, file);
    s.plain("flush", Op::Flush { node: file });
    s.plain("statfs", Op::Statfs);
}

fn links(s: &mut Script<'_>, file: Node) {
    let root = Node::ROOT;
    s.run("link", Op::Link { node: file, parent: root }, Data::NONE, &["hard"]);
    s.run("link again", Op::Link { node: file, parent: root }, Data::NONE, &["hard"]);
    s.run("link a directory", Op::Link { node: root, parent: root }, Data::NONE, &["x"]);
    s.run("symlink", Op::Symlink { parent: root }, Data::NONE, &["soft", "dir/ein Näme"]);
    s.run("symlink nowhere", Op::Symlink { parent: root }, Data::NONE, &["empty", ""]);
    s.run("symlink outside", Op::Symlink { parent: root }, Data::NONE, &["out", "/dir"]);
    s.find("soft", true);
    s.find("./dir/../soft", true);
    s.find("out/x", true);
    let soft = s.find("soft", false);
    s.fill("readlink", Op::Readlink { node: soft }, 64);
    s.fill("readlink, cut", Op::Readlink { node: soft }, 5);
    s.fill("readlink of a file", Op::Readlink { node: file }, 5);
}

fn names(s: &mut Script<'_>, dir: Node, file: Node) {
    let root = Node::ROOT;
    s.find("dir/none", true);
    s.find("hard/none", true);
    s.find(&"n".repeat(256), true);
    s.run("unlink the directory", Op::Unlink { parent: root, dir: false }, Data::NONE, &["dir"]);
    s.run("rmdir", Op::Unlink { parent: root, dir: true }, Data::NONE, &["dir"]);
    let rename = Op::Rename { parent: dir, to: root };
    s.run("rename over", rename, Data::NONE, &["ein Näme", "soft"]);
    s.run("rename nothing", rename, Data::NONE, &["ein Näme", "soft"]);
    s.run("rename to no name", rename, Data::NONE, &["x", ""]);
    s.run("rmdir again", Op::Unlink { parent: root, dir: true }, Data::NONE, &["dir"]);
    for name in ["soft", "hard", "hard"] {
        s.run("unlink", Op::Unlink { parent: root, dir: false }, Data::NONE, &[name]);
    }
    s.fill("read what has no name", Op::Read { node: file, offset: 0 }, 64);
    s.plain("open a directory", Op::Open { node: root, flags: OpenFlags::READ });
    s.plain("open it to write", Op::Open { node: root, flags: RW });
    s.plain("close it", Op::Close { node: root });
    s.plain("close the file", Op::Close { node: file });
    s.plain("it is gone", Op::Getattr { node: file });
}

/// Runs a script on the driver itself and through a daemon.
fn compare(name: &str, cred: Cred, script: fn(&mut Script<'_>)) {
    let run = |port: &dyn Port<Body>| {
        let mut s = Script { port, cred, lines: Vec::new() };
        script(&mut s);
        s.lines
    };
    let stack = portd::build(&portd::plan(ALL).unwrap()).unwrap();
    let near = run(&**stack.get(name).unwrap().port.port());
    let world = World::serving(ALL);
    let far = world.client(cred.uid, cred.gid, || {
        run(&Remote::connect(&format!("/scheme/port/{name}")).unwrap())
    });
    assert!(near.len() > 8);
    near.iter().zip(&far).for_each(|(near, far)| assert_eq!(far, near));
    assert_eq!(near.len(), far.len());
}

#[test]
fn a_block_device_gives_the_same_in_both_placements() {
    compare("disk", Cred::ROOT, block);
}

#[test]
fn character_devices_give_the_same_in_both_placements() {
    compare("null", Cred::ROOT, character);
    compare("zero", Cred { uid: 5, gid: 5 }, character);
}

#[test]
fn a_file_system_gives_the_same_in_both_placements() {
    compare("tmp", Cred::ROOT, files);
    compare("tmp", Cred { uid: 5, gid: 6 }, files);
}

#[test]
fn a_description_comes_across() {
    let stack = portd::build(&portd::plan(ALL).unwrap()).unwrap();
    let world = World::serving(ALL);
    world.root(|| {
        for name in ["tmp", "disk", "null"] {
            let near = stack.get(name).unwrap().description;
            let far = Remote::connect(&format!("/scheme/port/{name}")).unwrap().describe();
            let parts = |d: driver::Description| (d.class, d.size, d.block_size);
            assert_eq!(parts(far), parts(near));
            assert!(far.features.contains(near.features | Features::REMOTE | Features::BLOCKS));
        }
        let disk = Remote::connect("/scheme/port/disk").unwrap().describe();
        assert_eq!((disk.class, disk.size, disk.block_size), (Class::Block, 1 << 20, 512));
        assert_eq!(Remote::connect("/scheme/port/none").err(), Some(Errno::ENOENT));
        assert_eq!(Remote::connect("/scheme/port").err(), Some(Errno::EBADF));
    });
}

fn ask(port: &Remote, op: Op, data: Data<'_>) -> Counts {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data);
    assert!(call.run(port, &PARK).is_ok(), "{op:?}");
    call.counts()
}

#[test]
fn a_message_crosses_once_and_maps_only_its_data() {
    let world = World::serving(ALL);
    let client = world.process(0, 0);
    client.enter(|| {
        let node = Node::ROOT;
        let disk = Remote::connect("/scheme/port/disk").unwrap();
        let null = Remote::connect("/scheme/port/null").unwrap();
        let tmp = Remote::connect("/scheme/port/tmp").unwrap();
        let crossing = Counts { messages: 1, crossings: 1, translations: 1, ..Counts::default() };
        let before = client.stats();
        let bare = [
            (&disk, Op::Flush { node }),
            (&null, Op::Poll { interest: Ready::READ }),
            (&tmp, Op::Open { node, flags: OpenFlags::READ }),
            (&tmp, Op::Close { node }),
            (&null, Op::Read { node, offset: 0 }),
        ];
        for (port, op) in bare {
            assert_eq!(ask(port, op, Data::NONE), crossing);
        }
        let cost = client.stats().since(&before);
        assert_eq!((cost.requests, cost.without_memory, cost.pages_mapped()), (5, 5, 0));

        let before = client.stats();
        let counts = ask(&disk, Op::Read { node, offset: 0 }, Data::sink(&mut [0; 512]));
        assert_eq!(counts, Counts { maps: 1, ..crossing });
        let memory = vec![1; 8192];
        let start = memory.as_ptr().align_offset(4096);
        let whole = Data::source(&memory[start..start + 4096]);
        let counts = ask(&disk, Op::Write { node, offset: 0 }, whole);
        assert_eq!(counts, Counts { maps: 1, ..crossing });
        // A page that is not the message's alone can't be lent to be fetched.
        let ragged = Data::source(&memory[start + 8..start + 520]);
        let counts = ask(&disk, Op::Write { node, offset: 0 }, ragged);
        assert_eq!(counts, Counts { maps: 1, copies: 1, looks: 1, ..crossing });
        ask(&tmp, Op::Getattr { node }, Data::NONE);
        let cost = client.stats().since(&before);
        assert_eq!((cost.requests, cost.without_memory), (4, 0));
        assert!(cost.pages_mapped() >= 4);
    });
    client.exit();
}

fn entry(port: &Remote, path: &str) -> Node {
    let op = Op::Lookup { parent: Node::ROOT, follow: true };
    let mut call = Call::new(Body::new(op, Cred::ROOT), Data::NONE).name(path.as_bytes());
    assert!(call.run(port, &PARK).is_ok(), "{path}");
    call.body().node().unwrap()
}

fn getattr(port: &Remote, node: Node) -> Result<u64, Errno> {
    let mut call = Call::new(Body::new(Op::Getattr { node }, Cred::ROOT), Data::NONE);
    call.run(port, &PARK).result().map(|_| call.body().attr().unwrap().size)
}

#[test]
fn an_object_number_means_something_to_its_handle_only() {
    let world = World::serving(ALL);
    world.root(|| {
        common::put("/scheme/port/tmp/one", b"1").unwrap();
        common::put("/scheme/port/tmp/three", b"333").unwrap();
        let here = Remote::connect("/scheme/port/tmp").unwrap();
        let there = Remote::connect("/scheme/port/tmp").unwrap();
        assert_eq!(entry(&here, ""), Node::ROOT);
        let one = entry(&here, "one");
        assert_eq!(entry(&here, "./one"), one);
        assert_eq!(getattr(&there, one), Err(Errno::ESTALE));
        assert_eq!(entry(&there, "three"), one);
        assert_eq!((getattr(&here, one), getattr(&there, one)), (Ok(1), Ok(3)));
    });
}

#[test]
fn what_a_client_leaves_open_is_closed_with_its_handle() {
    let world = World::serving(ALL);
    world.root(|| {
        common::put("/scheme/port/tmp/file", &[1; 100_000]).unwrap();
        let free = |port: &Remote| {
            let mut call = Call::new(Body::new(Op::Statfs, Cred::ROOT), Data::NONE);
            assert!(call.run(port, &PARK).is_ok());
            match call.body().reply {
                Reply::Statfs(figures) => figures.free,
                other => panic!("{other:?}"),
            }
        };
        let watcher = Remote::connect("/scheme/port/tmp").unwrap();
        let full = free(&watcher);
        // The file by a number, then as the handle's own object.
        let holders = ["/scheme/port/tmp", "/scheme/port/tmp/file"];
        let holders = holders.map(|path| Remote::connect(path).unwrap());
        let numbers = [entry(&holders[0], "file"), Node::ROOT];
        for (holder, node) in holders.iter().zip(numbers) {
            for flags in [OpenFlags::READ, RW] {
                ask(holder, Op::Open { node, flags }, Data::NONE);
            }
        }
        host::sys::unlink("/scheme/port/tmp/file").unwrap();
        let [first, second] = holders;
        drop(first);
        assert_eq!(free(&watcher), full);
        drop(second);
        assert!(free(&watcher) > full);
    });
}
