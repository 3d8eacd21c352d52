//! File systems.

use std::sync::Arc;

use driver::{Attr, Bytes, Class, Cred, Data, Driver, FileKind, Node, Op, Reply, Status, Time};
use kit::{FileStep, Files, Twin, file_steps, tmpfs};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    aborts::ended,
    placement::everywhere,
    stacks::{self, Stack},
};

/// Random steps, the same at every run. Everything is asked as root: a handle of a service acts
/// for who opened it.
fn scripts(count: usize) -> Vec<Vec<FileStep>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let all = file_steps(150);
    let script = |_| {
        let steps = all.new_tree(&mut runner).expect("there are steps").current();
        steps.into_iter().map(|(_, step)| step).collect()
    };
    (0..count).map(script).collect()
}

/// Where something in a file may go wrong by one: pages of 4 KiB, records of 128 KiB, and the end.
fn edges() -> Vec<FileStep> {
    const PLACES: [u64; 9] = [0, 1, 4095, 4096, 4097, 65_535, 131_071, 131_072, 131_073];
    const LENS: [usize; 6] = [0, 1, 4095, 4096, 4097, 8192];
    let path = || "edge".to_string();
    let made = FileStep::Create { path: path(), mode: 0o644, truncate: false, exclusive: true };
    let pairs = PLACES.iter().flat_map(|at| LENS.iter().map(move |len| (*at, *len)));
    let moved = pairs.zip(1..).flat_map(|((at, len), byte)| {
        [
            FileStep::Write { open: 0, offset: Some(at), len, byte },
            FileStep::Read { open: 0, offset: at.saturating_sub(1), len: len + 2 },
        ]
    });
    let cut = PLACES.iter().rev().flat_map(|at| {
        [
            FileStep::Truncate { path: path(), len: *at },
            FileStep::Write { open: 0, offset: None, len: 1, byte: 7 },
            FileStep::Truncate { path: path(), len: at + 9000 },
            FileStep::Read { open: 0, offset: at.saturating_sub(1), len: 9002 },
        ]
    });
    [made].into_iter().chain(moved).chain(cut).collect()
}

/// What is no step: it changes nothing that could be seen, or nothing that is the same elsewhere.
fn flushed(driver: &Arc<dyn Driver>) {
    let files = Files(Arc::clone(driver));
    let flush = |node| files.status(Cred::ROOT, Op::Flush { node }, &[]);
    assert_eq!(flush(Node::ROOT), Ok(0));
    let file = files.create(Cred::ROOT, Node::ROOT, "flushed").expect("it can be made");
    assert_eq!(flush(file), Ok(0));
    let (status, reply) = files.ask(Cred::ROOT, Op::Statfs, &[], Data::NONE);
    let Reply::Statfs(figures) = reply else { panic!("{status:?}") };
    assert!(figures.block_size > 0 && figures.free <= figures.blocks, "{figures:?}");
}

/// What is the same wherever the clock and the numbers come from.
fn lasting(attr: Attr) -> Attr {
    let none = Time::default();
    Attr { inode: 0, atime: none, mtime: none, ctime: none, ..attr }
}

/// The same where another file system has it: how large a directory is, and in what it is kept, is
/// its own affair.
fn of_any(attr: Attr) -> Attr {
    let attr = Attr { blocks: 0, block_size: 0, ..lasting(attr) };
    match attr.kind {
        FileKind::Directory => Attr { size: 0, links: 0, ..attr },
        _ => attr,
    }
}

/// What is to be seen of a stack: a RedoxFS is compared with another file system, whose listings
/// have an order of their own.
struct Look {
    attr: fn(Attr) -> Attr,
    sorted: bool,
}

impl Look {
    fn at(stack: &Stack) -> Look {
        match stack.name.contains("redoxfs") {
            true => Look { attr: of_any, sorted: true },
            false => Look { attr: lasting, sorted: false },
        }
    }

    /// The root is everybody's, in each of them.
    fn twin(&self, driver: Arc<dyn Driver>) -> Twin {
        let mut twin = Twin::seen_as(driver, self.attr);
        let open =
            FileStep::Setattr { path: String::new(), mode: Some(0o777), uid: None, gid: None };
        twin.step(0, &open);
        twin
    }

    /// What was seen, in an order that does not depend on the file system.
    fn told(&self, seen: String, by: char) -> String {
        if !self.sorted {
            return seen;
        }
        let mut parts: Vec<&str> = seen.split(by).collect();
        parts.sort_unstable();
        parts.concat()
    }

    fn step(&self, twin: &mut Twin, step: &FileStep) -> String {
        let seen = twin.step(0, step);
        match step {
            FileStep::Readdir { .. } => self.told(seen, ' '),
            _ => seen,
        }
    }

    fn tree(&self, twin: &Twin) -> String {
        self.told(twin.tree(), '\n')
    }
}

pub(crate) fn every_file_driver_is_the_model_in_every_placement() {
    let mut scripts = scripts(3);
    scripts.push(edges());
    for stack in stacks::file() {
        let look = Look::at(&stack);
        for script in &scripts {
            everywhere(&stack.text, |placement, driver| {
                assert_eq!(driver.describe().class, Class::File);
                let (mut model, mut twin) = (look.twin(tmpfs(1 << 20)), look.twin(driver));
                for step in script {
                    let (expected, got) = (look.step(&mut model, step), look.step(&mut twin, step));
                    assert_eq!(expected, got, "{} {placement}: {step:?}", stack.name);
                }
                assert_eq!(look.tree(&model), look.tree(&twin), "{} {placement}", stack.name);
                let getattr = Op::Getattr { node: Node::ROOT };
                ended(&twin.files.0, getattr, Bytes::None, Status::OK);
                flushed(&twin.files.0);
            });
        }
    }
}

/// The same step below a directory of one's own.
fn below(dir: &str, mut step: FileStep) -> FileStep {
    use FileStep::*;
    let into = |path: &mut String| *path = format!("{dir}/{path}");
    match &mut step {
        Lookup { path, .. }
        | Create { path, .. }
        | Open { path, .. }
        | Truncate { path, .. }
        | Getattr { path }
        | Setattr { path, .. }
        | Mkdir { path, .. }
        | Symlink { path, .. }
        | Readlink { path }
        | Unlink { path, .. }
        | Readdir { path } => into(path),
        Link { path, to } | Rename { path, to } => {
            into(path);
            into(to);
        }
        Close { .. } | Read { .. } | Write { .. } => {}
    }
    step
}

/// Threads that each have a directory: whatever the others do meanwhile, each sees what the model
/// does, and so does who looks at all in the end.
pub(crate) fn what_several_do_at_once_ends_as_the_model_in_every_placement() {
    const DIRS: [&str; 3] = ["one", "two", "three"];
    let scripts = scripts(DIRS.len());
    let scripts: Vec<Vec<FileStep>> = DIRS
        .iter()
        .zip(scripts)
        .map(|(dir, script)| script.into_iter().map(|step| below(dir, step)).collect())
        .collect();
    let make = |twin: &mut Twin| {
        for dir in DIRS {
            twin.step(0, &FileStep::Mkdir { path: dir.into(), mode: 0o755 });
        }
    };
    // Layers without a state of their own have nothing that one could see of another.
    let plain = ["pass", "trace", "fault", "tally"];
    for stack in stacks::file().into_iter().filter(|stack| !plain.contains(&stack.name)) {
        let look = Look::at(&stack);
        let model = tmpfs(1 << 20);
        make(&mut look.twin(Arc::clone(&model)));
        let run = |driver: &Arc<dyn Driver>, script: &Vec<FileStep>| -> Vec<String> {
            let mut twin = look.twin(Arc::clone(driver));
            script.iter().map(|step| look.step(&mut twin, step)).collect()
        };
        let expected: Vec<Vec<String>> = scripts.iter().map(|script| run(&model, script)).collect();
        let tree = look.tree(&look.twin(model));
        everywhere(&stack.text, |placement, driver| {
            make(&mut look.twin(Arc::clone(&driver)));
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    scripts.iter().map(|script| scope.spawn(|| run(&driver, script))).collect();
                for (thread, expected) in threads.into_iter().zip(&expected) {
                    assert_eq!(&thread.join().unwrap(), expected, "{} {placement}", stack.name);
                }
            });
            assert_eq!(look.tree(&look.twin(driver)), tree, "{} {placement}", stack.name);
        });
    }
}
