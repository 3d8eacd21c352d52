//! How a file system is made, and what it says of itself.

use std::sync::Arc;

use driver::{
    Body, Call, Class, Context, Cred, Data, Driver, Features, Node, Op, OptionValue, Options,
    Reply, Spin,
};
use driver_tmpfs::{Config, KIND};

use crate::fs::{Fs, ROOT, tick};

fn make(options: &[(&str, u64)]) -> Result<Arc<dyn Driver>, String> {
    let mut given = Options::default();
    options.iter().for_each(|(key, value)| given.set(key, OptionValue::Integer(*value)));
    (KIND.make)(&given, vec![], &Context { now: tick, wait: &Spin })
}

#[test]
fn options_say_how_the_root_is() {
    let driver = make(&[("size", 8192), ("mode", 0o1777), ("uid", 3), ("gid", 4)]).unwrap();
    let mut call = Call::new(Body::new(Op::Getattr { node: Node::ROOT }, Cred::ROOT), Data::NONE);
    assert!(call.run(&*driver, &Spin).is_ok());
    let Reply::Attr(attr) = call.body().reply else { panic!("no attributes") };
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.inode), (0o1777, 3, 4, 1));
    let description = driver.describe();
    assert_eq!((description.class, description.size), (Class::File, 8192));
    assert_eq!(description.features, Features::CONCURRENT);
}

#[test]
fn without_options_it_holds_64_mib() {
    assert_eq!(make(&[]).unwrap().describe().size, 64 << 20);
}

#[test]
fn options_out_of_range_are_named() {
    for (key, value) in [("mode", 0o10000), ("mode", u64::MAX), ("uid", 1 << 32), ("gid", 1 << 32)]
    {
        let text = make(&[(key, value)]).err().unwrap();
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn room_counts_whole_pages() {
    let statfs = Fs::with(Config { size: 10_000, ..Config::default() }).statfs();
    assert_eq!((statfs.block_size, statfs.blocks, statfs.free), (4096, 2, 2));
    let fs = Fs::with(Config { size: 0, ..Config::default() });
    let node = fs.touch(ROOT, "file");
    assert!(fs.write(node, 0, b"x").is_err());
}
