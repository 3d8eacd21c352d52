//! A client that changes its payloads while the service looks at them.

use std::collections::BTreeSet;

use driver::Op;
use libredox::{errno::*, flag::*};

use crate::{
    common::{Scribbled, World, get, parcel, put, send, words},
    shared::{ALL, PAGE, ROOT},
};

/// More that data goes through: what copies, what splits, what writes it twice.
const LAYERS: &str = r#"
[[driver]]
name = "other"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "both"
kind = "mirror"
on = ["disk", "other"]

[[driver]]
name = "top"
kind = "cache"
on = "both"
size = "64 KiB"
"#;

#[test]
fn a_payload_that_changes_while_it_is_looked_at_harms_nobody() {
    let world = World::serving(&format!("{ALL}{LAYERS}"));
    world.root(|| put("/scheme/port/tmp/file", b"12345").unwrap());
    let lookup = Op::Lookup { parent: ROOT, follow: true };
    let good = parcel(lookup, [Some(b"file"), None]);
    let (service, dir) = world.within(0, "/scheme/port/tmp", O_RDONLY | O_DIRECTORY);
    let (_, disk) = world.within(0, "/scheme/port/top", O_RDWR);
    service.enter(|| {
        let memory = Scribbled::pages(2);
        let sized = |op, len| agent::Words { len: len as u32, ..words(op) };
        let before = service.stats();
        let (mut results, mut rounds) = (BTreeSet::new(), 0);
        // Some are good, and some are not.
        while rounds < 3000 || results.len() < 2 {
            rounds += 1;
            memory.put(&good);
            let found = send(&dir, sized(lookup, good.len()), memory.lend(good.len()));
            results.insert(found.map(drop));
            let offset = rounds % 16 * 512;
            for op in [Op::Write { node: ROOT, offset }, Op::Read { node: ROOT, offset }] {
                assert_eq!(send(&disk, sized(op, PAGE), memory.lend(PAGE)), Ok(PAGE));
            }
        }
        assert_eq!(service.stats().since(&before).same_space, 3 * rounds, "none was a copy");
        drop(memory);
        // Whatever it was by the time that it was copied: a good question, or a bad one.
        let known =
            [Ok(()), Err(ENOENT), Err(EPROTO), Err(ENAMETOOLONG), Err(ESTALE), Err(ENOTDIR)];
        let odd: Vec<_> = results.iter().filter(|result| !known.contains(result)).collect();
        assert!(odd.is_empty(), "{odd:?}");
        drop((dir, disk));
    });
    world.root(|| assert_eq!(get("/scheme/port/tmp/file").unwrap(), b"12345"));
}
