//! Messages by a window beside what stock programs do: a read, attributes, a listing.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use agent::{Call, Data, Lent, SchemeAgent, Spin};
use driver::{Body, Cred, Node, Op, dirent};
use libredox::{Fd, call, errno::EINVAL, flag};

use crate::redox::{CALLS, PAGE, Page, Result, file, pair};

/// Entries of the directory that is listed, and how often it is in a round.
const ENTRIES: usize = 1000;
const LISTINGS: u32 = 5;
/// Room for all of them.
const ROOM: usize = 64 << 10;
/// Room that libc has for some of them.
const LIBC_ROOM: usize = 512;

type Agent = SchemeAgent<Body>;

const TMPFS: &str = "/scheme/port/tmp";

/// Measures; `ramfs` is where a stock one is.
pub(crate) fn measure(ramfs: &str, echo: &Fd) -> Result<()> {
    read(ramfs)?;
    attributes(ramfs)?;
    listing(ramfs)?;
    pieces(ramfs, echo)
}

fn agent(path: &str, flags: i32) -> Result<Agent> {
    let fd = Fd::open(path, flags, 0).map_err(|error| format!("can't open {path}: {error}"))?;
    Ok(Agent::new(fd))
}

fn buffer(agent: &Agent, len: usize) -> Result<Lent> {
    agent.buffer(len).map_err(|errno| format!("can't map a window: {errno}"))
}

fn ask(agent: &Agent, op: Op, data: Data<'_>, name: &str) -> Result<usize> {
    let mut call = Call::new(Body::new(op, Cred::ROOT), data).name(name.as_bytes());
    call.run(agent, &Spin).result().map_err(|errno| format!("{op:?}: {errno}"))
}

fn failed(error: std::io::Error) -> String {
    error.to_string()
}

/// A page of a file: its first word is looked at where it lies.
fn read(ramfs: &str) -> Result<()> {
    let mut page = Page([7; PAGE]);
    let stock: File = file(&format!("{ramfs}/window"), &page.0)?;
    drop(file(&format!("{TMPFS}/window"), &page.0)?);
    let agent = agent(&format!("{TMPFS}/window"), flag::O_RDONLY)?;
    let window = buffer(&agent, PAGE)?;
    pair(
        "read of 4 KiB, looked at",
        CALLS,
        ("stock ramfs pread", &mut || match stock.read_at(&mut page.0, 0).map_err(failed)? {
            PAGE if page.0[..8] == [7; 8] => Ok(()),
            count => Err(format!("read {count} bytes of a page")),
        }),
        ("portd tmpfs by window", &mut || {
            let read = Op::Read { node: Node::ROOT, offset: 0 };
            let (count, mut first) = (ask(&agent, read, Data::lent(&window), "")?, [0; 8]);
            window.copy_out(0, &mut first).map_err(|errno| errno.to_string())?;
            if count == PAGE && first == [7; 8] { Ok(()) } else { Err("not what was there".into()) }
        }),
    )
}

/// The attributes of a path of four names.
fn attributes(ramfs: &str) -> Result<()> {
    for root in [ramfs, TMPFS] {
        fs::create_dir_all(format!("{root}/a/b/c")).map_err(failed)?;
        drop(file(&format!("{root}/a/b/c/d"), b"12345")?);
    }
    let agent = agent(TMPFS, flag::O_RDONLY | flag::O_DIRECTORY)?;
    drop(buffer(&agent, 0)?);
    let path = format!("{ramfs}/a/b/c/d");
    pair(
        "attributes of a path four levels deep",
        CALLS,
        ("stock ramfs stat", &mut || match fs::metadata(&path).map_err(failed)?.len() {
            5 => Ok(()),
            len => Err(format!("{len} bytes long")),
        }),
        ("portd tmpfs by message", &mut || {
            let lookup = Op::Lookup { parent: Node::ROOT, follow: true };
            let mut call = Call::new(Body::new(lookup, Cred::ROOT), Data::NONE).name(b"a/b/c/d");
            call.run(&agent, &Spin).result().map_err(|errno| format!("lookup: {errno}"))?;
            match call.body().attr() {
                Some(attr) if attr.size == 5 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        }),
    )
}

fn complete(count: usize) -> Result<()> {
    if count == ENTRIES { Ok(()) } else { Err(format!("{count} entries of {ENTRIES}")) }
}

/// A directory of many entries, with their names.
fn listing(ramfs: &str) -> Result<()> {
    let [stock, ours] = [ramfs, TMPFS].map(|root| format!("{root}/many"));
    for dir in [&stock, &ours] {
        fs::create_dir_all(dir).map_err(failed)?;
        for number in 0..ENTRIES {
            drop(file(&format!("{dir}/name{number:04}"), b"")?);
        }
    }
    let agent = agent(&ours, flag::O_RDONLY | flag::O_DIRECTORY)?;
    let room = buffer(&agent, ROOM)?;
    let mut copy = vec![0; ROOM];
    pair(
        "listing of 1,000 entries, by message",
        LISTINGS,
        ("stock ramfs read_dir", &mut || complete(names(&stock)?)),
        ("portd tmpfs by message", &mut || complete(list(&agent, &room, &mut copy)?)),
    )?;
    pair(
        "listing of 1,000 entries, by read_dir",
        LISTINGS,
        ("stock ramfs read_dir", &mut || complete(names(&stock)?)),
        ("portd tmpfs read_dir", &mut || complete(names(&ours)?)),
    )
}

/// The same as libc asks for it, without what libc and the standard library do with the entries;
/// then one such question to which there is no answer.
fn pieces(ramfs: &str, echo: &Fd) -> Result<()> {
    let open = |root: &str| {
        let flags = flag::O_RDONLY | flag::O_DIRECTORY;
        Fd::open(&format!("{root}/many"), flags, 0).map_err(|error| error.to_string())
    };
    let (stock, ours) = (open(ramfs)?, open(TMPFS)?);
    pair(
        "listing of 1,000 entries, by getdents as libc calls it",
        LISTINGS,
        ("stock ramfs", &mut || getdents(&stock, 0, ENTRIES)),
        ("portd tmpfs", &mut || getdents(&ours, 0, ENTRIES)),
    )?;
    pair(
        "getdents of 512 bytes, nothing there",
        CALLS,
        ("raw echo", &mut || getdents(echo, 0, 0)),
        ("portd tmpfs", &mut || getdents(&ours, u64::MAX, 0)),
    )
}

/// Lists what comes after a cookie, so many entries, as libc does: with little room, and twice as
/// much where that does not do.
fn getdents(dir: &Fd, mut cookie: u64, expected: usize) -> Result<()> {
    let (mut room, mut found) = (vec![0; LIBC_ROOM], 0);
    loop {
        let count = match call::getdents(dir.raw(), &mut room, cookie) {
            Ok(count) => count,
            Err(error) if error.errno() == EINVAL && room.len() < ROOM => {
                room.resize(room.len() * 2, 0);
                continue;
            }
            Err(error) => return Err(format!("getdents: {error}")),
        };
        for entry in dirent::entries(&room[..count]) {
            cookie = entry.next;
            found += usize::from(!matches!(entry.name, b"." | b".."));
        }
        if count == 0 {
            let right = found == expected;
            return if right { Ok(()) } else { Err(format!("{found} entries of {expected}")) };
        }
    }
}

/// Names that the standard library finds.
fn names(dir: &str) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir).map_err(failed)? {
        count += usize::from(!entry.map_err(failed)?.file_name().is_empty());
    }
    Ok(count)
}

/// The entries but for the two that every directory has, until there are no more.
fn list(agent: &Agent, room: &Lent, copy: &mut [u8]) -> Result<usize> {
    let (mut cookie, mut found) = (0, 0);
    loop {
        let op = Op::Readdir { node: Node::ROOT, cookie };
        let count = ask(agent, op, Data::lent(room), "")?;
        let bytes = copy.get_mut(..count).ok_or("more than there is room for")?;
        room.copy_out(0, bytes).map_err(|errno| errno.to_string())?;
        if count == 0 {
            return Ok(found);
        }
        for entry in dirent::entries(bytes) {
            cookie = entry.next;
            found += usize::from(!matches!(entry.name, b"." | b".."));
        }
    }
}
