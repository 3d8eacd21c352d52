//! Character devices.

use driver::{Class, Data, Errno, Node, Op, Ready, Status};
use kit::{ask, read, write};

use crate::placement::everywhere;

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
