//! What drivers do and tell of themselves in a daemon.

use driver::{Driver, Status};
use kit::{read, write};
use service::Remote;

use crate::common::{World, get, open};

/// What a driver reports, a value a line.
fn told(name: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8(get("/scheme/port/.trace").unwrap()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["driver"] == name).map(|mut line| line["report"].take()).collect()
}

#[test]
fn a_daemon_does_the_work_that_nobody_asks_for() {
    let disk = |name: &str| {
        format!("[[driver]]\nname = \"{name}\"\nkind = \"ramdisk\"\nsize = \"2 MiB\"\n")
    };
    let text = [
        disk("one"),
        disk("other"),
        "[[driver]]\nname = \"slow\"\nkind = \"fault\"\non = \"one\"\ndelay = 200\n".into(),
        "[[driver]]\nname = \"both\"\nkind = \"mirror\"\non = [\"slow\", \"other\"]\nrebuild = 2\n"
            .to_string(),
    ]
    .concat();
    let world = World::serving(&text);
    world.root(|| {
        let both = Remote::connect("/scheme/port/both").unwrap();
        assert_eq!(both.describe().size, 2 << 20);
        // What is delayed goes on though nobody else asks for anything.
        for at in 0..20 {
            assert_eq!(write(&both, at * 512, &[at as u8 + 1; 512]), Status::ok(512));
        }
        while told("both").iter().any(|half| half["stale"] != 0) {
            std::thread::yield_now();
        }
        let other = Remote::connect("/scheme/port/other").unwrap();
        let mut room = vec![0; 20 * 512];
        assert_eq!(read(&other, 0, &mut room), Status::ok(room.len()));
        assert!(room.chunks(512).zip(1..).all(|(block, at)| block == [at; 512]));
    });
}

#[test]
fn what_drivers_tell_is_for_root_alone() {
    let text = "[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = 4096\n\
                [[driver]]\nname = \"seen\"\nkind = \"trace\"\non = \"disk\"\n";
    let world = World::serving(text);
    world.root(|| {
        let seen = Remote::connect("/scheme/port/seen").unwrap();
        assert_eq!(write(&seen, 512, &[1; 1024]), Status::ok(1024));
        let told = told("seen");
        let last = told.last().unwrap();
        assert_eq!(
            (&last["op"], &last["offset"], &last["len"]),
            (&"write".into(), &512.into(), &1024.into())
        );
        assert!(last["nanoseconds"].as_u64().unwrap() < 60_000_000_000);
    });
    let flags = libredox::flag::O_RDONLY;
    let refused = world.client(1, 1, || open("/scheme/port/.trace", flags, 0).err());
    assert_eq!(refused, Some(libredox::errno::EACCES));
}
