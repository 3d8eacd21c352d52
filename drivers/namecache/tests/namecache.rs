//! A cache of lookups: what the file system would have answered, at once.

use std::sync::{Arc, Mutex};

use driver::{
    Body, Call, Cred, Data, Description, Driver, Errno, Exchange, Kept, Message, Node, Op,
    OpenFlags, OptionValue, Outcome, Port, Reply, Request, SetAttr, Spin, Status,
};
use driver_namecache::KIND;
use kit::{Files, Spy, Twin, file_steps, make, ramdisk, set_now, tmpfs};
use proptest::prelude::*;

fn cached(entries: u64, on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    make(&KIND, &[("entries", OptionValue::Integer(entries))], &[on]).ok().unwrap()
}

fn spied() -> (Arc<Spy>, Files) {
    let spy = Spy::new(tmpfs(1 << 20));
    (spy.clone(), Files(cached(100, spy)))
}

fn figure(files: &Files, key: &str) -> u64 {
    let mut text = String::new();
    files.0.report(&mut text).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()[key].as_u64().unwrap()
}

const USER: Cred = Cred { uid: 1, gid: 1 };

proptest! {
    #[test]
    fn every_answer_is_the_file_systems_own(
        entries in prop::sample::select(vec![1, 3, 1000u64]),
        script in file_steps(80),
    ) {
        let mut plain = Twin::new(tmpfs(1 << 20), true);
        let mut twin = Twin::new(cached(entries, tmpfs(1 << 20)), true);
        for (uid, step) in &script {
            prop_assert_eq!(plain.step(*uid, step), twin.step(*uid, step), "{:?}", step);
        }
        prop_assert_eq!(plain.tree(), twin.tree());
        prop_assert!(figure(&twin.files, "entries") <= 2 * entries);
    }
}

#[test]
fn a_hit_completes_inline_without_a_message_below_or_a_look() {
    let (spy, files) = spied();
    files.mkdir(Cred::ROOT, Node::ROOT, "dir").unwrap();
    let file = files.create(Cred::ROOT, files.find("dir").unwrap().0, "file").unwrap();
    let first = files.find("dir/file").unwrap();
    spy.seen();
    let body = Body::new(Op::Lookup { parent: Node::ROOT, follow: true }, Cred::ROOT);
    let mut call = Call::new(body, Data::NONE).name(b"dir/file");
    assert_eq!(call.run(&*files.0, &Spin), Status::OK);
    assert_eq!(call.body().reply, Reply::Entry { node: first.0, attr: first.1 });
    let counts = call.counts();
    assert_eq!((counts.messages, counts.looks, counts.copies, counts.maps), (1, 0, 0, 0));
    assert!(spy.seen().is_empty());
    assert_eq!((first.0, figure(&files, "hits")), (file, 1));
}

#[test]
fn what_is_missing_is_remembered_until_it_may_be_there() {
    let (spy, files) = spied();
    assert_eq!(files.find("x"), Err(Errno::ENOENT));
    spy.seen();
    assert_eq!(files.find("x"), Err(Errno::ENOENT));
    assert!(spy.seen().is_empty());
    files.create(Cred::ROOT, Node::ROOT, "x").unwrap();
    assert!(files.find("x").is_ok());
    for make in [
        |files: &Files| files.mkdir(Cred::ROOT, Node::ROOT, "y").map(|_| 0),
        |files: &Files| files.status(Cred::ROOT, Op::Symlink { parent: Node::ROOT }, &[b"z", b"x"]),
        |files: &Files| {
            let node = files.find("x").unwrap().0;
            files.status(Cred::ROOT, Op::Link { node, parent: Node::ROOT }, &[b"w"])
        },
    ] {
        let missing: Vec<_> =
            ["w", "y", "z"].into_iter().filter(|name| files.find(name).is_err()).collect();
        make(&files).unwrap();
        let left = missing.iter().filter(|name| files.find(name).is_err()).count();
        assert_eq!(left, missing.len() - 1);
    }
}

#[test]
fn what_was_found_goes_when_it_is_removed_or_moved() {
    let (_, files) = spied();
    let dir = files.mkdir(Cred::ROOT, Node::ROOT, "dir").unwrap();
    files.create(Cred::ROOT, dir, "file").unwrap();
    let old = files.find("dir/file").unwrap().0;
    let op = Op::Rename { parent: Node::ROOT, to: Node::ROOT };
    files.status(Cred::ROOT, op, &[b"dir", b"new"]).unwrap();
    assert_eq!(files.find("dir/file"), Err(Errno::ENOENT));
    assert_eq!(files.find("new/file").unwrap().0, old);
    let unlink = Op::Unlink { parent: dir, dir: false };
    files.status(Cred::ROOT, unlink, &[b"file"]).unwrap();
    assert_eq!(files.find("new/file"), Err(Errno::ENOENT));
}

#[test]
fn what_was_missing_is_missing_still_when_something_else_is_removed() {
    let (spy, files) = spied();
    files.create(Cred::ROOT, Node::ROOT, "x").unwrap();
    files.mkdir(Cred::ROOT, Node::ROOT, "dir").unwrap();
    let target: &[u8] = b"dir";
    files.status(Cred::ROOT, Op::Symlink { parent: Node::ROOT }, &[b"link", target]).unwrap();
    let missing = || {
        ["none", "dir/none", "link/none"].iter().for_each(|path| {
            assert_eq!(files.find(path), Err(Errno::ENOENT), "{path}");
        });
        spy.seen().len()
    };
    missing();
    for name in ["x", "link"] {
        let unlink = Op::Unlink { parent: Node::ROOT, dir: false };
        files.status(Cred::ROOT, unlink, &[name.as_bytes()]).unwrap();
        spy.seen();
        assert_eq!(missing(), 0, "{name}");
        assert_eq!(files.find(name), Err(Errno::ENOENT));
    }
    files.create(Cred::ROOT, Node::ROOT, "y").unwrap();
    files.find("none").unwrap_err();
    let op = Op::Rename { parent: Node::ROOT, to: Node::ROOT };
    files.status(Cred::ROOT, op, &[b"y", b"none"]).unwrap();
    assert!(files.find("none").is_ok());
}

#[test]
fn attributes_are_never_older_than_what_was_written() {
    let (spy, files) = spied();
    let node = files.create(Cred::ROOT, Node::ROOT, "x").unwrap();
    files.find("x").unwrap();
    files.write(Cred::ROOT, node, 0, &[1; 100]).unwrap();
    assert_eq!(files.find("x").unwrap().1.size, 100);
    files.status(Cred::ROOT, Op::Truncate { node, len: 7 }, &[]).unwrap();
    assert_eq!(files.find("x").unwrap().1.size, 7);
    let set = SetAttr { mode: Some(0o600), ..SetAttr::default() };
    files.status(Cred::ROOT, Op::Setattr { node, set }, &[]).unwrap();
    assert_eq!(files.find("x").unwrap().1.mode, 0o600);
    // The first read since a change sets the access time; later ones go straight by.
    set_now(50);
    files.read(node, 0, 7).unwrap();
    assert_eq!(files.find("x").unwrap().1.atime.sec, 50);
    set_now(60);
    files.read(node, 0, 7).unwrap();
    spy.seen();
    assert_eq!(files.find("x").unwrap().1.atime.sec, 50);
    assert!(spy.seen().is_empty(), "still known");
}

#[test]
fn what_one_may_find_another_may_not() {
    let (_, files) = spied();
    let dir = files.mkdir(Cred::ROOT, Node::ROOT, "dir").unwrap();
    files.create(Cred::ROOT, dir, "file").unwrap();
    let set = SetAttr { mode: Some(0o700), ..SetAttr::default() };
    assert!(files.find_as(USER, "dir/file").is_ok());
    files.status(Cred::ROOT, Op::Setattr { node: dir, set }, &[]).unwrap();
    assert!(files.find("dir/file").is_ok());
    assert_eq!(files.find_as(USER, "dir/file"), Err(Errno::EACCES));
}

#[test]
fn long_paths_are_passed_and_not_kept() {
    let (spy, files) = spied();
    let path = "./".repeat(200);
    for _ in 0..2 {
        assert!(files.find(&path).is_ok());
        assert_eq!(spy.seen().len(), 1);
    }
    assert_eq!(figure(&files, "entries"), 0);
}

/// Keeps lookups until told, and passes everything else.
struct Slow {
    over: Arc<dyn Driver>,
    kept: Mutex<Vec<Kept<Body>>>,
}

impl Port<Body> for Slow {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Lookup { .. } => request.keep(self),
            _ => request.pass(&*self.over),
        }
    }

    fn take(&self, kept: Kept<Body>) {
        self.kept.lock().unwrap().push(kept);
    }
}

impl Driver for Slow {
    fn describe(&self) -> Description {
        self.over.describe()
    }
}

#[test]
fn what_a_lookup_found_before_a_change_is_not_kept_after_it() {
    let over = tmpfs(1 << 20);
    let node = Files(Arc::clone(&over)).create(Cred::ROOT, Node::ROOT, "x").unwrap();
    let attr = Files(Arc::clone(&over)).attr(node).unwrap();
    let slow = Arc::new(Slow { over, kept: Mutex::default() });
    let driver = cached(100, slow.clone());
    let port: Arc<dyn Port<Body>> = Arc::clone(&driver) as _;
    let files = Files(Arc::clone(&driver));
    let ask = || {
        let mut message =
            Message::new(Body::new(Op::Lookup { parent: Node::ROOT, follow: true }, Cred::ROOT));
        message.set_names([b"x".to_vec()]);
        message.ask(&port)
    };
    let answer = || {
        let mut kept = slow.kept.lock().unwrap().pop().unwrap();
        kept.body_mut().reply = Reply::Entry { node, attr };
        kept.done(Status::OK);
    };
    let unlink = Op::Unlink { parent: Node::ROOT, dir: false };
    for change in [
        |files: &Files, node| files.write(Cred::ROOT, node, 0, b"more"),
        |files: &Files, node| files.status(Cred::ROOT, Op::Truncate { node, len: 1 }, &[]),
    ] {
        let pending = ask();
        change(&files, node).unwrap();
        answer();
        assert!(pending.is_done());
        assert_eq!(figure(&files, "entries"), 0, "its attributes are old");
    }
    let pending = ask();
    files.status(Cred::ROOT, unlink, &[b"x"]).unwrap();
    answer();
    assert!(pending.is_done());
    assert_eq!(figure(&files, "entries"), 0, "it is gone");
    let pending = ask();
    answer();
    assert!(pending.is_done());
    assert_eq!(figure(&files, "entries"), 1, "with nothing between, it is kept");
}

#[test]
fn an_aborted_change_still_counts_as_one() {
    let (spy, files) = spied();
    files.create(Cred::ROOT, Node::ROOT, "x").unwrap();
    files.find("x").unwrap();
    // Nobody knows how much of it was done.
    spy.set_rule(|body, _| match body.op {
        Op::Unlink { .. } => Some(kit::Fault::Error(Errno::ECANCELED)),
        _ => None,
    });
    let unlink = Op::Unlink { parent: Node::ROOT, dir: false };
    assert_eq!(files.status(Cred::ROOT, unlink, &[b"x"]), Err(Errno::ECANCELED));
    spy.seen();
    files.find("x").unwrap();
    assert_eq!(spy.seen().len(), 1);
}

#[test]
fn other_errors_are_not_remembered() {
    let (spy, files) = spied();
    spy.fail(Some(Errno::EIO));
    assert_eq!(files.find("x"), Err(Errno::EIO));
    spy.fail(None);
    assert_eq!(files.find("x"), Err(Errno::ENOENT));
}

#[test]
fn what_cannot_be_one_is_refused_with_a_reason() {
    let error = |entries, on| {
        make(&KIND, &[("entries", OptionValue::Integer(entries))], &[on]).err().unwrap()
    };
    assert!(error(0, tmpfs(1 << 20)).contains("entries = 0 makes no sense"));
    assert!(error(u64::MAX, tmpfs(1 << 20)).contains("makes no sense"));
    assert!(error(5, ramdisk(4096)).contains("block driver"));
}

#[test]
fn a_node_that_is_stale_below_lets_go_of_everything() {
    let (spy, files) = spied();
    let node = files.create(Cred::ROOT, Node::ROOT, "x").unwrap();
    files.find("x").unwrap();
    spy.set_rule(|body, _| match body.op {
        Op::Open { .. } => Some(kit::Fault::Error(Errno::ESTALE)),
        _ => None,
    });
    let open = Op::Open { node, flags: OpenFlags::READ };
    assert_eq!(files.status(Cred::ROOT, open, &[]), Err(Errno::ESTALE));
    spy.seen();
    files.find("x").unwrap();
    assert_eq!(spy.seen().len(), 1);
}
