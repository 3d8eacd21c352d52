//! Character devices.

use std::sync::Arc;

use driver::{Bytes, Class, Data, Driver, Errno, Node, Op, Ready, Status};
use kit::{ask, flush, read, write, write_at};

use crate::{aborts::ended, placement::everywhere};

/// Threads that ask for the same at once.
fn together(driver: &Arc<dyn Driver>, count: usize) {
    std::thread::scope(|scope| {
        for offset in 0..4 {
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut room = [9; 5000];
                    assert_eq!(read(&**driver, offset, &mut room).result(), Ok(count.min(5000)));
                    assert!(room[..count.min(5000)].iter().all(|byte| *byte == 0));
                    assert_eq!(write(&**driver, offset, &room), Status::ok(5000));
                }
            });
        }
    });
}

pub(crate) fn every_character_driver_is_the_model_in_every_placement() {
    for kind in ["null", "zero"] {
        for (layers, top) in [
            ("", "top"),
            ("pass", "bottom"),
            ("trace", "bottom"),
            ("fault", "bottom"),
            ("tally", "bottom"),
        ] {
            let mut text = format!("[[driver]]\nname = \"{top}\"\nkind = \"{kind}\"\n");
            if !layers.is_empty() {
                text +=
                    &format!("[[driver]]\nname = \"top\"\nkind = \"{layers}\"\non = \"bottom\"\n");
            }
            everywhere(&text, |placement, driver| {
                assert_eq!(driver.describe().class, Class::Character, "{placement}");
                for (offset, len) in [(0, 0), (0, 1), (7, 4096), (u64::MAX - 9, 100)] {
                    let mut room = vec![9; len];
                    let count = if kind == "zero" { len } else { 0 };
                    assert_eq!(read(&*driver, offset, &mut room), Status::ok(count));
                    assert!(room[..count].iter().all(|byte| *byte == 0));
                    assert_eq!(write(&*driver, offset, &vec![1; len]), Status::ok(len));
                }
                together(&driver, if kind == "zero" { usize::MAX } else { 0 });
                ended(&driver, write_at(0), Bytes::Source(vec![1; 4096]), Status::ok(4096));
                assert_eq!(flush(&*driver), Status::OK);
                let interest = Ready::READ | Ready::WRITE;
                let ready = ask(&*driver, Op::Poll { interest }, Data::NONE);
                assert_eq!(ready, Status::ok(interest.bits().into()));
                let node = Node::ROOT;
                for op in
                    [Op::Statfs, Op::Truncate { node, len: 0 }, Op::Discard { offset: 0, len: 1 }]
                {
                    assert_eq!(ask(&*driver, op, Data::NONE), Errno::EOPNOTSUPP.into(), "{op:?}");
                }
            });
        }
    }
}
