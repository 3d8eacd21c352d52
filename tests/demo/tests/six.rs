//! The stack of six carries the demonstration's tree, wherever it is cut, and loses halves of its
//! mirrors under load. Daemons and tools are programs, over a kernel that is one.
//!
//! `SIX_TREE` is the tree, a directory, or `project` for this project's files; without it, it is a
//! small one.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Stdio},
};

use common::Place;
use driver::Spin;
use indicatif::ProgressBar;
use ports::{compare, image, tree::Tree};
use redoxfs_disk::PortDisk;

const SIX: &str = include_str!("../../../drivers/stack/tests/six/six.toml");
const IMAGES: [&str; 4] = ["image-1", "image-2", "image-3", "image-4"];

/// The images with the tree on them, its list, and how the stack on them is described.
struct Six {
    place: Place,
    images: [String; 4],
    /// The mirrors on the images, which are other daemons'; what stands on them.
    mirrors: String,
    rest: String,
}

impl Six {
    fn new() -> Six {
        let place = Place::new();
        let tree = tree(&place.path("tree"));
        compare::write(&place.path("list"), &tree).unwrap();
        fs::write(place.path("key"), (0..64).collect::<Vec<u8>>()).unwrap();
        let key = format!("{:?}", place.path("key"));
        let six = SIX.replace("\"/etc/six.key\"", &key);
        let (mirrors, rest) = six.split_at(six.find("[[driver]]\nname = \"volume\"").unwrap());
        let images = IMAGES.map(|name| {
            let file = File::create(place.path(&format!("{name}.disk"))).unwrap();
            file.set_len(room(&tree) / 2).unwrap();
            let path = place.path(&format!("{name}.disk"));
            format!("[[driver]]\nname = \"disk\"\nkind = \"file\"\npath = {path:?}\n\n")
        });
        let six = Six { images, mirrors: mirrors.into(), rest: rest.into(), place };
        six.fill(&tree);
        six
    }

    /// Puts the tree on the images, by the file system's own library on the rest of the stack.
    fn fill(&self, tree: &Tree) {
        let text = self.whole();
        let below = &text[..text.find("[[driver]]\nname = \"fs\"").unwrap()];
        let stack = portd::build(&portd::plan(below).unwrap()).unwrap();
        let plain = stack.get("plain").unwrap();
        let disk = PortDisk::new(plain.port.clone(), plain.description.size, &Spin);
        let mut disk = image::populate(disk, &[], tree, &ProgressBar::hidden()).unwrap();
        disk.flush().unwrap();
    }

    /// All of it for one daemon.
    fn whole(&self) -> String {
        let mut text = String::new();
        for (name, image) in IMAGES.iter().zip(&self.images) {
            text += &image.replace("\"disk\"", &format!("{name:?}"));
        }
        text += &self.mirrors;
        for name in IMAGES {
            text = text.replace(&format!("/scheme/{name}/disk"), name);
        }
        text + &self.rest
    }

    /// What stands on mirrors of a daemon of theirs.
    fn on_mirrors(&self) -> String {
        let apart = "on = [\"/scheme/mirrors/left\", \"/scheme/mirrors/right\"]";
        self.rest.replace("on = [\"left\", \"right\"]", apart)
    }

    /// Starts daemons, bottom first.
    fn start(&self, daemons: &[(String, String)]) -> Daemons<'_> {
        let start = |(name, text): &(String, String)| self.place.daemon(name, text);
        Daemons { place: &self.place, programs: daemons.iter().map(start).collect() }
    }

    /// A program that compares all that is below `root` with the tree, writes there, reads that back
    /// and takes it away.
    fn comparing(&self, root: &str) -> Child {
        let list = self.place.path("list");
        let args = ["compare", list.to_str().unwrap(), root];
        self.place.ports(&args).stderr(Stdio::inherit()).spawn().unwrap()
    }

    /// The same with a tree that was asked for; else less is written, and read back.
    fn compare(&self, root: &str, at: &str) {
        if std::env::var_os("SIX_TREE").is_some() {
            assert!(self.comparing(root).wait().unwrap().success(), "{at}");
            return;
        }
        let list = self.place.path("list");
        self.run(&["compare", "--read-only", list.to_str().unwrap(), root], at);
        // What is called so is no part of the tree.
        let (bytes, new) = (at.repeat(9000), format!("{root}/written by the demo"));
        fs::write(self.place.path("new"), &bytes).unwrap();
        self.run(&["portctl", "cp", self.place.path("new").to_str().unwrap(), &new], at);
        assert!(self.run(&["portctl", "cat", &new], at) == bytes.as_bytes(), "{at}");
    }

    /// Runs a program to its good end; what it printed.
    fn run(&self, args: &[&str], at: &str) -> Vec<u8> {
        let output = self.place.ports(args).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{at}: {args:?}");
        output.stdout
    }

    /// What the halves of the mirrors say of themselves, summed up: bytes that they lack, requests
    /// that they failed.
    fn figures(&self) -> [u64; 2] {
        let told = self.run(&["portctl", "trace", "--port", "/scheme/mirrors"], "figures");
        let mut sums = [0; 2];
        for line in String::from_utf8(told).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            for (sum, figure) in sums.iter_mut().zip(["stale", "failed"]) {
                *sum += line["report"][figure].as_u64().unwrap();
            }
        }
        sums
    }

    /// Waits until all halves are equal.
    fn settle(&self) {
        while self.figures()[0] > 0 {
            std::thread::yield_now();
        }
    }
}

/// Programs that end with this, the topmost first.
struct Daemons<'p> {
    place: &'p Place,
    programs: Vec<Child>,
}

impl Drop for Daemons<'_> {
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            self.place.kill(program);
        }
    }
}

fn tree(top: &Path) -> Tree {
    match std::env::var("SIX_TREE") {
        Ok(project) if project == "project" => Tree::project().unwrap(),
        Ok(dir) => Tree::of(Path::new(&dir)).unwrap(),
        Err(_) => {
            small(top).unwrap();
            Tree::of(top).unwrap()
        }
    }
}

/// Bytes that hold the tree, and what is written beside it.
fn room(tree: &Tree) -> u64 {
    let files = tree.items.len() as u64 * 16384;
    (tree.bytes() + tree.bytes() / 8 + files + (12 << 20)).next_multiple_of(32 << 10)
}

/// A little of everything.
fn small(top: &Path) -> std::io::Result<()> {
    let deep = (0..8).fold(top.to_path_buf(), |dir, level| dir.join(format!("level {level}")));
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("at the bottom"), b"here")?;
    fs::write(top.join("empty"), b"")?;
    fs::write(top.join(" ünïcödé 日本語"), b"text")?;
    fs::write(top.join("large"), (0..345_678).map(|at| (at % 251) as u8).collect::<Vec<_>>())?;
    for index in 0..12 {
        fs::write(top.join(format!("file {index}")), vec![index as u8; index * 997])?;
    }
    std::os::unix::fs::symlink("nowhere", top.join("dangling"))
}

fn named(name: &str, text: String) -> (String, String) {
    (name.into(), text)
}

#[test]
fn the_stack_of_six_carries_a_tree_wherever_it_is_cut() {
    let six = Six::new();
    let whole = six.whole();
    let lower = whole.split("[[driver]]\nname = \"volume\"").next().unwrap();
    let cuts = [
        ("one process", vec![named("six", whole.clone())], "/scheme/six/files"),
        (
            "the mirrors apart",
            vec![named("mirrors", lower.into()), named("six", six.on_mirrors())],
            "/scheme/six/files",
        ),
        (
            "a process a layer",
            conformance::apart(&portd::plan(&whole).unwrap(), &whole, ""),
            "/scheme/files/files",
        ),
    ];
    for (at, daemons, root) in cuts {
        let running = six.start(&daemons);
        six.compare(root, at);
        drop(running);
    }
}

#[test]
fn halves_of_the_mirrors_are_lost_under_load_and_come_back() {
    let six = Six::new();
    let image = |at: usize| named(IMAGES[at], six.images[at].clone());
    let mut images = six.start(&[0, 1, 2, 3].map(image));
    let rest = [named("mirrors", six.mirrors.clone()), named("six", six.on_mirrors())];
    let running = six.start(&rest);
    // After each loss the others are the only ones that have all.
    for lost in [[1, 2], [0, 3]] {
        six.settle();
        let failed = six.figures()[1];
        let mut load = six.comparing("/scheme/six/files");
        six.place.watch().wait_blocked(load.id(), 1).unwrap();
        for at in lost {
            six.place.kill(&mut images.programs[at]);
        }
        assert!(load.wait().unwrap().success(), "without {lost:?}");
        let now = six.figures();
        assert!(now[1] > failed && now[0] > 0, "nothing was asked of {lost:?}");
        for at in lost {
            let (name, text) = image(at);
            images.programs[at] = six.place.daemon(&name, &text);
        }
    }
    six.settle();
    drop((running, images));
    let [one, two, three, four] =
        IMAGES.map(|name| fs::read(six.place.path(&format!("{name}.disk"))).unwrap());
    assert!(one == two && three == four, "the halves are equal");
}
