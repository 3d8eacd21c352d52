//! A read of a page: of the ramdisk, and of the same disk behind a virtual call.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use driver::{Body, Call, Cred, Data, Errno, Node, Op, Port, Spin, Status};
use driver_ramdisk::Ramdisk;
use spin::RwLock;

use crate::rounds::Way;

const PAGE: usize = 4096;
/// Enough that the pages are not all in the nearest cache, few enough that they are near.
const PAGES: u64 = 64;
const BLOCK: u64 = 512;
/// From one room to the next. Pages lie 4,112 bytes apart, so that rooms come to lie to them in
/// every way that there is.
const STEP: u64 = 46 * 16;

#[repr(align(4096))]
struct Room([u8; 2 * PAGE]);

/// What the ramdisk would be without messages: the same checks, lock, tree and copy.
trait Disk: Send + Sync {
    fn read(&self, node: Node, offset: u64, cred: Cred, room: &mut [u8]) -> Status;
}

struct Plain {
    size: u64,
    pages: RwLock<BTreeMap<u64, Box<[u8; PAGE]>>>,
}

impl Plain {
    fn span(&self, offset: u64, len: u64) -> Result<usize, Errno> {
        if (offset | len) & (BLOCK - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.size.saturating_sub(offset)) as usize)
    }

    fn fill(&self, offset: u64, room: &mut [u8]) {
        let pages = self.pages.read();
        let mut at = 0;
        while at < room.len() {
            let place = offset + at as u64;
            let start = (place % PAGE as u64) as usize;
            let end = PAGE.min(start + (room.len() - at));
            let part = &mut room[at..at + (end - start)];
            match pages.get(&(place / PAGE as u64)) {
                Some(bytes) => part.copy_from_slice(&bytes[start..end]),
                None => part.fill(0),
            }
            at += end - start;
        }
    }
}

impl Disk for Plain {
    fn read(&self, node: Node, offset: u64, _: Cred, room: &mut [u8]) -> Status {
        if node != Node::ROOT {
            return Errno::ESTALE.into();
        }
        let span = self.span(offset, room.len() as u64);
        Status::from(span.inspect(|len| self.fill(offset, &mut room[..*len])))
    }
}

fn contents(page: u64) -> [u8; PAGE] {
    [page as u8; PAGE]
}

/// Reads one page after the other, and looks at a byte of each.
fn reads(
    name: &'static str,
    mut read: impl FnMut(u64, &mut [u8]) -> Status + 'static,
) -> Way<'static> {
    let mut room = Box::new(Room([0; 2 * PAGE]));
    Way::timed(name, move |count| {
        for number in 0..count {
            // How a room lies to its page makes a copy quick or slow.
            let (page, start) = (number % PAGES, (number * STEP) as usize % PAGE);
            let room = &mut room.0[start..start + PAGE];
            let status = read(page * PAGE as u64, black_box(room));
            assert_eq!((status, room[PAGE / 2]), (Status::ok(PAGE), page as u8));
        }
    })
}

pub(crate) fn message(name: &'static str) -> Way<'static> {
    let disk = Ramdisk::new(PAGES * PAGE as u64, BLOCK, false).expect("the sizes are good");
    let disk: Arc<dyn Port<Body>> = black_box(Arc::new(disk));
    let ask =
        move |op, data: Data<'_>| Call::new(Body::new(op, Cred::ROOT), data).run(&*disk, &Spin);
    for page in 0..PAGES {
        let op = Op::Write { node: Node::ROOT, offset: page * PAGE as u64 };
        assert_eq!(ask(op, Data::source(&contents(page))), Status::ok(PAGE));
    }
    reads(name, move |offset, room| ask(Op::Read { node: Node::ROOT, offset }, Data::sink(room)))
}

pub(crate) fn call(name: &'static str) -> Way<'static> {
    let pages = (0..PAGES).map(|page| (page, Box::new(contents(page)))).collect();
    let disk = Plain { size: PAGES * PAGE as u64, pages: RwLock::new(pages) };
    let disk: Arc<dyn Disk> = black_box(Arc::new(disk));
    reads(name, move |offset, room| disk.read(Node::ROOT, offset, Cred::ROOT, room))
}
