//! Names: who may make, see and use them.

use agent::Errno;
use client::{Port, SendRight};
use libredox::{errno::*, flag::*};
use smoke::{Daemon, End, Outcome, World, errno, files};

use super::{ALL, beside, ended, make};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_directory_lists_what_one_may_see,
    a_listing_of_many_ports_is_complete,
    a_port_has_an_owner_a_group_and_a_mode,
    names_that_are_not_one_s_own_are_refused,
    a_dead_owner_s_name_is_not_another_s_to_take,
    a_name_is_its_owner_s_to_take_away,
];

/// Does something as another user, which is to end well.
fn as_user(world: &World, id: u32, work: impl FnOnce() -> Outcome + Send + 'static) {
    assert_eq!(world.spawn_as(id, work).wait(), End::Gave(Ok(0)));
}

/// What a user sees in a directory.
fn sees(world: &World, id: u32, daemon: &Daemon, dir: &str, names: &'static [&'static str]) {
    let path = daemon.at(dir);
    as_user(world, id, move || {
        assert_eq!(files::list(path.trim_end_matches('/'))?, names);
        Ok(0)
    });
}

/// The errno of making a port.
fn refused(path: &str) -> Option<Errno> {
    Port::create(path, ALL).err()
}

fn a_directory_lists_what_one_may_see() {
    beside(|world, daemon, _| {
        let ports = [("open", 0o622, 7, 7), ("group", 0o660, 7, 8), ("own", 0o600, 7, 7)].map(
            |(name, mode, uid, gid)| {
                let port = make(&daemon.at(&format!("user/7/{name}")), mode);
                port.chown(uid, gid).unwrap();
                port
            },
        );
        let system = make(&daemon.at("system"), 0o622);
        sees(world, 7, daemon, "", &["null", "system", "user"]);
        sees(world, 7, daemon, "user", &["7"]);
        sees(world, 7, daemon, "user/7", &["group", "open", "own"]);
        sees(world, 8, daemon, "user/7", &["group", "open"]);
        sees(world, 9, daemon, "user/7", &["open"]);
        sees(world, 0, daemon, "user/7", &["group", "open", "own"]);
        ports[0].chmod(0o600).unwrap();
        sees(world, 9, daemon, "", &["null", "system"]);
        let path = daemon.at("user/7");
        as_user(world, 9, move || {
            assert_eq!(files::open(&path, O_RDONLY | O_DIRECTORY, 0).err(), Some(ENOENT));
            Ok(0)
        });
        drop((ports, system));
        sees(world, 0, daemon, "", &["null"]);
    });
}

fn a_listing_of_many_ports_is_complete() {
    beside(|_, daemon, _| {
        let path = |index| daemon.at(&format!("user/0/port-{index:04}"));
        let ports: Vec<_> = (0..300).map(|index| make(&path(index), ALL)).collect();
        let names = files::list(&daemon.at("user/0")).unwrap();
        assert_eq!(names.len(), ports.len());
        assert!(names.iter().enumerate().all(|(at, name)| path(at).ends_with(name.as_str())));
    });
}

fn a_port_has_an_owner_a_group_and_a_mode() {
    beside(|world, daemon, _| {
        let path = daemon.at("user/7/port");
        as_user(world, 7, move || {
            let port = errno_of(Port::create(&path, 0o620))?;
            let stat = errno(port.fd().stat())?;
            assert_eq!((stat.st_uid, stat.st_gid, stat.st_mode), (7, 7, 0o140_620));
            let right = errno_of(SendRight::open(&path))?;
            errno(right.fd().chmod(0o644))?;
            assert_eq!(errno(port.fd().stat())?.st_mode, 0o140_644);
            assert_eq!(errno(port.fd().chown(8, 7)), Err(EPERM));
            assert_eq!(errno(port.fd().chown(7, 7)), Ok(()));
            Ok(0)
        });
    });
}

fn errno_of<T>(result: Result<T, Errno>) -> Outcome<T> {
    result.map_err(|errno| i32::from(errno.0))
}

fn names_that_are_not_one_s_own_are_refused() {
    beside(|world, daemon, _| {
        assert_eq!(refused(&daemon.at("null")), Some(Errno::EEXIST), "the configuration's");
        assert_eq!(refused(&daemon.at(".hidden")), Some(Errno::EACCES));
        assert_eq!(refused(&daemon.at("user/7")), Some(Errno::EISDIR));
        let taken = make(&daemon.at("user/7/taken"), ALL);
        let at = |name: &str| daemon.at(name);
        let theirs = ["system", "user/8/port", ".own"].map(at);
        let (path, own) = (daemon.at("user/7/taken"), daemon.at("user/7/own"));
        as_user(world, 7, move || {
            assert_eq!(theirs.map(|path| refused(&path)), [Some(Errno::EACCES); 3]);
            assert_eq!(refused(&path), Some(Errno::EEXIST));
            ended(Port::create(&own, ALL).map(|_| 0))
        });
        drop(taken);
    });
}

fn a_dead_owner_s_name_is_not_another_s_to_take() {
    beside(|world, daemon, _| {
        let path = daemon.at("user/7/port");
        let port = make(&path, 0o622);
        port.chown(8, 8).unwrap();
        let right = SendRight::open(&path).unwrap();
        drop(port);
        assert_eq!(SendRight::open(&path).err(), Some(Errno::ENOENT));
        assert_eq!(right.fd().stat().unwrap().st_uid, 8, "whose it was");
        let again = path.clone();
        as_user(world, 7, move || {
            assert_eq!(refused(&again), Some(Errno::EBUSY));
            Ok(0)
        });
        drop(right);
        as_user(world, 7, move || ended(Port::create(&path, ALL).map(|_| 0)));
    });
}

fn a_name_is_its_owner_s_to_take_away() {
    beside(|world, _, path| {
        let port = make(path, 0o622);
        let right = SendRight::open(path).unwrap();
        let name = path.to_string();
        as_user(world, 7, move || {
            assert_eq!(files::unlink(&name), Err(EPERM));
            Ok(0)
        });
        files::unlink(path).unwrap();
        assert_eq!(SendRight::open(path).err(), Some(Errno::ENOENT));
        let answering = Port::new(port);
        right.send_one(super::talk::numbered(1)).unwrap();
        drop(answering);
        assert_eq!(super::talk::ends(&right), [(1, Err(Errno::ENODEV))], "rights stay good");
    });
}
