//! Quotas: what users have is what is there, limits hold, and nothing is lost by an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use driver::{
    Body, Bytes, Call, Cred, Data, Driver, Errno, FileKind, Node, Op, OpenFlags, OptionValue,
    SetAttr, Spin, Status,
};
use driver_quota::KIND;
use kit::{Fault, FileStep, Files, Keeper, Spy, Twin, file_steps, make, ramdisk, sent, tmpfs};
use proptest::prelude::*;

const USER: Cred = Cred { uid: 1, gid: 1 };
const FREE: u64 = u64::MAX;

fn quota(bytes: u64, inodes: u64, on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    let number = |key, limit| (limit < FREE).then_some((key, OptionValue::Integer(limit)));
    let options: Vec<_> =
        [number("bytes", bytes), number("inodes", inodes)].into_iter().flatten().collect();
    make(&KIND, &options, &[on]).ok().unwrap()
}

/// What each user has, as the driver says.
fn said(driver: &Arc<dyn Driver>) -> BTreeMap<u64, (u64, u64)> {
    let mut text = String::new();
    driver.report(&mut text).unwrap();
    let line = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let number = |value: &serde_json::Value, key: &str| value[key].as_u64().unwrap();
    text.lines()
        .map(line)
        .map(|line| (number(&line, "uid"), (number(&line, "bytes"), number(&line, "inodes"))))
        .collect()
}

/// The same, counted from outside.
fn counted(files: &Files) -> BTreeMap<u64, (u64, u64)> {
    let (mut users, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let mut todo = vec![Node::ROOT];
    while let Some(dir) = todo.pop() {
        for name in files.list(Cred::ROOT, dir, 4096).unwrap() {
            if name == "." || name == ".." {
                continue;
            }
            let op = Op::Lookup { parent: dir, follow: false };
            let (node, attr) = files.entry(Cred::ROOT, op, &[name.as_bytes()]).unwrap();
            if !seen.insert(node) {
                continue;
            }
            let user: &mut (u64, u64) = users.entry(attr.uid.into()).or_default();
            user.1 += 1;
            match attr.kind {
                FileKind::Directory => todo.push(node),
                _ => user.0 += attr.size,
            }
        }
    }
    users
}

/// Closes all that is open.
fn close_all(twin: &mut Twin) {
    while twin.step(0, &FileStep::Close { open: 0 }) == "closed" {}
}

proptest! {
    #[test]
    fn without_limits_it_is_the_file_system_and_the_count_is_right(script in file_steps(80)) {
        let mut plain = Twin::new(tmpfs(1 << 20), true);
        let mut twin = Twin::new(quota(FREE, FREE, tmpfs(1 << 20)), true);
        for (uid, step) in &script {
            prop_assert_eq!(plain.step(*uid, step), twin.step(*uid, step), "{:?}", step);
        }
        close_all(&mut twin);
        close_all(&mut plain);
        prop_assert_eq!(plain.tree(), twin.tree());
        prop_assert_eq!(said(&twin.files.0), counted(&twin.files));
    }

    #[test]
    fn limits_hold_at_every_step_and_a_new_count_is_the_same(
        script in file_steps(80),
        bytes in 0..20_000u64,
        inodes in 0..8u64,
    ) {
        let below = tmpfs(1 << 20);
        let mut twin = Twin::new(quota(bytes, inodes, Arc::clone(&below)), true);
        for (uid, step) in &script {
            let before = said(&twin.files.0);
            let seen = twin.step(*uid, step);
            let after = said(&twin.files.0);
            for (uid, (has, nodes)) in after.iter().filter(|(uid, _)| **uid != 0) {
                prop_assert!(*has <= bytes && *nodes <= inodes, "{uid}: {has} {nodes}");
            }
            if seen.contains("EDQUOT") {
                prop_assert_eq!(before, after, "{:?}", step);
            }
        }
        close_all(&mut twin);
        let has = said(&twin.files.0);
        prop_assert_eq!(&has, &counted(&twin.files));
        prop_assert_eq!(&has, &said(&quota(bytes, inodes, below)), "after a restart");
    }

    #[test]
    fn what_fails_below_or_comes_short_is_given_back(
        script in file_steps(80),
        failing in prop::collection::vec(0..6u8, 80),
    ) {
        let spy = Spy::new(tmpfs(1 << 20));
        let mut twin = Twin::new(quota(FREE, FREE, spy.clone()), true);
        for ((uid, step), failing) in script.iter().zip(failing) {
            spy.set_rule(move |body, _| match (failing, body.op) {
                (0, Op::Write { .. } | Op::Read { .. }) => Some(Fault::Short(100)),
                // Closes come through: else what was unlinked stays open for ever.
                (1, op) if !matches!(op, Op::Close { .. }) => Some(Fault::Error(Errno::EIO)),
                _ => None,
            });
            twin.step(*uid, step);
        }
        spy.fail(None);
        close_all(&mut twin);
        prop_assert_eq!(said(&twin.files.0), counted(&twin.files));
    }
}

#[test]
fn a_write_past_the_limit_does_nothing_and_root_is_free() {
    let files = Files(quota(1000, FREE, tmpfs(1 << 20)));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    assert_eq!(files.write(USER, node, 0, &[1; 900]), Ok(900));
    assert_eq!(files.write(USER, node, Op::END, &[1; 101]), Err(Errno::EDQUOT));
    assert_eq!(files.attr(node).unwrap().size, 900);
    assert_eq!(files.write(USER, node, 500, &[2; 500]), Ok(500), "what is there may be written");
    assert_eq!(files.status(USER, Op::Truncate { node, len: 1001 }, &[]), Err(Errno::EDQUOT));
    assert_eq!(files.status(USER, Op::Truncate { node, len: 10 }, &[]), Ok(0));
    assert_eq!(files.write(USER, node, Op::END, &[1; 990]), Ok(990));
    let roots = files.create(Cred::ROOT, Node::ROOT, "roots").unwrap();
    assert_eq!(files.write(USER, roots, 0, &[1; 5000]), Ok(5000), "it is root's file");
    assert_eq!(said(&files.0), BTreeMap::from([(0, (5000, 1)), (1, (1000, 1))]));
    let mut text = String::new();
    files.0.report(&mut text).unwrap();
    assert!(text.ends_with("{\"uid\":1,\"bytes\":1000,\"inodes\":1,\"byte_limit\":1000}\n"));
}

#[test]
fn inodes_are_counted_and_come_back_when_they_are_gone() {
    let files = Files(quota(FREE, 3, tmpfs(1 << 20)));
    files.mkdir(USER, Node::ROOT, "dir").unwrap();
    files.create(USER, Node::ROOT, "file").unwrap();
    let symlink = Op::Symlink { parent: Node::ROOT };
    assert_eq!(files.status(USER, symlink, &[b"link", b"file"]), Ok(0));
    assert_eq!(files.status(USER, symlink, &[b"more", b"file"]), Err(Errno::EDQUOT));
    assert_eq!(files.mkdir(USER, Node::ROOT, "more"), Err(Errno::EDQUOT));
    assert_eq!(files.create(USER, Node::ROOT, "more"), Err(Errno::EDQUOT));
    assert!(files.create(USER, Node::ROOT, "file").is_ok(), "it is there already");
    let node = files.find("file").unwrap().0;
    let link = Op::Link { node, parent: Node::ROOT };
    assert_eq!(files.status(USER, link, &[b"again"]), Ok(0), "the same inode");
    let unlink = |name: &[u8], dir| {
        files.status(USER, Op::Unlink { parent: Node::ROOT, dir }, &[name]).unwrap();
    };
    unlink(b"dir", true);
    assert!(files.mkdir(USER, Node::ROOT, "dir").is_ok());
    unlink(b"file", false);
    assert_eq!(said(&files.0)[&1].1, 3, "it has another name");
}

#[test]
fn what_has_no_name_counts_until_nobody_has_it_open() {
    let files = Files(quota(1000, FREE, tmpfs(1 << 20)));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    files.status(USER, Op::Open { node, flags: OpenFlags::READ }, &[]).unwrap();
    files.write(USER, node, 0, &[1; 1000]).unwrap();
    files.status(USER, Op::Unlink { parent: Node::ROOT, dir: false }, &[b"x"]).unwrap();
    for left in [1000, 1000] {
        assert_eq!(said(&files.0)[&1], (left, 1));
        files.status(USER, Op::Close { node }, &[]).unwrap();
    }
    assert!(said(&files.0).is_empty());
}

#[test]
fn a_file_given_away_counts_for_its_new_owner_who_must_have_room() {
    let files = Files(quota(1000, FREE, tmpfs(1 << 20)));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    files.write(USER, node, 0, &[1; 600]).unwrap();
    let give = |uid| {
        let set = SetAttr { uid: Some(uid), ..SetAttr::default() };
        files.status(Cred::ROOT, Op::Setattr { node, set }, &[])
    };
    assert_eq!(give(2), Ok(0));
    assert_eq!(said(&files.0), BTreeMap::from([(2, (600, 1))]));
    let other = files.create(USER, Node::ROOT, "y").unwrap();
    files.write(USER, other, 0, &[1; 600]).unwrap();
    assert_eq!(give(1), Err(Errno::EDQUOT));
    assert_eq!(said(&files.0), BTreeMap::from([(1, (600, 1)), (2, (600, 1))]));
}

#[test]
fn it_looks_at_no_data_and_passes_the_askers_own_memory() {
    let spy = Spy::new(tmpfs(1 << 20));
    let files = Files(quota(1 << 20, FREE, spy.clone()));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    spy.seen();
    let bytes = [7; 4096];
    let body = Body::new(Op::Write { node, offset: 0 }, USER);
    let mut call = Call::new(body, Data::source(&bytes));
    assert_eq!(call.run(&*files.0, &Spin), Status::ok(4096));
    let counts = call.counts();
    assert_eq!((counts.looks, counts.copies, counts.maps, counts.messages), (1, 0, 0, 1));
    let seen = spy.seen();
    assert_eq!((seen.len(), seen[0].address), (1, bytes.as_ptr() as usize));
}

#[test]
fn an_aborted_write_is_given_back_and_asked_about_before_the_next() {
    // Writes are kept, everything else is a file system.
    struct Slow(Arc<dyn Driver>, Arc<Keeper>);
    impl driver::Port<Body> for Slow {
        fn begin<'s>(&'s self, request: driver::Request<'s>) -> driver::Outcome<'s, Body> {
            use driver::Exchange;
            match request.body().op {
                Op::Write { .. } => request.pass(&*self.1),
                _ => request.pass(&*self.0),
            }
        }
    }
    impl Driver for Slow {
        fn describe(&self) -> driver::Description {
            self.0.describe()
        }
    }
    let (below, keeper) = (tmpfs(1 << 20), Arc::new(Keeper::default()));
    let slow: Arc<dyn Driver> = Arc::new(Slow(Arc::clone(&below), Arc::clone(&keeper)));
    let files = Files(quota(5000, FREE, slow));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    let write = |len| sent(&files.0, Op::Write { node, offset: 0 }, Bytes::Source(vec![1; len]));
    // Sent as root, but the file's owner pays.
    let late = write(3000);
    assert_eq!(said(&files.0)[&1], (3000, 1), "charged ahead");
    assert_eq!(write(6000).back().status(), Errno::EDQUOT.into());
    late.abort();
    assert_eq!(late.back().status(), Errno::ECANCELED.into());
    assert_eq!(said(&files.0)[&1], (0, 1));
    // Some of it was written all the same.
    Files(below).write(USER, node, 0, &[1; 700]).unwrap();
    let late = write(1000);
    assert_eq!(said(&files.0)[&1], (1000, 1));
    keeper.next().done(Status::ok(1000));
    assert_eq!(late.back().status(), Status::ok(1000));
    assert_eq!(said(&files.0)[&1], (1000, 1));
}

#[test]
fn what_cannot_be_counted_or_limited_is_refused_with_a_reason() {
    let spy = Spy::new(tmpfs(1 << 20));
    spy.fail(Some(Errno::EIO));
    let error = make(&KIND, &[], &[spy]).err().unwrap();
    assert!(error.contains("can't be counted: input or output error (EIO)"), "{error}");
    assert!(make(&KIND, &[], &[ramdisk(4096)]).err().unwrap().contains("block driver"));
}

#[test]
fn users_that_are_named_have_limits_of_their_own() {
    let options = [
        ("bytes", OptionValue::Integer(100)),
        ("inodes", OptionValue::Integer(1)),
        ("users", OptionValue::Text("1:1000:-  2:-:0".into())),
    ];
    let driver = make(&KIND, &options, &[tmpfs(1 << 20)]).ok().unwrap();
    let files = Files(driver);
    let create = |uid: u32, name: &str| {
        let op = Op::Create { parent: Node::ROOT, mode: 0o644, flags: OpenFlags::WRITE };
        files.entry(Cred { uid, gid: uid }, op, &[name.as_bytes()]).map(|(node, _)| node)
    };
    let write = |uid: u32, node, len: usize| {
        let op = Op::Write { node, offset: 0 };
        let data = vec![7; len];
        let mut call = Call::new(Body::new(op, Cred { uid, gid: uid }), Data::source(&data));
        call.run(&*files.0, &Spin).result()
    };
    let one = create(1, "one").unwrap();
    create(1, "and another").unwrap();
    assert_eq!(write(1, one, 1000), Ok(1000));
    assert_eq!(write(1, one, 1001), Err(Errno::EDQUOT));
    assert_eq!(create(2, "two"), Err(Errno::EDQUOT));
    let three = create(3, "three").unwrap();
    assert_eq!(create(3, "and another of three"), Err(Errno::EDQUOT));
    assert_eq!((write(3, three, 101), write(3, three, 100)), (Err(Errno::EDQUOT), Ok(100)));
    let mut said = String::new();
    files.0.report(&mut said).unwrap();
    assert!(said.contains(r#"{"uid":1,"bytes":1000,"inodes":2,"byte_limit":1000}"#), "{said}");
}

#[test]
fn limits_that_make_no_sense_are_named() {
    for (text, named) in [
        ("1:2", "\"1:2\" makes no sense"),
        ("1:2:3:4", "\"1:2:3:4\""),
        ("root:1:1", "\"root:1:1\""),
        ("0:1:1", "\"0:1:1\""),
        ("1:1:1 5:-1:1", "\"5:-1:1\""),
        ("7:1:1 7:2:2", "user 7 is named twice"),
    ] {
        let options = [("users", OptionValue::Text(text.into()))];
        let error = make(&KIND, &options, &[tmpfs(1 << 20)]).err().unwrap();
        assert!(error.contains(named), "{error}");
    }
}
