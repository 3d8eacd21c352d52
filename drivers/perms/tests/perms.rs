//! Owners and modes where the file system below has none: what one with owners would answer.

use std::{collections::BTreeSet, sync::Arc};

use driver::{
    Attr, Body, Call, Context, Cred, Data, Driver, Errno, Exchange, Node, Op, OpenFlags, Options,
    Outcome, Port, Reply, Request, Saved, SetAttr, Spin, Status,
};
use driver_perms::{FILE, KIND};
use kit::{Fault, Files, Spy, Twin, file_steps, lower, now, ramdisk, tmpfs};
use proptest::prelude::*;

const USER: Cred = Cred { uid: 1, gid: 1 };
const OTHER: Cred = Cred { uid: 2, gid: 2 };

/// A file system without owners and modes: everything is root's and everybody may do all.
struct Plain(Arc<dyn Driver>);

fn bare(attr: Attr) -> Attr {
    Attr { uid: 0, gid: 0, mode: 0o777, ..attr }
}

impl Port<Body> for Plain {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let Cred { uid, gid } = request.body().cred;
        if let Op::Setattr { set, .. } = &mut request.body_mut().op {
            assert_eq!((set.mode, set.uid, set.gid), (None, None, None), "it has none of these");
        }
        request.body_mut().cred = Cred::ROOT;
        request.forward(self, &*self.0, [uid.into(), gid.into(), 0])
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Body> {
        let body = request.body_mut();
        body.cred = Cred { uid: saved[0] as u32, gid: saved[1] as u32 };
        body.reply = match body.reply {
            Reply::Entry { node, attr } => Reply::Entry { node, attr: bare(attr) },
            Reply::Attr(attr) => Reply::Attr(bare(attr)),
            other => other,
        };
        request.done(status)
    }
}

impl Driver for Plain {
    fn describe(&self) -> driver::Description {
        self.0.describe()
    }
}

fn perms_on<D: Driver + 'static>(below: &Arc<D>) -> Arc<dyn Driver> {
    let context = Context { now, wait: &Spin };
    (KIND.make)(&Options::default(), vec![lower(below)], &context).ok().unwrap()
}

fn plain() -> Arc<Plain> {
    Arc::new(Plain(tmpfs(1 << 20)))
}

fn files() -> Files {
    Files(perms_on(&plain()))
}

proptest! {
    #[test]
    fn it_is_a_file_system_with_owners_and_modes(script in file_steps(80)) {
        let mut model = Twin::new(tmpfs(1 << 20), false);
        let below = plain();
        let mut twin = Twin::new(perms_on(&below), false);
        for (uid, step) in &script {
            prop_assert_eq!(model.step(*uid, step), twin.step(*uid, step), "{:?}", step);
        }
        prop_assert_eq!(model.tree(), twin.tree());
        // And so it is after a restart.
        let again = Twin::new(perms_on(&below), false);
        let times = |tree: String| -> Vec<String> {
            // The records were written anew in the root directory.
            tree.lines().skip(1).map(str::to_string).collect()
        };
        prop_assert_eq!(times(model.tree()), times(again.tree()));
    }
}

#[test]
fn what_one_makes_is_ones_own_and_others_are_kept_out() {
    let files = files();
    let dir = files.mkdir(USER, Node::ROOT, "dir").unwrap();
    let set = SetAttr { mode: Some(0o700), ..SetAttr::default() };
    let setattr = Op::Setattr { node: dir, set };
    assert_eq!(files.status(OTHER, setattr, &[]), Err(Errno::EPERM));
    assert_eq!(files.status(USER, setattr, &[]), Ok(0));
    let node = files.create(USER, dir, "file").unwrap();
    let attr = files.find_as(USER, "dir/file").unwrap().1;
    assert_eq!((attr.uid, attr.gid, attr.mode), (1, 1, 0o644));
    assert_eq!(files.find_as(OTHER, "dir/file"), Err(Errno::EACCES));
    assert_eq!(files.create(OTHER, dir, "mine"), Err(Errno::EACCES));
    let open = Op::Open { node, flags: OpenFlags::WRITE };
    assert_eq!(files.status(OTHER, open, &[]), Err(Errno::EACCES));
    assert_eq!(files.status(OTHER, Op::Truncate { node, len: 0 }, &[]), Err(Errno::EACCES));
    let unlink = Op::Unlink { parent: dir, dir: false };
    assert_eq!(files.status(OTHER, unlink, &[b"file"]), Err(Errno::EACCES));
    assert_eq!(files.status(USER, unlink, &[b"file"]), Ok(0));
}

#[test]
fn its_own_file_is_hidden_from_everybody_and_every_operation() {
    let below = plain();
    let files = Files(perms_on(&below));
    files.create(USER, Node::ROOT, "x").unwrap();
    for room in [40, 64, 4096] {
        let names: BTreeSet<_> =
            files.list(Cred::ROOT, Node::ROOT, room).unwrap().into_iter().collect();
        assert_eq!(names, [".", "..", "x"].map(String::from).into(), "{room}");
    }
    let root = Node::ROOT;
    let name = FILE.as_bytes();
    assert_eq!(files.find(FILE), Err(Errno::ENOENT));
    assert_eq!(files.find(&format!("./{FILE}")), Err(Errno::ENOENT));
    assert_eq!(files.create(Cred::ROOT, root, FILE), Err(Errno::EACCES));
    assert_eq!(files.mkdir(Cred::ROOT, root, FILE), Err(Errno::EACCES));
    let status = |op, names: &[&[u8]]| files.status(Cred::ROOT, op, names);
    assert_eq!(status(Op::Unlink { parent: root, dir: false }, &[name]), Err(Errno::ENOENT));
    let rename = Op::Rename { parent: root, to: root };
    assert_eq!(status(rename, &[name, b"y"]), Err(Errno::ENOENT));
    assert_eq!(status(rename, &[b"x", name]), Err(Errno::EACCES));
    let node = files.find("x").unwrap().0;
    assert_eq!(status(Op::Link { node, parent: root }, &[name]), Err(Errno::EACCES));
    // It is a name like any other elsewhere.
    let dir = files.mkdir(USER, root, "dir").unwrap();
    assert!(files.create(USER, dir, FILE).is_ok());
    assert!(Files(below).find(FILE).is_ok(), "and there it is");
}

#[test]
fn it_looks_at_no_data_and_passes_the_askers_own_memory() {
    let spy = Spy::new(tmpfs(1 << 20));
    let files = Files(perms_on(&spy));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    spy.seen();
    let bytes = [7; 4096];
    let body = Body::new(Op::Write { node, offset: 0 }, USER);
    let mut call = Call::new(body, Data::source(&bytes));
    assert_eq!(call.run(&*files.0, &Spin), Status::ok(4096));
    let counts = call.counts();
    assert_eq!((counts.looks, counts.copies, counts.maps, counts.messages), (1, 0, 0, 1));
    assert_eq!(spy.seen()[0].address, bytes.as_ptr() as usize);
}

#[test]
fn what_is_open_keeps_its_owner_though_it_has_no_name() {
    let files = files();
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    files.status(USER, Op::Unlink { parent: Node::ROOT, dir: false }, &[b"x"]).unwrap();
    assert_eq!(files.attr(node).unwrap().uid, 1);
    files.status(USER, Op::Close { node }, &[]).unwrap();
    assert_eq!(files.attr(node), Err(Errno::ESTALE));
}

#[test]
fn where_an_owner_cannot_be_written_nothing_is_made_or_changed() {
    let spy = Spy::new(tmpfs(1 << 20));
    let files = Files(perms_on(&spy));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    let faults = [Fault::Error(Errno::ENOSPC), Fault::Short(10)];
    for fault in faults {
        spy.set_rule(move |body, _| matches!(body.op, Op::Write { .. }).then_some(fault));
        assert_eq!(files.create(USER, Node::ROOT, "y"), Err(Errno::ENOSPC));
        assert_eq!(files.mkdir(USER, Node::ROOT, "y"), Err(Errno::ENOSPC));
        let set = SetAttr { mode: Some(0o600), ..SetAttr::default() };
        assert_eq!(files.status(USER, Op::Setattr { node, set }, &[]), Err(Errno::ENOSPC));
        spy.set_rule(|_, _| None);
        assert_eq!(files.find("y"), Err(Errno::ENOENT));
        assert_eq!(files.attr(node).unwrap().mode, 0o644);
    }
    let made = files.create(OTHER, Node::ROOT, "y").unwrap();
    assert_eq!(files.attr(made).unwrap().uid, 2);
    let again = Files(perms_on(&spy));
    assert_eq!(again.find("y").unwrap().1.uid, 2, "records that were cut off are not in the way");
}

#[test]
fn damaged_records_are_passed_over_and_the_others_are_good() {
    let below = plain();
    let files = Files(perms_on(&below));
    for (cred, name) in [(USER, "x"), (OTHER, "y"), (USER, "z")] {
        files.create(cred, Node::ROOT, name).unwrap();
    }
    let under = Files(Arc::clone(&below) as Arc<dyn Driver>);
    let node = under.find(FILE).unwrap().0;
    under.write(Cred::ROOT, node, 24 + 9, &[0xff]).unwrap();
    under.write(Cred::ROOT, node, Op::END, &[1; 7]).unwrap();
    let again = Files(perms_on(&below));
    let uids = ["x", "y", "z"].map(|name| again.find(name).unwrap().1.uid);
    assert_eq!(uids, [1, 0, 1], "what nobody knows is as the file system below says");
}

#[test]
fn a_flush_makes_the_owners_safe_first() {
    let spy = Spy::new(tmpfs(1 << 20));
    let files = Files(perms_on(&spy));
    let node = files.create(USER, Node::ROOT, "x").unwrap();
    spy.seen();
    files.status(USER, Op::Flush { node }, &[]).unwrap();
    let record = Files(spy.clone()).find(FILE).unwrap().0;
    assert_eq!(spy.ops()[..2], [Op::Flush { node: record }, Op::Flush { node }]);
}

#[test]
fn what_cannot_have_owners_is_refused_with_a_reason() {
    let error = |on| {
        let made = kit::make(&KIND, &[], &[on]);
        made.err().unwrap()
    };
    assert!(error(ramdisk(4096)).contains("block driver"));
    let spy = Spy::new(tmpfs(1 << 20));
    spy.fail(Some(Errno::EIO));
    assert!(error(spy).contains(".perms in the file system below can't be used"));
}
