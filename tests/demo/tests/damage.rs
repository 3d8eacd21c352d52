//! Hostile and damaged images: one clear error, or a failed driver, and everything else goes on.
#![cfg(not(target_os = "redox"))]

use std::{fs, os::unix::fs::FileExt, path::Path};

use indicatif::ProgressBar;
use portctl::file;
use ports::{description, image, tree::Tree, verify, world::World};

/// Where the partition begins in an image.
const PARTITION: u64 = 1 << 20;

/// A tree with a bit of everything, and an image of it.
fn prepare(dir: &Path) -> (Tree, std::path::PathBuf) {
    let top = dir.join("tree");
    fs::create_dir_all(top.join("a directory/deeper")).unwrap();
    fs::write(top.join("a directory/deeper/ünïcödé"), vec![7; 300_000]).unwrap();
    fs::write(top.join("empty"), b"").unwrap();
    for index in 0..50 {
        fs::write(top.join(format!("file {index}")), format!("{index}").repeat(1000)).unwrap();
    }
    let tree = Tree::of(&top).unwrap();
    let path = dir.join("image");
    image::make(&path, &tree, &ProgressBar::hidden()).unwrap();
    (tree, path)
}

/// Starts a daemon with the stack on the image, and a file system of its own beside it.
fn serve(world: &mut World, image: &Path) -> Result<(), String> {
    let text = description(image, "part") + "\n[[driver]]\nname = \"tmp\"\nkind = \"tmpfs\"\n";
    world.start("port", move || portd::serve("port", &text))
}

fn write_at(image: &Path, at: u64, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).open(image).unwrap().write_all_at(bytes, at).unwrap();
}

/// The daemon's reason for not starting.
fn refusal(image: &Path) -> String {
    serve(&mut World::new(), image).unwrap_err()
}

#[test]
fn an_image_that_is_whole_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = prepare(dir.path());
    let mut world = World::new();
    serve(&mut world, &image).unwrap();
    world
        .client(|| verify::compare("/scheme/port/fs", &tree, &ProgressBar::hidden()))
        .expect("nothing differs");
    world.end().unwrap();
}

#[test]
fn a_difference_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (mut tree, image) = prepare(dir.path());
    let mut world = World::new();
    serve(&mut world, &image).unwrap();
    let compare = |tree: &Tree| {
        world
            .client(|| verify::compare("/scheme/port/fs", tree, &ProgressBar::hidden()))
            .unwrap_err()
    };
    let at = tree.items.iter().position(|item| item.path == "file 7").unwrap();
    tree.items[at].mode ^= 1;
    let error = compare(&tree);
    assert!(error.contains("file 7: the mode differs"), "{error}");
    tree.items[at].mode ^= 1;
    tree.items[at].kind = ports::tree::Kind::File { digest: [0; 32] };
    let error = compare(&tree);
    assert!(error.contains("file 7: the digest differs"), "{error}");
    tree.items.remove(at);
    let error = compare(&tree);
    assert!(error.contains("file 7 is in the image but not in the tree"), "{error}");
    world.end().unwrap();
}

#[test]
fn a_truncated_image_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (_, image) = prepare(dir.path());
    let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
    file.set_len(PARTITION + (8 << 20)).unwrap();
    let error = refusal(&image);
    assert!(error.contains("driver \"part\""), "{error}");
    file.set_len(100).unwrap();
    let error = refusal(&image);
    assert!(error.contains("driver \"part\""), "{error}");
}

#[test]
fn a_corrupt_partition_table_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (_, image) = prepare(dir.path());
    let end = fs::metadata(&image).unwrap().len();
    // One copy damaged: the other one serves.
    write_at(&image, 512 + 40, &[0xff; 8]);
    let mut world = World::new();
    serve(&mut world, &image).unwrap();
    world.end().unwrap();
    write_at(&image, end - 512 + 40, &[0xff; 8]);
    let error = refusal(&image);
    assert!(error.contains("driver \"part\""), "{error}");
}

#[test]
fn an_image_that_is_no_redoxfs_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (_, image) = prepare(dir.path());
    // The header has a ring of copies.
    write_at(&image, PARTITION, &vec![0; 4096 * 256]);
    let error = refusal(&image);
    assert!(error.contains("driver \"fs\"") && error.contains("RedoxFS"), "{error}");
}

#[test]
fn a_missing_image_is_refused_with_what_to_do() {
    let error = refusal(Path::new("/nowhere/image"));
    assert!(error.contains("can't open /nowhere/image") && error.contains("check"), "{error}");
}

/// Reads all that there is, whatever comes of it.
fn read_everything(path: &str) -> Result<(), portctl::Error> {
    for name in file::names(path)? {
        let inside = format!("{path}/{name}");
        match file::meta(&inside).map(|meta| meta.kind) {
            Ok("directory") => drop(read_everything(&inside)),
            Ok("file") => {
                let mut stream = file::Stream::open(&inside)?;
                drop(std::io::copy(&mut stream, &mut std::io::sink()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn damaged_blocks_fail_the_driver_and_not_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = prepare(dir.path());
    let bytes = fs::read(&image).unwrap();
    let used = PARTITION as usize..(PARTITION as usize + (3 << 20));
    let mut differed = 0;
    for round in 0..12u64 {
        let mut damaged = bytes.clone();
        // Every twelfth block behind the headers, so that all of them have their turn.
        let blocks = damaged[used.clone()].chunks_exact_mut(4096).enumerate();
        for (index, block) in blocks.filter(|(index, _)| *index > 256) {
            if index as u64 % 12 == round {
                block.iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
            }
        }
        let path = dir.path().join("damaged");
        fs::write(&path, &damaged).unwrap();
        let mut world = World::new();
        if let Err(error) = serve(&mut world, &path) {
            assert!(error.contains("driver \"fs\""), "{error}");
            differed += 1;
            continue;
        }
        let same = world.client(|| {
            let same = verify::compare("/scheme/port/fs", &tree, &ProgressBar::hidden());
            drop(read_everything("/scheme/port/fs"));
            file::mkdir("/scheme/port/tmp/other drivers go on").unwrap();
            assert_eq!(file::names("/scheme/port/tmp").unwrap(), ["other drivers go on"]);
            same
        });
        differed += u32::from(same.is_err());
        world.end().unwrap();
    }
    assert!(differed > 0, "the damage hit nothing");
}
