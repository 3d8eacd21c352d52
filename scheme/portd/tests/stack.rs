//! Stacks over two daemons: `on = "/scheme/…"` crosses a boundary, and nothing else differs.
#![cfg(not(target_os = "redox"))]

mod common;

use common::{World, errno, get, open, put};
use host::sys;
use libredox::{Fd, errno::*, flag::*};
use service::{RowReport, StatsReport};

const LOWER: &str = r#"
[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "middle"
kind = "pass"
on = "disk"

[[driver]]
name = "part"
kind = "pass"
on = "middle"
frames = true
"#;

const UPPER: &str = r#"
[[driver]]
name = "far"
kind = "pass"
on = "/scheme/port/part"

[[driver]]
name = "top"
kind = "pass"
on = "far"
frames = true
"#;

fn two() -> World {
    let mut world = World::serving(LOWER);
    world.serve("upper", UPPER).unwrap();
    world
}

fn write(disk: &Fd, bytes: &[u8], offset: u64) -> Result<usize, i32> {
    sys::pwrite(disk.raw(), bytes, offset).map_err(|error| error.errno)
}

fn read(disk: &Fd, room: &mut [u8], offset: u64) -> Result<usize, i32> {
    sys::pread(disk.raw(), room, offset).map_err(|error| error.errno)
}

#[test]
fn what_is_written_above_arrives_below() {
    let world = two();
    world.root(|| {
        let top = open("/scheme/upper/top", O_RDWR, 0).unwrap();
        let disk = open("/scheme/port/disk", O_RDWR, 0).unwrap();
        assert_eq!(top.stat().unwrap().st_size, 1 << 20);
        let bytes: Vec<u8> = (0..100 * 512).map(|i| (i % 251) as u8).collect();
        let mut back = vec![0; bytes.len()];
        assert_eq!(write(&top, &bytes, 4096), Ok(bytes.len()));
        assert_eq!(read(&disk, &mut back, 4096), Ok(bytes.len()));
        assert_eq!(back, bytes);
        assert_eq!(write(&disk, &[1; 512], 8192), Ok(512));
        assert_eq!(read(&top, &mut back[..600], 8192 - 44), Ok(600));
        assert!(back[44..556].iter().all(|byte| *byte == 1) && back[43] != 1);
        assert_eq!(write(&top, &[0; 512], 1 << 20), Err(ENOSPC));
        assert_eq!(write(&top, &[0; 100], 0), Err(EINVAL));
        assert_eq!(errno(top.fsync()), Ok(()));
    });
}

#[test]
fn a_partition_of_an_image_is_served_to_another_daemon() {
    let image = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0; 1 << 20];
    // One entry: type 0x83, from block 8 on, 16 blocks.
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..][..4].copy_from_slice(&8u32.to_le_bytes());
    bytes[446 + 12..][..4].copy_from_slice(&16u32.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(image.path(), &bytes).unwrap();
    let lower = format!(
        "[[driver]]\nname = \"image\"\nkind = \"file\"\npath = {:?}\n\
         [[driver]]\nname = \"part\"\nkind = \"partition\"\non = \"image\"\nnumber = 1",
        image.path()
    );
    let mut world = World::serving(&lower);
    world.serve("upper", UPPER).unwrap();
    world.root(|| {
        let top = open("/scheme/upper/top", O_RDWR, 0).unwrap();
        assert_eq!(top.stat().unwrap().st_size, 16 * 512);
        assert_eq!(write(&top, &[5; 1024], 512), Ok(1024));
        assert_eq!(write(&top, &[5; 1024], 16 * 512 - 512), Ok(512));
    });
    let written = std::fs::read(image.path()).unwrap();
    bytes[9 * 512..11 * 512].fill(5);
    bytes[23 * 512..24 * 512].fill(5);
    assert!(written == bytes);
}

/// What `work` cost in a daemon, by layer.
fn cost(port: &str, work: impl FnOnce()) -> Vec<RowReport> {
    let figures = open(&format!("/scheme/{port}/.stats"), O_RDONLY, 0).unwrap();
    work();
    let mut text = vec![0; 100_000];
    let count = errno(figures.read(&mut text)).unwrap();
    serde_json::from_slice::<StatsReport>(&text[..count]).unwrap().rows
}

/// Messages, crossings, translations, copies and maps of a layer.
fn row(rows: &[RowReport], layer: &str) -> [u32; 5] {
    let row = rows.iter().find(|row| row.layer == layer).expect("the layer has a row");
    [row.messages, row.crossings, row.translations, row.copies, row.maps]
}

#[test]
fn neighbours_translate_copy_and_map_nothing() {
    let world = World::serving(LOWER);
    world.root(|| {
        let part = open("/scheme/port/part", O_RDWR, 0).unwrap();
        let rows = cost("port", || {
            for block in 0..10 {
                assert_eq!(write(&part, &[1; 512], block * 512), Ok(512));
                assert_eq!(read(&part, &mut [0; 512], block * 512), Ok(512));
            }
        });
        for layer in ["part", "middle", "disk"] {
            assert_eq!(row(&rows, layer), [20, 0, 0, 0, 0], "{layer}");
        }
        let looks = |layer: &str| rows.iter().find(|row| row.layer == layer).unwrap().looks;
        assert_eq!((looks("part"), looks("middle"), looks("disk")), (0, 0, 20));
        // Each of the twenty crossed into the service, was translated there and back, and lent
        // its memory.
        let [messages, crossings, translations, copies, maps] = row(&rows, "scheme");
        assert!(messages >= 20 && crossings == messages && translations == 2 * crossings);
        assert_eq!((copies, maps), (0, 20));
    });
}

#[test]
fn a_boundary_costs_one_crossing_and_one_translation_each_way() {
    let world = two();
    world.root(|| {
        let top = open("/scheme/upper/top", O_RDWR, 0).unwrap();
        let mut below = Vec::new();
        let above = cost("upper", || {
            below = cost("port", || {
                for block in 0..10 {
                    assert_eq!(write(&top, &[1; 512], block * 512), Ok(512));
                    assert_eq!(errno(top.fsync()), Ok(()));
                }
            });
        });
        for layer in ["top", "far"] {
            assert_eq!(row(&above, layer), [20, 0, 0, 0, 0], "{layer}");
        }
        // The agent translates on the way there, for those that carry data with a copy: the
        // client's memory can't be lent on. The service below translates on the way back.
        assert_eq!(row(&above, "/scheme/port/part"), [20, 20, 20, 10, 10]);
        for layer in ["part", "middle", "disk"] {
            assert_eq!(row(&below, layer), [20, 0, 0, 0, 0], "{layer}");
        }
        let [_, crossings, translations, copies, maps] = row(&below, "scheme");
        // What is not from the agent is the reading of the figures.
        assert_eq!((translations, copies, maps), (20 + 2 * crossings, 0, 10));
    });
}

#[test]
fn figures_are_kept_only_while_somebody_reads() {
    let world = World::serving(LOWER);
    world.root(|| {
        let disk = open("/scheme/port/disk", O_RDWR, 0).unwrap();
        let one = || assert_eq!(write(&disk, &[1; 512], 0), Ok(512));
        one();
        assert_eq!(row(&cost("port", one), "disk")[0], 1);
        one();
        assert_eq!(row(&cost("port", || ()), "disk")[0], 0);
    });
}

#[test]
fn a_dead_service_below_is_an_error_and_not_a_wait() {
    let mut world = two();
    world.serve("other", "[[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"").unwrap();
    let client = world.process(0, 0);
    let top = client.enter(|| open("/scheme/upper/top", O_RDWR, 0).unwrap());
    client.enter(|| assert_eq!(write(&top, &[1; 512], 0), Ok(512)));
    world.stop(0);
    client.enter(|| {
        assert_eq!(write(&top, &[1; 512], 0), Err(ENODEV));
        assert_eq!(read(&top, &mut [0; 512], 0), Err(ENODEV));
        assert_eq!(errno(top.fsync()), Err(ENODEV));
        assert_eq!(top.stat().unwrap().st_size, 1 << 20);
        put("/scheme/other/tmp/file", b"on we go").unwrap();
        assert_eq!(get("/scheme/other/tmp/file").unwrap(), b"on we go");
        assert_eq!(open("/scheme/port/disk", O_RDWR, 0).err(), Some(ENODEV));
        drop(top);
    });
}
