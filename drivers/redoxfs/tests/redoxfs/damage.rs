//! Damaged and hostile images: what they cost is an errno, or a panic that a host can contain.
//! Never wrong contents, never a request without end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use agent::Catch;
use driver::{Body, Call, Cred, Data, Errno, Neighbour, Node, Op, OpenFlags, Port, Spin};
use driver_ramdisk::Ramdisk;
use redoxfs::{
    AllocEntry, AllocList, BLOCK_SIZE, BlockAddr, BlockData, BlockLevel, BlockMeta, BlockRaw,
    BlockTrait, FileSystem, HEADER_RING, Header, Transaction, TreeData, TreePtr,
};
use redoxfs_disk::{Error, PortDisk};

use crate::fs::{Answer, Fs, MIB, Random, image, make, port_disk};

const BLOCKS: u64 = 2 * MIB / BLOCK_SIZE;

type Bytes = Vec<u8>;
type Tx<'a> = Transaction<'a, PortDisk>;
type Inode = TreeData<redoxfs::Node>;

fn contents() -> [(&'static str, Bytes); 3] {
    let mut random = Random(11);
    [
        ("inline", b"a few bytes".to_vec()),
        ("dir/record", random.bytes(20_000)),
        ("dir/large", [random.bytes(100_000), b"compress".repeat(20_000)].concat()),
    ]
}

/// A file system with something of everything, as bytes.
fn sample() -> Bytes {
    let fs = Fs::mount(&image(2 * MIB, None));
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    for (path, bytes) in contents() {
        let (parent, name) = path.strip_prefix("dir/").map_or((Node::ROOT, path), |n| (dir, n));
        fs.file(parent, name, &bytes);
    }
    fs.symlink(dir, "link", "../inline").unwrap();
    for index in 0..100 {
        fs.symlink(dir, &format!("{index} of a hundred, so that it takes two blocks"), "x")
            .unwrap();
    }
    let mut bytes = vec![0; (2 * MIB) as usize];
    port_disk(&fs.disk.ram).read(0, &mut bytes).unwrap();
    bytes
}

fn disk_of(bytes: &[u8]) -> Arc<Ramdisk> {
    let ram = Arc::new(Ramdisk::new(bytes.len() as u64, 512, false).unwrap());
    port_disk(&ram).write(0, bytes).unwrap();
    ram
}

/// What became of a mount and of everything that was asked afterwards.
#[derive(Default)]
struct Outcome {
    /// Contents may be other ones now: only that it ends matters.
    forged: bool,
    refused: u32,
    panics: u32,
    errors: u32,
    right: u32,
}

impl Outcome {
    /// Mounts and asks for everything. A panic is contained, as a host does it.
    fn of(&mut self, bytes: &[u8]) {
        let ram = disk_of(bytes);
        match catch_unwind(AssertUnwindSafe(|| make(ram.clone(), &[]))) {
            Err(_) => self.panics += 1,
            Ok(Err(text)) => {
                assert!(!text.is_empty());
                self.refused += 1;
            }
            Ok(Ok(driver)) => {
                let disk = crate::fs::Disk::new(ram);
                self.ask(&Fs { disk, driver, cred: Cred::ROOT });
            }
        }
    }

    fn ask(&mut self, fs: &Fs) {
        let forged = self.forged;
        for (path, bytes) in contents() {
            self.run(fs, || {
                let node = fs.find(path)?;
                let read = fs.bytes(node, 0, bytes.len() + 100)?;
                assert!(forged || read == bytes, "{path} has wrong contents");
                Ok(())
            });
        }
        self.run(fs, || fs.lookup(Node::ROOT, "dir/link", true).map(drop));
        let dir = self.run(fs, || fs.find("dir")).unwrap_or(Node::ROOT);
        self.run(fs, || fs.list_some(dir, 0, 65_536).map(drop));
        self.run(fs, || fs.create(dir, "new", OpenFlags::WRITE).and_then(|n| fs.write(n, 9, b"x")));
        self.run(fs, || fs.rename(dir, "large", Node::ROOT, "inline"));
        self.run(fs, || fs.find("dir/record").and_then(|node| fs.truncate(node, 300_000)));
        self.run(fs, || fs.unlink(dir, "record"));
        self.run(fs, || fs.unlink(dir, "5 of a hundred, so that it takes two blocks"));
        self.run(fs, || fs.unlink(Node::ROOT, "inline"));
    }

    fn run<T>(&mut self, fs: &Fs, ask: impl FnOnce() -> Answer<T>) -> Option<T> {
        match contained(ask) {
            None => {
                self.panics += 1;
                assert_eq!(fs.attr(Node::ROOT), Err(Errno::EIO), "failed for good");
                None
            }
            Some(Err(_)) => {
                self.errors += 1;
                None
            }
            Some(Ok(answer)) => {
                self.right += 1;
                Some(answer)
            }
        }
    }
}

/// The answer, or `None` where the library panicked. Wrong contents panic on.
fn contained<T>(ask: impl FnOnce() -> Answer<T>) -> Option<Answer<T>> {
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(answer) => Some(answer),
        Err(cause) if cause.downcast_ref::<String>().is_some_and(|text| text.contains("wrong")) => {
            std::panic::resume_unwind(cause)
        }
        Err(_) => None,
    }
}

#[test]
fn an_undamaged_image_answers_everything() {
    let mut outcome = Outcome::default();
    outcome.of(&sample());
    assert_eq!((outcome.right, outcome.errors + outcome.refused + outcome.panics), (12, 0));
}

#[test]
fn damage_to_any_one_block_gives_errors_and_never_wrong_contents() {
    let (whole, mut random) = (sample(), Random(21));
    let mut outcome = Outcome::default();
    for block in 0..BLOCKS as usize {
        let range = block * 4096..(block + 1) * 4096;
        if whole[range.clone()].iter().all(|byte| *byte == 0) {
            continue;
        }
        for kind in 0..3 {
            let mut bytes = whole.clone();
            match kind {
                0 => bytes[range.start + random.below(4096) as usize] ^= 1 << random.below(8),
                1 => bytes[range.clone()].fill(0),
                _ => bytes[range.clone()].copy_from_slice(&random.bytes(4096)),
            }
            outcome.of(&bytes);
        }
    }
    assert!(outcome.errors > 0 && outcome.right > 0);
    println!("{} panics in the library", outcome.panics);
}

/// Changes a mounted image through the library itself, so that every checksum is right.
fn forge(bytes: &[u8], change: impl FnOnce(&mut Tx<'_>) -> Result<(), Error>) -> Bytes {
    let ram = disk_of(bytes);
    let mut fs = FileSystem::open(port_disk(&ram), None, Some(1), false)
        .or_else(|_| FileSystem::open(port_disk(&ram), None, None, false))
        .unwrap();
    fs.tx(change).unwrap();
    let mut forged = vec![0; bytes.len()];
    port_disk(&ram).read(0, &mut forged).unwrap();
    forged
}

#[test]
fn nodes_without_sense_but_with_right_checksums_are_survived() {
    let (whole, mut random) = (sample(), Random(31));
    let mut outcome = Outcome { forged: true, ..Outcome::default() };
    for _ in 0..120 {
        let id = 1 + random.below(6) as u32;
        let forged = forge(&whole, |tx| {
            let mut inode: Inode = tx.read_tree(TreePtr::new(id))?;
            for _ in 0..1 + random.below(4) {
                // Mode to flags, then padding, then pointers or inline data.
                let at = if random.below(3) > 0 { random.below(82) } else { random.below(4096) };
                inode.data_mut()[at as usize] =
                    [0, 0xff, random.next() as u8][random.below(3) as usize];
            }
            tx.sync_tree(inode)
        });
        outcome.of(&forged);
    }
    assert!(outcome.right > 0);
    println!("{} panics in the library", outcome.panics);
}

#[test]
fn directories_without_sense_but_with_right_checksums_are_survived() {
    let (whole, mut random) = (sample(), Random(41));
    let mut outcome = Outcome { forged: true, ..Outcome::default() };
    for round in 0..100 {
        outcome.of(&forge(&whole, |tx| {
            // The root's entries lie in one block, those of the other directory in two.
            let id = if round % 2 == 0 {
                TreePtr::root()
            } else {
                tx.find_node(TreePtr::root(), "dir")?.ptr()
            };
            let mut dir: Inode = tx.read_tree(id)?;
            let pointer = dir.data().level_data().unwrap().level0[1];
            let mut block = tx.read_block(pointer)?;
            for _ in 0..1 + random.below(3) {
                let used: Vec<_> = (0..4096).filter(|at| block.data()[*at] != 0).collect();
                let at = used[random.below(used.len() as u64) as usize];
                block.data_mut()[at] = random.next() as u8;
            }
            let pointer = tx.sync_block(&mut dir, block)?;
            let pointer = raw(pointer.addr(), pointer.hash());
            dir.data_mut()[POINTERS + 16..POINTERS + 32].copy_from_slice(&pointer);
            tx.sync_tree(dir)
        }));
    }
    assert!(outcome.right > 0);
    println!("{} panics in the library", outcome.panics);
}

/// Replaces the first entry of the log of allocations, with right checksums.
fn with_log_entry(entry: AllocEntry) -> Arc<Ramdisk> {
    let ram = image(2 * MIB, None);
    let mut disk = port_disk(&ram);
    let mut newest = Header::default();
    for block in 0..HEADER_RING {
        let mut header = Header::default();
        disk.read(block, &mut header).unwrap();
        if header.valid() && header.generation() >= newest.generation() {
            newest = header;
        }
    }
    let addr = newest.alloc.addr();
    let mut list = AllocList::empty(BlockLevel::default()).unwrap();
    disk.read(addr.index(), &mut list).unwrap();
    list.entries[0] = entry;
    disk.write(addr.index(), &list).unwrap();
    newest.alloc = BlockData::new(addr, list).create_ptr();
    let block = newest.update(None) % HEADER_RING;
    disk.write(block, &newest).unwrap();
    ram
}

#[test]
fn a_log_of_allocations_that_would_take_for_ever_is_refused() {
    for (index, count) in [
        (0, i64::MAX),
        (0, i64::MIN),
        (u64::MAX, 1),
        (300, BLOCKS as i64),
        (1 << 60, -(1 << 40)),
        (BLOCKS, 1),
    ] {
        let text = make(with_log_entry(AllocEntry::new(index, count)), &[]).err().unwrap();
        assert!(text.contains("log of allocations is damaged"), "{text}");
    }
}

/// Where the flags and the pointers of a node lie.
const FLAGS: usize = 70;
const POINTERS: usize = 128;

/// A pointer as it lies on the disk.
fn raw(addr: BlockAddr, hash: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(addr.index() << 8).to_le_bytes());
    bytes[8..].copy_from_slice(&hash.to_le_bytes());
    bytes
}

/// Writes a block of entries that all lead to `below`.
fn fan(tx: &mut Tx<'_>, owner: &mut Inode, below: [u8; 16]) -> Result<[u8; 16], Error> {
    let mut block = BlockRaw::empty(BlockLevel::default()).unwrap();
    for entry in block.chunks_exact_mut(20) {
        entry[..4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
        entry[4..].copy_from_slice(&below);
    }
    let pointer =
        tx.sync_block(owner, BlockData::new(BlockAddr::null(BlockMeta::default()), block))?;
    Ok(raw(pointer.addr(), pointer.hash()))
}

#[test]
fn a_directory_that_leads_everywhere_at_once_comes_to_an_end() {
    let forged = forge(&sample(), |tx| {
        let mut root: Inode = tx.read_tree(TreePtr::root())?;
        let first = POINTERS + 16;
        let mut pointer: [u8; 16] = root.data()[first..first + 16].try_into().unwrap();
        for _ in 0..6 {
            pointer = fan(tx, &mut root, pointer)?;
        }
        root.data_mut()[first..first + 16].copy_from_slice(&pointer);
        // The marker says how many levels there are.
        root.data_mut()[POINTERS] = 0xf6;
        tx.sync_tree(root)
    });
    let driver = make(disk_of(&forged), &[]).unwrap_or_else(|text| panic!("{text}"));
    let ask = |op, name: &'static [u8]| {
        let mut room = [0; 600];
        let mut call = Call::new(Body::new(op, Cred::ROOT), Data::sink(&mut room)).name(name);
        let status = call.run(&*driver, &Spin);
        (status.result(), call.counts().messages)
    };
    let (listed, calls) = ask(Op::Readdir { node: Node::ROOT, cookie: 0 }, b"");
    assert_eq!(listed, Err(Errno::EIO));
    assert!(calls < 10_000, "{calls}");
    let (found, calls) = ask(Op::Lookup { parent: Node::ROOT, follow: true }, b"none");
    assert!(found.is_err() && calls < 100_000, "{calls}");
    assert_eq!(ask(Op::Getattr { node: Node::ROOT }, b"").0, Ok(0), "the driver itself goes on");
}

#[test]
fn a_size_without_end_does_not_make_a_removal_endless() {
    for (level, size) in [(5, 1u64 << 50), (0, 1 << 40), (5, u64::MAX), (0, u64::MAX)] {
        let forged = forge(&sample(), |tx| {
            let mut inode = tx.find_node(TreePtr::root(), "inline")?;
            inode.data_mut()[FLAGS..POINTERS].fill(0);
            inode.data_mut().record_level = level.into();
            inode.data_mut().set_size(size);
            tx.sync_tree(inode)
        });
        let fs = Fs::mount(&disk_of(&forged));
        assert_eq!(fs.unlink(Node::ROOT, "inline"), Err(Errno::EFBIG));
        let node = fs.find("inline").unwrap();
        assert_eq!(fs.truncate(node, 0), Err(Errno::EFBIG));
        assert_eq!(fs.list(Node::ROOT), ["dir", "inline"]);
    }
}

#[test]
fn after_a_panic_below_the_driver_answers_errors_and_others_go_on() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "file", b"x");
    fs.disk.panic.store(true, Relaxed);
    assert!(contained(|| fs.attr(file)).is_none());
    fs.disk.panic.store(false, Relaxed);
    assert_eq!(fs.attr(file), Err(Errno::EIO));
    assert_eq!(fs.write(file, 0, b"y"), Err(Errno::EIO));
    assert_eq!(fs.create(Node::ROOT, "new", OpenFlags::WRITE), Err(Errno::EIO));
    let fs = fs.again();
    assert_eq!(fs.bytes(file, 0, 9).unwrap(), b"x");
}

/// The driver as a port of a known size.
struct Inside(Arc<dyn driver::Driver>);

impl Port<Body> for Inside {
    fn begin<'s>(&'s self, request: driver::Request<'s>) -> driver::Outcome<'s, Body> {
        self.0.begin(request)
    }
}

struct Unwinds;

impl Catch for Unwinds {
    fn catch(&self, run: &mut dyn FnMut()) -> bool {
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    }
}

#[test]
fn a_host_contains_the_panic_and_its_callers_get_an_errno() {
    let fs = Fs::new(4 * MIB);
    let contained = agent::Contained::new(Inside(fs.driver.clone()), Arc::new(Unwinds));
    let host = Neighbour::new(Arc::new(contained), 1);
    let ask = || {
        let body = Body::new(Op::Getattr { node: Node::ROOT }, Cred::ROOT);
        Call::new(body, Data::NONE).run(&host, &Spin).result()
    };
    assert_eq!(ask(), Ok(0));
    fs.disk.panic.store(true, Relaxed);
    assert_eq!(ask(), Err(Errno::EIO));
    fs.disk.panic.store(false, Relaxed);
    assert_eq!(ask(), Err(Errno::EIO), "failed for good");
}
