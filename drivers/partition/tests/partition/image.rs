//! Disks with partition tables, made by hand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use driver::{
    Body, Built, Call, Context, Cred, Data, Description, Driver, Exchange, Lower, Neighbour, Node,
    Op, OptionValue, Options, Outcome, Port, Request, Spin, Status, Time,
};
use driver_ramdisk::Ramdisk;
use gpt_disk_types::{Crc32, crc::Crc};

pub(crate) const CONTEXT: Context = Context { now: Time::default, wait: &Spin };

pub(crate) fn lower<D: Driver + 'static>(driver: &Arc<D>) -> Lower {
    let description = driver.describe();
    Lower { port: Neighbour::new(Arc::<D>::clone(driver), 1), description }
}

pub(crate) fn partition<D: Driver + 'static>(
    disk: &Arc<D>,
    number: u64,
    table: Option<&str>,
) -> Built {
    let mut options = Options::default();
    options.set("number", OptionValue::Integer(number));
    if let Some(table) = table {
        options.set("table", OptionValue::Text(table.into()));
    }
    (driver_partition::KIND.make)(&options, vec![lower(disk)], &CONTEXT)
}

pub(crate) fn error(built: Built) -> String {
    built.err().expect("an error")
}

pub(crate) fn ask(port: &(impl Port<Body> + ?Sized), op: Op, data: Data<'_>) -> Status {
    Call::new(Body::new(op, Cred::ROOT), data).run(port, &Spin)
}

pub(crate) fn read(port: &(impl Port<Body> + ?Sized), offset: u64, room: &mut [u8]) -> Status {
    ask(port, Op::Read { node: Node::ROOT, offset }, Data::sink(room))
}

pub(crate) fn write(port: &(impl Port<Body> + ?Sized), offset: u64, bytes: &[u8]) -> Status {
    ask(port, Op::Write { node: Node::ROOT, offset }, Data::source(bytes))
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    Crc::<u32>::new(&Crc32::ALGORITHM).checksum(bytes).to_le_bytes()
}

/// A disk's bytes, in blocks of `block`.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) block: usize,
}

impl Image {
    pub(crate) fn new(block: usize, blocks: usize) -> Image {
        Image { bytes: vec![0; block * blocks], block }
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn last(&self) -> usize {
        self.bytes.len() / self.block - 1
    }

    pub(crate) fn disk(&self) -> Arc<Ramdisk> {
        let disk = Ramdisk::new(self.bytes.len() as u64, self.block as u64, false).unwrap();
        assert_eq!(write(&disk, 0, &self.bytes), Status::ok(self.bytes.len()));
        Arc::new(disk)
    }

    pub(crate) fn mbr(mut self, records: &[(usize, u8, u32, u32)]) -> Image {
        for (index, kind, first, blocks) in records {
            let at = 446 + (index - 1) * 16;
            self.put(at + 4, &[*kind]);
            self.put(at + 8, &first.to_le_bytes());
            self.put(at + 12, &blocks.to_le_bytes());
        }
        self.put(510, &[0x55, 0xaa]);
        self
    }

    /// Protective MBR, both headers and both arrays; partitions are (number, first, last).
    pub(crate) fn gpt(self, partitions: &[(usize, u64, u64)]) -> Image {
        let last = self.last();
        let mut image = self.mbr(&[(1, 0xee, 1, last as u32)]);
        let array_blocks = (128 * 128usize).div_ceil(image.block);
        for start in [2, last - array_blocks] {
            for (number, from, to) in partitions {
                let at = start * image.block + (number - 1) * 128;
                image.put(at, &[0xaa; 32]);
                image.put(at + 32, &from.to_le_bytes());
                image.put(at + 40, &to.to_le_bytes());
            }
        }
        image.header(1, last, 2);
        image.header(last, 1, last - array_blocks);
        image
    }

    /// (Re)writes a header, with the checksum of the array as it is.
    pub(crate) fn header(&mut self, here: usize, other: usize, array: usize) {
        let (start, last) = (array * self.block, self.last());
        let array_crc = crc(&self.bytes[start..start + 128 * 128]);
        let at = here * self.block;
        self.put(at, b"EFI PART");
        let mut words = [0u64; 8];
        words[0] = here as u64;
        words[1] = other as u64;
        words[2] = (2 + (128 * 128usize).div_ceil(self.block)) as u64;
        words[3] = (last - 1 - (128 * 128usize).div_ceil(self.block)) as u64;
        words[6] = array as u64;
        words[7] = 128 | 128 << 32;
        self.put(at + 8, &0x10000u32.to_le_bytes());
        self.put(at + 12, &92u32.to_le_bytes());
        for (index, word) in words.iter().enumerate() {
            self.put(at + 24 + index * 8, &word.to_le_bytes());
        }
        self.put(at + 88, &array_crc);
        self.seal(here);
    }

    /// Makes a header's checksum right again.
    pub(crate) fn seal(&mut self, here: usize) {
        let at = here * self.block;
        self.put(at + 16, &[0; 4]);
        let sum = crc(&self.bytes[at..at + 92]);
        self.put(at + 16, &sum);
    }
}

/// Stands at the bottom: notes what came, and passes it to a disk.
pub(crate) struct Probe {
    pub(crate) disk: Arc<Ramdisk>,
    pub(crate) address: AtomicUsize,
    pub(crate) ops: Mutex<Vec<(Op, usize)>>,
}

impl Probe {
    pub(crate) fn new(disk: Arc<Ramdisk>) -> Arc<Probe> {
        Arc::new(Probe { disk, address: AtomicUsize::new(0), ops: Mutex::default() })
    }
}

impl Port<Body> for Probe {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.address.store(request.address(), Relaxed);
        self.ops.lock().unwrap().push((request.body().op, request.len()));
        request.pass(&*self.disk)
    }
}

impl Driver for Probe {
    fn describe(&self) -> Description {
        self.disk.describe()
    }
}
