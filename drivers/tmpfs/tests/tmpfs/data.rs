//! What is in files: sparse storage, limits, times of reading and writing, and what it costs.

use driver::{
    Body, Call, Cred, Data, Errno, Exchange, Node, Op, OpenFlags, Outcome, Port, Request, Spin,
};

use crate::fs::{BOTH, Fs, PAGE, ROOT};

const END: u64 = Op::END;

fn with_file(pages: usize) -> (Fs, Node) {
    let fs = Fs::with_pages(pages);
    let node = fs.create(ROOT, "file", BOTH).unwrap();
    (fs, node)
}

#[test]
fn what_was_written_is_read_across_pages() {
    let (fs, node) = with_file(8);
    let bytes: Vec<u8> = (0..3 * PAGE + 7).map(|at| (at % 251) as u8).collect();
    assert_eq!(fs.write(node, 100, &bytes), Ok(bytes.len()));
    assert_eq!(fs.read(node, 100, bytes.len()), Ok(bytes.clone()));
    assert_eq!(fs.read(node, 100 + 5000, 10), Ok(bytes[5000..5010].to_vec()));
    assert_eq!(fs.read(node, 0, 100), Ok(vec![0; 100]));
}

#[test]
fn reads_end_where_the_file_does() {
    let (fs, node) = with_file(8);
    fs.write(node, 0, b"12345").unwrap();
    assert_eq!(fs.read(node, 3, 100), Ok(b"45".to_vec()));
    assert_eq!(fs.read(node, 5, 100), Ok(vec![]));
    assert_eq!(fs.read(node, u64::MAX, 100), Ok(vec![]));
}

#[test]
fn appending_goes_to_the_end_of_the_moment() {
    let (fs, node) = with_file(8);
    fs.write(node, END, b"one").unwrap();
    fs.truncate(node, 5).unwrap();
    fs.write(node, END, b"two").unwrap();
    assert_eq!(fs.read(node, 0, 100), Ok(b"one\0\0two".to_vec()));
}

#[test]
fn a_write_of_nothing_changes_nothing() {
    let (fs, node) = with_file(8);
    let before = fs.attr(node).unwrap();
    assert_eq!(fs.write(node, 1 << 20, b""), Ok(0));
    assert_eq!(fs.attr(node), Ok(before));
}

#[test]
fn a_sparse_file_takes_only_the_pages_that_were_written() {
    let (fs, node) = with_file(8);
    fs.truncate(node, 1 << 40).unwrap();
    assert_eq!((fs.attr(node).unwrap().blocks, fs.statfs().free), (0, 8));
    fs.write(node, 1 << 39, b"x").unwrap();
    let attr = fs.attr(node).unwrap();
    assert_eq!((attr.size, attr.blocks, fs.statfs().free), (1 << 40, 8, 7));
    let around = fs.read(node, (1 << 39) - 2 * PAGE as u64, 4 * PAGE).unwrap();
    assert_eq!(around.iter().position(|byte| *byte != 0), Some(2 * PAGE));
    assert_eq!(around.iter().filter(|byte| **byte != 0).count(), 1);
}

#[test]
fn what_a_truncate_cut_off_reads_as_zeros_later() {
    let (fs, node) = with_file(8);
    fs.write(node, 0, &[7; 2 * PAGE]).unwrap();
    fs.truncate(node, 10).unwrap();
    assert_eq!(fs.statfs().free, 7);
    fs.truncate(node, 2 * PAGE as u64).unwrap();
    let bytes = fs.read(node, 0, 2 * PAGE).unwrap();
    assert!(bytes[..10].iter().all(|byte| *byte == 7) && bytes[10..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_full_file_system_takes_what_fits_and_recovers() {
    let (fs, node) = with_file(2);
    assert_eq!(fs.write(node, 10, &[1; 3 * PAGE]), Ok(2 * PAGE - 10));
    assert_eq!(fs.attr(node).unwrap().size, 2 * PAGE as u64);
    assert_eq!(fs.write(node, END, b"x"), Err(Errno::ENOSPC));
    assert_eq!(fs.attr(node).unwrap().size, 2 * PAGE as u64);
    assert_eq!(fs.write(node, 5, b"there is a page"), Ok(15));
    fs.truncate(node, PAGE as u64).unwrap();
    assert_eq!(fs.write(node, END, b"x"), Ok(1));
    assert_eq!(fs.symlink(ROOT, "link", "target"), Err(Errno::ENOSPC));
    assert_eq!(fs.lookup_link("link"), Err(Errno::ENOENT));
}

#[test]
fn names_run_out_too() {
    let fs = Fs::with_pages(1);
    for at in 0..1024 {
        fs.touch(ROOT, &format!("{at}"));
    }
    let node = fs.lookup("0").unwrap();
    assert_eq!(fs.create(ROOT, "more", BOTH), Err(Errno::ENOSPC));
    assert_eq!(fs.mkdir(ROOT, "more"), Err(Errno::ENOSPC));
    assert_eq!(fs.link(node, ROOT, "more"), Err(Errno::ENOSPC));
    assert_eq!(fs.rename(ROOT, "0", ROOT, "renamed"), Ok(()));
    assert_eq!(fs.rename(ROOT, "1", ROOT, "2"), Ok(()));
    assert_eq!(fs.link(node, ROOT, "more"), Ok(()));
    assert_eq!(fs.link(node, ROOT, "even more"), Err(Errno::ENOSPC));
    assert_eq!(fs.unlink(ROOT, "3"), Ok(()));
    assert!(fs.mkdir(ROOT, "even more").is_ok());
    assert_eq!(fs.mkdir(ROOT, "too many"), Err(Errno::ENOSPC));
}

#[test]
fn a_file_ends_at_the_largest_signed_offset() {
    let (fs, node) = with_file(8);
    let last = i64::MAX as u64;
    assert_eq!(fs.truncate(node, last + 1), Err(Errno::EFBIG));
    assert_eq!(fs.truncate(node, last), Ok(()));
    assert_eq!(fs.write(node, END, b"x"), Err(Errno::EFBIG));
    assert_eq!(fs.write(node, END - 1, b"x"), Err(Errno::EFBIG));
    assert_eq!(fs.write(node, last - 2, b"abc"), Ok(2));
    assert_eq!(fs.read(node, last - 2, 100), Ok(b"ab".to_vec()));
}

#[test]
fn data_operations_want_a_regular_file() {
    let fs = Fs::new();
    let link = fs.symlink(ROOT, "link", "nowhere").unwrap();
    assert_eq!(fs.read(ROOT, 0, 1), Err(Errno::EISDIR));
    assert_eq!(fs.write(ROOT, 0, b"x"), Err(Errno::EISDIR));
    assert_eq!(fs.truncate(ROOT, 0), Err(Errno::EISDIR));
    assert_eq!(fs.read(link, 0, 1), Err(Errno::EINVAL));
    assert_eq!(fs.write(link, 0, b"x"), Err(Errno::EINVAL));
    assert_eq!(fs.truncate(link, 0), Err(Errno::EINVAL));
}

#[test]
fn data_of_the_wrong_direction_is_refused_and_takes_no_room() {
    let (fs, node) = with_file(8);
    let write = Op::Write { node, offset: 0 };
    assert_eq!(fs.ask(write, Data::sink(&mut [0; 4]), &[]).0, Err(Errno::EFAULT));
    assert_eq!((fs.attr(node).unwrap().blocks, fs.statfs().free), (0, 8));
    fs.write(node, 0, b"abcd").unwrap();
    let read = Op::Read { node, offset: 0 };
    assert_eq!(fs.ask(read, Data::source(b"1234"), &[]).0, Err(Errno::EFAULT));
}

#[test]
fn times_change_when_they_should() {
    let (fs, node) = with_file(8);
    let made = fs.attr(node).unwrap();
    fs.read(node, 0, 1).unwrap();
    let read = fs.attr(node).unwrap();
    assert!(read.atime > made.atime && (read.mtime, read.ctime) == (made.mtime, made.ctime));
    fs.read(node, 0, 1).unwrap();
    assert_eq!(fs.attr(node).unwrap().atime, read.atime, "no change since the last access");
    fs.write(node, 0, b"x").unwrap();
    let written = fs.attr(node).unwrap();
    assert!(written.mtime > made.mtime && written.ctime == written.mtime);
    assert_eq!(written.atime, read.atime);
    fs.read(node, 0, 1).unwrap();
    assert!(fs.attr(node).unwrap().atime > written.mtime);
    fs.truncate(node, 1).unwrap();
    assert!(fs.attr(node).unwrap().mtime > written.mtime);
    fs.chmod(node, 0o600);
    let changed = fs.attr(node).unwrap();
    assert!(changed.ctime > changed.mtime);
}

#[test]
fn opening_to_truncate_empties_the_file() {
    let (fs, node) = with_file(8);
    fs.write(node, 0, &[1; 100]).unwrap();
    let written = fs.attr(node).unwrap();
    fs.open(node, OpenFlags::WRITE | OpenFlags::TRUNCATE).unwrap();
    let attr = fs.attr(node).unwrap();
    assert_eq!((attr.size, attr.blocks), (0, 0));
    assert!(attr.mtime > written.mtime);
    assert_eq!(fs.open(node, OpenFlags::READ | OpenFlags::TRUNCATE), Err(Errno::EINVAL));
    assert_eq!(fs.open(node, BOTH | OpenFlags::STAT | OpenFlags::TRUNCATE), Err(Errno::EINVAL));
}

/// Asks, and gives the count and the looks.
fn ask(fs: &Fs, op: Op, data: Data<'_>) -> (usize, u32) {
    let (count, _, counts) = fs.ask(op, data, &[]);
    assert_eq!((counts.copies, counts.maps, counts.translations), (0, 0, 0));
    (count.unwrap(), counts.looks)
}

#[test]
fn data_is_looked_at_once_a_page_and_never_copied() {
    let (fs, node) = with_file(8);
    let (read, write) = (Op::Read { node, offset: 0 }, Op::Write { node, offset: 0 });
    assert_eq!(ask(&fs, write, Data::source(&[1; PAGE])), (PAGE, 1));
    assert_eq!(ask(&fs, write, Data::source(&[1; 2 * PAGE])), (2 * PAGE, 2));
    assert_eq!(ask(&fs, read, Data::sink(&mut [0; PAGE])), (PAGE, 1));
    assert_eq!(ask(&fs, read, Data::sink(&mut [0; 4 * PAGE])), (2 * PAGE, 2));
    fs.truncate(node, 0).unwrap();
    fs.truncate(node, 8 * PAGE as u64).unwrap();
    assert_eq!(ask(&fs, read, Data::sink(&mut [1; 8 * PAGE])), (8 * PAGE, 1), "one hole");
    fs.write(node, 4 * PAGE as u64, b"x").unwrap();
    assert_eq!(ask(&fs, read, Data::sink(&mut [1; 8 * PAGE])), (8 * PAGE, 3), "hole, page, hole");
}

/// Passes requests on, and asserts that their data lies where it should.
struct At<'a>(&'a Fs, usize);

impl Port<Body> for At<'_> {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        assert_eq!(request.address(), self.1);
        request.pass(&self.0.driver)
    }
}

#[test]
fn a_read_lands_at_the_askers_address() {
    let (fs, node) = with_file(8);
    fs.write(node, 0, &[7; 100]).unwrap();
    let mut room = [0; 200];
    let port = At(&fs, room[50..].as_ptr() as usize);
    let body = Body::new(Op::Read { node, offset: 0 }, Cred::ROOT);
    let status = Call::new(body, Data::sink(&mut room[50..])).run(&port, &Spin);
    assert_eq!(status.result(), Ok(100));
    assert!(room[50..150].iter().all(|byte| *byte == 7));
    assert!(room[..50].iter().chain(&room[150..]).all(|byte| *byte == 0));
}

#[test]
fn threads_that_append_lose_nothing() {
    let (fs, node) = with_file(64);
    std::thread::scope(|scope| {
        for id in 1..=4u8 {
            let fs = &fs;
            scope.spawn(move || {
                (0..200).for_each(|_| assert_eq!(fs.write(node, END, &[id; 9]), Ok(9)))
            });
        }
    });
    let bytes = fs.read(node, 0, 1 << 20).unwrap();
    assert_eq!(bytes.len(), 4 * 200 * 9);
    assert!(bytes.chunks(9).all(|record| record.iter().all(|byte| *byte == record[0])));
}
