//! A mounted file system, and one function an operation.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use driver::{
    Attr, Body, Built, Call, Context, Cred, Data, Description, Driver, Errno, Lower, Neighbour,
    Node, Op, OpenFlags, OptionValue, Options, Outcome, Port, Reply, Request, SetAttr, Spin,
    Statfs, Time, dirent,
};
use driver_ramdisk::Ramdisk;
use redoxfs::FileSystem;
use redoxfs_disk::PortDisk;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const ROOT: Cred = Cred::ROOT;
pub(crate) const RDWR: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);
pub(crate) type Answer<T> = Result<T, Errno>;

static CLOCK: AtomicU64 = AtomicU64::new(1_000);

fn now() -> Time {
    Time { sec: CLOCK.fetch_add(1, Relaxed), nsec: 7 }
}

/// A disk whose writes fail, or which panics, while told to.
pub(crate) struct Disk {
    pub(crate) ram: Arc<Ramdisk>,
    pub(crate) fail: AtomicBool,
    pub(crate) panic: AtomicBool,
    pub(crate) features: driver::Features,
    pub(crate) flushes: AtomicU64,
}

impl Disk {
    pub(crate) fn new(ram: Arc<Ramdisk>) -> Arc<Disk> {
        let (fail, panic) = (AtomicBool::new(false), AtomicBool::new(false));
        let features = ram.describe().features;
        Arc::new(Disk { ram, fail, panic, features, flushes: AtomicU64::new(0) })
    }
}

impl Port<Body> for Disk {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        assert!(!self.panic.load(Relaxed), "as told");
        if let Op::Flush { .. } = driver::Exchange::body(&request).op {
            self.flushes.fetch_add(1, Relaxed);
        }
        if self.fail.load(Relaxed)
            && matches!(driver::Exchange::body(&request).op, Op::Write { .. })
        {
            return request.done(Errno::ETIMEDOUT);
        }
        request.pass(&*self.ram)
    }
}

impl Driver for Disk {
    fn describe(&self) -> Description {
        Description { features: self.features, ..self.ram.describe() }
    }
}

pub(crate) fn port_disk(ram: &Arc<Ramdisk>) -> PortDisk {
    let port: Arc<dyn Port<Body>> = Arc::<Ramdisk>::clone(ram);
    PortDisk::new(Neighbour::new(port, 1), ram.describe().size, &Spin)
}

/// A new, empty file system, not mounted.
pub(crate) fn image(size: u64, password: Option<&str>) -> Arc<Ramdisk> {
    let ram = Arc::new(Ramdisk::new(size, 512, false).unwrap());
    FileSystem::create(port_disk(&ram), password.map(str::as_bytes), 1, 0).unwrap();
    ram
}

pub(crate) fn make(disk: Arc<dyn Driver>, options: &[(&str, OptionValue)]) -> Built {
    let description = disk.describe();
    let mut given = Options::default();
    options.iter().for_each(|(key, value)| given.set(key, value.clone()));
    let lower = Lower { port: Neighbour::new(disk, 1), description };
    (driver_redoxfs::KIND.make)(&given, vec![lower], &Context { now, wait: &Spin })
}

pub(crate) struct Fs {
    pub(crate) disk: Arc<Disk>,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) cred: Cred,
}

impl Fs {
    pub(crate) fn new(size: u64) -> Fs {
        Fs::mount(&image(size, None))
    }

    pub(crate) fn mount(ram: &Arc<Ramdisk>) -> Fs {
        Fs::on(Disk::new(Arc::clone(ram)), &[])
    }

    pub(crate) fn on(disk: Arc<Disk>, options: &[(&str, OptionValue)]) -> Fs {
        let driver = make(disk.clone(), options).unwrap_or_else(|text| panic!("{text}"));
        Fs { disk, driver, cred: ROOT }
    }

    pub(crate) fn again(self) -> Fs {
        Fs { cred: self.cred, ..Fs::mount(&self.disk.ram) }
    }

    pub(crate) fn by(&self, uid: u32, gid: u32) -> Fs {
        let (disk, driver) = (Arc::clone(&self.disk), Arc::clone(&self.driver));
        Fs { disk, driver, cred: Cred { uid, gid } }
    }

    pub(crate) fn ask(&self, op: Op, names: &[&[u8]], data: Data<'_>) -> Answer<(usize, Reply)> {
        let mut call = Call::new(Body::new(op, self.cred), data);
        for name in names {
            call = call.name(name);
        }
        let status = call.run(&*self.driver, &Spin);
        status.result().map(|count| (count, call.body().reply))
    }

    fn count(&self, op: Op, data: Data<'_>) -> Answer<usize> {
        self.ask(op, &[], data).map(|(count, _)| count)
    }

    fn nothing(&self, op: Op, names: &[&[u8]]) -> Answer<()> {
        self.ask(op, names, Data::NONE).map(|_| ())
    }

    fn entry(&self, op: Op, names: &[&[u8]]) -> Answer<Node> {
        let (_, reply) = self.ask(op, names, Data::NONE)?;
        let Reply::Entry { node, attr } = reply else { panic!("{reply:?}") };
        assert_eq!(self.attr(node)?, attr, "what a reply says is so");
        Ok(node)
    }

    pub(crate) fn find(&self, path: &str) -> Answer<Node> {
        self.lookup(Node::ROOT, path, true)
    }

    pub(crate) fn lookup(&self, parent: Node, path: &str, follow: bool) -> Answer<Node> {
        self.entry(Op::Lookup { parent, follow }, &[path.as_bytes()])
    }

    pub(crate) fn open(&self, node: Node, flags: OpenFlags) -> Answer<()> {
        self.nothing(Op::Open { node, flags }, &[])
    }

    pub(crate) fn close(&self, node: Node) -> Answer<()> {
        self.nothing(Op::Close { node }, &[])
    }

    pub(crate) fn create(&self, parent: Node, name: &str, flags: OpenFlags) -> Answer<Node> {
        self.entry(Op::Create { parent, mode: 0o644, flags }, &[name.as_bytes()])
    }

    /// A closed file with contents.
    pub(crate) fn file(&self, parent: Node, name: &str, bytes: &[u8]) -> Node {
        let node = self.create(parent, name, RDWR | OpenFlags::TRUNCATE).unwrap();
        assert_eq!(self.write(node, 0, bytes), Ok(bytes.len()));
        self.close(node).unwrap();
        node
    }

    pub(crate) fn mkdir(&self, parent: Node, name: &str) -> Answer<Node> {
        self.entry(Op::Mkdir { parent, mode: 0o755 }, &[name.as_bytes()])
    }

    pub(crate) fn symlink(&self, parent: Node, name: &str, target: &str) -> Answer<Node> {
        self.entry(Op::Symlink { parent }, &[name.as_bytes(), target.as_bytes()])
    }

    pub(crate) fn readlink(&self, node: Node) -> Answer<String> {
        let mut room = [0; 4096];
        let len = self.count(Op::Readlink { node }, Data::sink(&mut room))?;
        Ok(String::from_utf8(room[..len].to_vec()).unwrap())
    }

    pub(crate) fn link(&self, node: Node, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Link { node, parent }, &[name.as_bytes()])
    }

    pub(crate) fn unlink(&self, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Unlink { parent, dir: false }, &[name.as_bytes()])
    }

    pub(crate) fn rmdir(&self, parent: Node, name: &str) -> Answer<()> {
        self.nothing(Op::Unlink { parent, dir: true }, &[name.as_bytes()])
    }

    pub(crate) fn rename(&self, parent: Node, name: &str, to: Node, new: &str) -> Answer<()> {
        self.nothing(Op::Rename { parent, to }, &[name.as_bytes(), new.as_bytes()])
    }

    pub(crate) fn truncate(&self, node: Node, len: u64) -> Answer<()> {
        self.nothing(Op::Truncate { node, len }, &[])
    }

    pub(crate) fn flush(&self) -> Answer<()> {
        self.nothing(Op::Flush { node: Node::ROOT }, &[])
    }

    pub(crate) fn read(&self, node: Node, offset: u64, room: &mut [u8]) -> Answer<usize> {
        self.count(Op::Read { node, offset }, Data::sink(room))
    }

    /// Everything from `offset` on, `len` bytes at most.
    pub(crate) fn bytes(&self, node: Node, offset: u64, len: usize) -> Answer<Vec<u8>> {
        let mut room = vec![0xee; len];
        let count = self.read(node, offset, &mut room)?;
        assert!(
            room[count..].iter().all(|byte| *byte == 0xee),
            "what is not counted is left alone"
        );
        room.truncate(count);
        Ok(room)
    }

    pub(crate) fn write(&self, node: Node, offset: u64, bytes: &[u8]) -> Answer<usize> {
        self.count(Op::Write { node, offset }, Data::source(bytes))
    }

    pub(crate) fn attr(&self, node: Node) -> Answer<Attr> {
        let (_, reply) = self.ask(Op::Getattr { node }, &[], Data::NONE)?;
        let Reply::Attr(attr) = reply else { panic!("{reply:?}") };
        Ok(attr)
    }

    pub(crate) fn setattr(&self, node: Node, set: SetAttr) -> Answer<()> {
        let (_, reply) = self.ask(Op::Setattr { node, set }, &[], Data::NONE)?;
        assert_eq!(reply, Reply::Attr(self.attr(node)?));
        Ok(())
    }

    pub(crate) fn statfs(&self) -> Statfs {
        let (_, reply) = self.ask(Op::Statfs, &[], Data::NONE).unwrap();
        let Reply::Statfs(figures) = reply else { panic!("{reply:?}") };
        figures
    }

    /// One sink full of entries: their names and cookies.
    pub(crate) fn list_some(
        &self,
        node: Node,
        cookie: u64,
        room: usize,
    ) -> Answer<Vec<(String, u64)>> {
        let mut room = vec![0; room];
        let len = self.count(Op::Readdir { node, cookie }, Data::sink(&mut room))?;
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        Ok(dirent::entries(&room[..len]).map(|entry| (text(entry.name), entry.next)).collect())
    }

    /// All names but `.` and `..`, in order of name.
    pub(crate) fn list(&self, node: Node) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let some = self.list_some(node, cookie, 600).unwrap();
            let Some((_, next)) = some.last() else { break };
            cookie = *next;
            names.extend(some.into_iter().map(|(name, _)| name));
        }
        names.retain(|name| name != "." && name != "..");
        names.sort();
        names
    }
}

/// Numbers from a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 24) as u8).collect()
    }
}
