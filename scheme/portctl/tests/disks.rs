//! `mkpart` and `mkfs`, on image files and on block ports; and what the drivers make of it.
#![cfg(not(target_os = "redox"))]

#[path = "../../portd/tests/common/mod.rs"]
mod common;

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use common::{World, get, list, put};
use serde_json::Value;

/// Runs the tool; what it wrote.
fn run(args: &[&str]) -> Result<String, portctl::Error> {
    let mut out = Vec::new();
    let words = std::iter::once("portctl").chain(args.iter().copied()).map(OsString::from);
    portctl::attempt(words, &mut out)?;
    Ok(String::from_utf8(out).expect("the tool writes UTF-8"))
}

#[track_caller]
fn says(args: &[&str]) -> String {
    run(args).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn fails(args: &[&str]) -> (String, u8) {
    let error = run(args).expect_err("this can't go well");
    (error.to_string(), error.exit_status())
}

#[track_caller]
fn json(args: &[&str]) -> Value {
    serde_json::from_str(&says(args)).expect("this is JSON")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// A directory with an image of zeros in it.
struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn new(size: u64) -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        fs::File::create(&path).unwrap().set_len(size).unwrap();
        Image { _dir: dir, path }
    }

    fn path(&self) -> &str {
        text(&self.path)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// A description of the image, and of what stands on it as `top`.
    fn under(&self, block: u32, top: &str) -> String {
        let path = self.path();
        format!(
            "[[driver]]\nname = \"disk\"\nkind = \"file\"\npath = \"{path}\"\n\
             block_size = {block}\n\n[[driver]]\nname = \"top\"\non = \"disk\"\n{top}\n"
        )
    }

    /// The bytes of a partition, as the driver has it; or why it has none.
    fn partition(&self, block: u32, number: u32) -> Result<u64, String> {
        let top = format!("kind = \"partition\"\nnumber = {number}");
        let plan = portd::plan(&self.under(block, &top)).map_err(|error| error.to_string())?;
        let stack = portd::build(&plan).map_err(|error| error.to_string())?;
        Ok(stack.get("top").expect("it was made").description.size)
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn partitions_written_to_an_image_are_those_that_the_driver_finds() {
    for block in [512, 4096] {
        let image = Image::new(16 * MIB);
        let said = says(&[
            "mkpart",
            image.path(),
            "--block",
            &block.to_string(),
            "size=1MiB,name=EFI system,type=efi",
            "size=2MiB,start=4MiB",
            "size=rest,name=rööt",
        ]);
        assert!(said.ends_with("\nwritten\n") && said.contains("rööt"), "{said}");
        let found = [1, 2, 3].map(|number| image.partition(block, number).unwrap());
        let backup = if block == 512 { 33 * 512 } else { 5 * 4096 };
        assert_eq!(found, [MIB, 2 * MIB, 10 * MIB - backup], "up to the backup of the table");
        assert!(image.partition(block, 4).unwrap_err().contains("no partition 4"));
    }
}

#[test]
fn what_is_written_to_a_partition_lies_where_the_tool_says() {
    let image = Image::new(8 * MIB);
    let told = json(&["mkpart", image.path(), "--json", "size=1MiB", "size=3MiB,name=two"]);
    let second = &told["partitions"][1];
    assert_eq!((second["name"].as_str(), second["type"].as_str()), (Some("two"), Some("linux")));
    assert_eq!((second["number"].as_u64(), second["bytes"].as_u64()), (Some(2), Some(3 * MIB)));
    assert_eq!((told["written"].as_bool(), told["blocks"].as_u64()), (Some(true), Some(16384)));
    let world = World::serving(&image.under(512, "kind = \"partition\"\nnumber = 2"));
    world.root(|| put("/scheme/port/top", &[7; 512]).unwrap());
    let at = second["first"].as_u64().unwrap() as usize * 512;
    let bytes = image.bytes();
    assert_eq!(bytes[at - 1..at + 513], [&[0][..], &[7; 512], &[0]].concat());
}

const DISKS: &str = r#"
[[driver]]
name = "disk"
kind = "ramdisk"
size = "8 MiB"

[[driver]]
name = "small"
kind = "ramdisk"
size = "64 KiB"

[[driver]]
name = "tmp"
kind = "tmpfs"

[[driver]]
name = "zero"
kind = "zero"
"#;

/// What is left of 8 MiB behind 3, before the backup of the table.
const REST: u64 = 5 * MIB - 33 * 512;

#[test]
fn a_table_is_written_to_a_block_port_as_to_an_image() {
    let world = World::serving(DISKS);
    let image = Image::new(0);
    world.root(|| {
        let told = json(&["mkpart", "/scheme/port/disk", "--json", "size=2MiB", "size=rest"]);
        assert_eq!(told["partitions"][1]["bytes"].as_u64(), Some(REST));
        says(&["cp", "/scheme/port/disk", image.path()]);
        assert_eq!(image.partition(512, 2), Ok(REST));
        let (error, _) = fails(&["mkpart", "/scheme/port/disk", "size=1MiB"]);
        assert!(error.ends_with("use --force to lose what that is"), "{error}");
    });
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let image = Image::new(8 * MIB);
    let dry = says(&["mkpart", image.path(), "--dry-run", "size=1MiB,name=a", "size=rest"]);
    assert!(image.bytes().iter().all(|byte| *byte == 0));
    let done = says(&["mkpart", image.path(), "size=1MiB,name=a", "size=rest"]);
    assert_eq!(dry.replace("not written", "written"), done);
}

#[test]
fn what_is_on_a_disk_is_lost_by_force_only() {
    let image = Image::new(8 * MIB);
    says(&["mkpart", image.path(), "size=1MiB", "size=1MiB", "size=1MiB"]);
    let before = image.bytes();
    for args in [&["mkpart", image.path(), "size=2MiB"][..], &["mkfs", image.path()]] {
        let (error, status) = fails(args);
        assert!(error.contains("there is something on it; use --force"), "{error}");
        assert_eq!(status, 1);
    }
    assert!(image.bytes() == before, "a refusal changes nothing");
    says(&["mkpart", image.path(), "--force", "size=2MiB"]);
    assert_eq!(image.partition(512, 1), Ok(2 * MIB));
    assert!(image.partition(512, 2).unwrap_err().contains("no partition 2"));
}

#[test]
fn marks_at_either_end_of_a_disk_are_something_on_it() {
    // An MBR's signature, an ext4 superblock, a btrfs one, the backup of a lost GPT.
    for at in [510, 1080, 65600, 8 * MIB - 512] {
        let image = Image::new(8 * MIB);
        let file = fs::OpenOptions::new().write(true).open(&image.path).unwrap();
        file.write_all_at(&[0x55], at).unwrap();
        for command in ["mkpart", "mkfs"] {
            let (error, _) = fails(&[command, image.path()]);
            assert!(error.contains("there is something on it"), "{command} {at}: {error}");
        }
    }
}

#[test]
fn partitions_that_make_no_sense_are_refused_with_their_number() {
    let image = Image::new(8 * MIB);
    let cases: [(&[&str], &str); 11] = [
        (
            &["size=1MiB", "size=7MiB"],
            "partition 2: there is no room for 7340032 bytes: the largest",
        ),
        (&["size=rest", "size=rest"], "partition 2: there is no room for 0 bytes"),
        (
            &["size=1MiB,start=1MiB", "size=1MiB,start=1MiB"],
            "partition 2: 1048576 bytes from 1048576",
        ),
        (
            &["size=2MiB,start=2MiB", "size=2MiB,start=1MiB"],
            "partition 2: 2097152 bytes from 1048576",
        ),
        (&["size=1MiB,start=0"], "partition 1: 1048576 bytes from 0 on overlap"),
        (&["size=2MiB,start=7MiB"], "overlap another partition, the table, or the disk's end"),
        (&["size=1MiB,start=1000000"], "start=1000000 is no multiple of --align, 1048576 bytes"),
        (&["size=1000"], "a size of 1000 bytes is no multiple of its block, 512"),
        (&["size=0"], "a size of 0 bytes is no multiple"),
        (&["--align", "100", "size=1MiB"], "--align is no multiple of its block, 512 bytes"),
        (&["size=16EiB"], "no size"),
    ];
    for (args, expected) in cases {
        let args = [&["mkpart", image.path()], args].concat();
        let (error, _) = fails(&args);
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    assert!(image.bytes().iter().all(|byte| *byte == 0), "nothing was written");
}

#[test]
fn a_table_takes_128_partitions_where_there_is_room() {
    let image = Image::new(8 * MIB);
    let mut args = vec!["mkpart", image.path(), "--align", "4KiB"];
    args.extend(std::iter::repeat_n("size=4KiB", 128));
    says(&args);
    assert_eq!(image.partition(512, 128), Ok(4096));
    let mut args = vec!["mkpart", image.path(), "--align", "4KiB", "--force"];
    args.extend(std::iter::repeat_n("size=4KiB", 129));
    let (error, _) = fails(&args);
    assert!(error.contains("partition 129: "), "{error}");
    assert_eq!(image.partition(512, 128), Ok(4096), "the old table is there");
}

#[test]
fn what_is_no_disk_or_too_small_a_one_is_said() {
    let world = World::serving(DISKS);
    let small = Image::new(20 * 512);
    let odd = Image::new(8 * MIB);
    world.root(|| {
        let cases: [(&[&str], &str); 9] = [
            (&["mkpart", small.path()], "it has 10240 bytes, too few for a table"),
            (&["mkpart", "/scheme/port/tmp"], "it is a file device, not a disk"),
            (&["mkpart", "/scheme/port/zero"], "it is a character device, not a disk"),
            (&["mkfs", "/scheme/port/zero"], "it is a character device, not a disk"),
            (&["mkfs", "/scheme/port/none"], "No such file or directory"),
            (&["mkfs", "/no/such/image"], "can't open /no/such/image: No such file"),
            (&["mkfs", "/tmp"], "is a directory"),
            (&["mkpart", odd.path(), "--block", "1000"], "give a power of two"),
            (&["mkpart", odd.path(), "--block", "1024"], "its blocks have 1024 bytes"),
        ];
        for (args, expected) in cases {
            let (error, status) = fails(args);
            assert!(error.contains(expected), "{args:?}: {error}");
            assert_eq!(status, 1);
        }
        let (error, _) = fails(&["mkfs", "/scheme/port/small"]);
        assert!(error.contains("it has 65536 bytes, and the least is 1064960"), "{error}");
    });
}

#[test]
fn a_user_without_rights_to_a_disk_can_not_write_to_it() {
    let world = World::serving(DISKS);
    world.client(5, 5, || {
        for command in ["mkpart", "mkfs"] {
            let (error, _) = fails(&[command, "/scheme/port/disk", "--force"]);
            assert!(error.contains("Permission denied"), "{error}");
        }
    });
}

#[test]
fn a_disk_that_fails_leaves_no_table_to_be_found() {
    // 33 blocks at the end, 33 at the beginning, and the MBR last.
    for cut in [1, 2, 20, 60, 66] {
        let image = Image::new(8 * MIB);
        let world =
            World::serving(&image.under(512, &format!("kind = \"fault\"\npower_cut = {cut}")));
        world.root(|| {
            let (error, _) = fails(&["mkpart", "/scheme/port/top", "size=1MiB"]);
            assert!(
                error.starts_with("can't make a partition table on /scheme/port/top: "),
                "{error}"
            );
        });
        assert!(image.partition(512, 1).unwrap_err().contains("no MBR"), "{cut}");
    }
}

/// Puts a file on the file system of an image by our driver, and reads it back.
fn use_it(image: &Image, options: &str) {
    let world = World::serving(&image.under(512, &format!("kind = \"redoxfs\"\n{options}")));
    world.root(|| {
        assert_eq!(list("/scheme/port/top").unwrap(), [""; 0], "it is empty");
        put("/scheme/port/top/file", b"contents").unwrap();
        assert_eq!(get("/scheme/port/top/file").unwrap(), b"contents");
    });
}

#[test]
fn a_file_system_made_on_an_image_is_empty_and_takes_files() {
    let image = Image::new(8 * MIB);
    let said = says(&["mkfs", image.path()]);
    assert!(said.contains("RedoxFS") && said.contains("\n2048 blocks of 4096 bytes, 17"), "{said}");
    use_it(&image, "");
}

#[test]
fn a_file_system_in_place_of_another_is_empty_too() {
    let image = Image::new(8 * MIB);
    says(&["mkfs", image.path()]);
    use_it(&image, "");
    let before = image.bytes();
    fails(&["mkfs", image.path()]);
    assert!(image.bytes() == before, "a refusal changes nothing");
    let told = json(&["mkfs", image.path(), "--force", "--json"]);
    assert_eq!((told["blocks"].as_u64(), told["encrypted"].as_bool()), (Some(2048), Some(false)));
    use_it(&image, "");
}

#[test]
fn a_file_system_on_a_partition_of_a_port_is_one_for_the_driver() {
    let image = Image::new(16 * MIB);
    says(&["mkpart", image.path(), "size=8MiB", "size=rest"]);
    let mut world = World::serving(&image.under(512, "kind = \"partition\"\nnumber = 2"));
    world.root(|| says(&["mkfs", "/scheme/port/top"]));
    let fs = "[[driver]]\nname = \"fs\"\nkind = \"redoxfs\"\non = \"/scheme/port/top\"\n";
    world.serve("files", fs).unwrap();
    world.root(|| {
        put("/scheme/files/fs/file", b"on a partition").unwrap();
        assert_eq!(get("/scheme/files/fs/file").unwrap(), b"on a partition");
    });
    assert_eq!(image.partition(512, 1), Ok(8 * MIB), "the table is as it was");
}

#[test]
fn an_encrypted_file_system_opens_with_its_password_only() {
    let image = Image::new(8 * MIB);
    let key = image.path.with_file_name("key");
    fs::write(&key, "\n").unwrap();
    let (error, _) = fails(&["mkfs", image.path(), "--password", text(&key)]);
    assert!(error.ends_with("its first line is empty"), "{error}");
    fs::write(&key, "correct horse\nand no more").unwrap();
    let said = says(&["mkfs", image.path(), "--password", text(&key)]);
    assert!(said.contains(", encrypted\n") && !said.contains("horse"), "{said}");
    let refusal = |options: &str| {
        let plan = portd::plan(&image.under(512, options)).unwrap();
        portd::build(&plan).err().expect("it can't be mounted").to_string()
    };
    assert!(refusal("kind = \"redoxfs\"").contains("give its password"));
    assert!(refusal("kind = \"redoxfs\"\npassword = \"wrong\"").contains("does not fit"));
    use_it(&image, "password = \"correct horse\"");
}
