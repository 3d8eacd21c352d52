//! Four images in memory that note what is written to them, and the stack on them.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use driver::{
    Body, Built, Context, Description, Driver, Errno, Exchange, Kind, Op, Outcome, Port, Request,
    Secret, Status,
};
use kit::{CONTEXT, Files};
use redoxfs::FileSystem;
use redoxfs_disk::PortDisk;
use stack::{Environment, Stack};

const DESCRIPTION: &str = include_str!("six.toml");
/// How the cache of the description keeps what is written, and how else it may: with little room,
/// so that much of it is written in another order.
pub(crate) const THROUGH: &str = "size = \"256 KiB\"";
const BACK: &str = "size = \"64 KiB\"\nwrite_back = true";
/// Bytes of an image.
pub(crate) const IMAGE: usize = 2 << 20;

/// A write that an image took.
pub(crate) struct Written {
    pub(crate) image: usize,
    pub(crate) offset: usize,
    pub(crate) bytes: Vec<u8>,
}

/// The writes to all images, in order.
pub(crate) type Log = Arc<Mutex<Vec<Written>>>;

/// An image that can be lost, and comes back with what it had.
pub(crate) struct Image {
    number: usize,
    disk: Arc<dyn Driver>,
    log: Log,
    outage: Mutex<Range<usize>>,
}

impl Image {
    /// It fails while the log has so many writes.
    pub(crate) fn fail_during(&self, writes: Range<usize>) {
        *self.outage.lock().unwrap() = writes;
    }

    fn is_lost(&self) -> bool {
        self.outage.lock().unwrap().contains(&self.log.lock().unwrap().len())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut all = vec![0; IMAGE];
        assert_eq!(kit::read(&*self.disk, 0, &mut all), Status::ok(IMAGE));
        all
    }
}

impl Port<Body> for Image {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        if self.is_lost() {
            return request.done(Errno::EIO);
        }
        if let Op::Write { offset, .. } = request.body().op {
            let mut bytes = vec![0; request.len()];
            request.fetch(0, &mut bytes).expect("a write has bytes");
            let written = Written { image: self.number, offset: offset as usize, bytes };
            self.log.lock().unwrap().push(written);
        }
        request.pass(&*self.disk)
    }
}

impl Driver for Image {
    fn describe(&self) -> Description {
        self.disk.describe()
    }
}

/// What holds on when the power is cut.
pub(crate) struct World {
    pub(crate) images: [Arc<Image>; 4],
    pub(crate) log: Log,
    write_back: bool,
}

impl World {
    /// Images with these contents, below a cache that writes through.
    pub(crate) fn of(contents: &[Vec<u8>; 4]) -> World {
        let log = Log::default();
        let images = core::array::from_fn(|number| {
            let (disk, log, outage) = (kit::ramdisk(IMAGE as u64), log.clone(), Mutex::default());
            assert_eq!(kit::write(&*disk, 0, &contents[number]), Status::ok(IMAGE));
            Arc::new(Image { number, disk, log, outage })
        });
        World { images, log, write_back: false }
    }

    /// The same below a cache that writes back, perhaps.
    pub(crate) fn writing_back(self, write_back: bool) -> World {
        World { write_back, ..self }
    }

    /// Images with an empty file system on the stack.
    pub(crate) fn formatted() -> World {
        let world = World::of(&[0; 4].map(|_| vec![0; IMAGE]));
        let plain = world.stack_up_to("plain").expect("it stands on nothing but disks");
        let plain = plain.get("plain").unwrap();
        let disk = PortDisk::new(plain.port.clone(), plain.description.size, CONTEXT.wait);
        FileSystem::create(disk, None, 1, 0).unwrap().disk.flush().unwrap();
        World::of(&world.contents())
    }

    pub(crate) fn contents(&self) -> [Vec<u8>; 4] {
        self.images.each_ref().map(|image| image.bytes())
    }

    /// Sets the stack up, or says why it can't be.
    pub(crate) fn mount(&self) -> Result<Mounted, String> {
        self.stack_up_to("files").map(Mounted)
    }

    /// The same, but the mirrors' second halves are the ones to be believed.
    pub(crate) fn mount_on_others(&self) -> Result<Mounted, String> {
        let text = DESCRIPTION.replace("unclean = true", "unclean = true\nrebuild = 1");
        self.build(&text).map(Mounted)
    }

    /// The stack, up to this driver.
    pub(crate) fn stack_up_to(&self, last: &str) -> Result<Stack, String> {
        let from = DESCRIPTION.find(&format!("name = {last:?}")).unwrap();
        let rest = &DESCRIPTION[from..];
        self.build(&DESCRIPTION[..from + rest.find("\n\n").unwrap_or(rest.len())])
    }

    pub(crate) fn build(&self, text: &str) -> Result<Stack, String> {
        let cache = if self.write_back { BACK } else { THROUGH };
        let plan = stack::parse(&text.replace(THROUGH, cache), &kinds())
            .map_err(|fault| fault.to_string())?;
        plan.build(self).map_err(|fault| fault.to_string())
    }
}

fn kinds() -> Vec<Kind> {
    vec![
        driver_mirror::KIND,
        driver_stripe::KIND,
        driver_cache::KIND,
        driver_crypt::KIND,
        driver_redoxfs::KIND,
        driver_namecache::KIND,
    ]
}

impl Environment for World {
    fn context(&self) -> Context {
        CONTEXT
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        let named =
            |image: &&Arc<Image>| path == format!("/scheme/image-{}/disk", image.number + 1);
        let image = self.images.iter().find(named).ok_or("no such image")?;
        Ok(image.clone())
    }

    fn secret(&self, _: &str) -> Result<Secret, String> {
        Ok(Secret::new((0..64).collect()))
    }

    fn place(&self, _: &str, make: &mut dyn FnMut() -> Built) -> Result<Arc<dyn Driver>, String> {
        make()
    }
}

/// The stack, set up.
pub(crate) struct Mounted(Stack);

impl Mounted {
    pub(crate) fn files(&self) -> Files {
        Files(self.0.get("files").unwrap().driver.clone())
    }

    /// Copies a piece of what an image lacks; true where there may be more.
    pub(crate) fn tend(&self) -> bool {
        let tended = ["left", "right"].map(|name| self.0.get(name).unwrap().driver.tend());
        tended.contains(&true)
    }

    /// Bytes that images lack, and requests that they failed.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let (mut text, mut sums) = (String::new(), (0, 0));
        for name in ["left", "right"] {
            self.0.get(name).unwrap().driver.report(&mut text).unwrap();
        }
        for line in text.lines() {
            let half: serde_json::Value = serde_json::from_str(line).unwrap();
            sums.0 += half["stale"].as_u64().unwrap();
            sums.1 += half["failed"].as_u64().unwrap();
        }
        sums
    }
}
