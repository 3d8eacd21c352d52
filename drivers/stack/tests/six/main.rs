//! A stack of six: it carries a tree, survives a power cut at any write, and the loss of a half
//! of a mirror under load.
//!
//! A cut is made from a log of the writes to all images: what stood on them after so many, the
//! last of them torn, is what the stack is set up on anew. `SIX_CUTS` says how many cuts are
//! tried (15 below each kind of cache); `SIX_ROUNDS`, how long the load goes on (12).

mod tree;
mod world;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use driver::Features;
use tree::{Step, Tree, read, script};
use world::{Mounted, World, Written};

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn rounds() -> usize {
    number("SIX_ROUNDS", 12)
}

/// What was to be seen after a step, and how many writes to images there had been by then.
struct Moment {
    tree: Tree,
    writes: usize,
}

/// Runs steps, and notes each moment; the first one is that before them.
fn run(world: &World, mounted: &Mounted, steps: &[Step]) -> Vec<Moment> {
    let writes = || world.log.lock().unwrap().len();
    let (files, mut tree) = (mounted.files(), Tree::new());
    let mut moments = vec![Moment { tree: tree.clone(), writes: writes() }];
    for step in steps {
        assert_eq!(step.run(&files), Ok(()), "{step:?}");
        step.foresee(&mut tree);
        moments.push(Moment { tree: tree.clone(), writes: writes() });
    }
    moments
}

fn tend(mounted: &Mounted) {
    while mounted.tend() {}
    assert_eq!(mounted.figures().0, 0, "no image lacks anything");
}

fn assert_mirrored(world: &World) {
    let [one, two, three, four] = world.contents();
    assert!(one == two && three == four, "the halves are equal");
}

/// Compares without printing all that the trees hold.
#[track_caller]
fn assert_tree(found: &Tree, expected: &Tree) {
    let keys: Vec<_> = expected.keys().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), keys);
    let other = keys.into_iter().filter(|path| found[*path] != expected[*path]);
    assert_eq!(other.collect::<Vec<_>>(), [""; 0], "these have other contents");
}

#[test]
fn it_carries_a_tree_and_each_half_of_each_mirror_has_all_of_it() {
    let world = World::formatted();
    let mounted = world.mount().unwrap();
    let moments = run(&world, &mounted, &script(rounds()));
    let expected = &moments.last().unwrap().tree;
    assert_tree(&read(&mounted.files()).unwrap(), expected);
    tend(&mounted);
    drop(mounted);
    assert_mirrored(&world);
    assert_tree(&read(&world.mount().unwrap().files()).unwrap(), expected);
}

/// Puts a write where it went, or what came there before the power was cut.
fn apply(contents: &mut [Vec<u8>; 4], written: &Written, torn: bool) {
    let whole = written.bytes.len();
    let len = if torn { whole / 2 / 512 * 512 } else { whole };
    contents[written.image][written.offset..][..len].copy_from_slice(&written.bytes[..len]);
}

/// Sets the stack up on what a power cut left, and checks that it is the tree of one of these
/// moments, that it stays the same while the mirrors become equal, and that it can be worked on.
fn check_cut(world: World, moments: &[Moment], cut: usize) {
    let mounted = world.mount().unwrap_or_else(|why| panic!("cut at write {cut}: {why}"));
    let found = read(&mounted.files()).unwrap_or_else(|why| panic!("cut at write {cut}: {why}"));
    if !moments.iter().any(|moment| moment.tree == found) {
        println!("cut at write {cut}: none of {} trees; the last:", moments.len());
        assert_tree(&found, &moments.last().unwrap().tree);
    }
    tend(&mounted);
    assert_mirrored(&world);
    drop(mounted);
    // The other halves alone say the same.
    for first in [0, 2] {
        world.images[first].fail_during(0..usize::MAX);
    }
    let mounted = world.mount_on_others().unwrap();
    assert_tree(&read(&mounted.files()).unwrap(), &found);
    let after = [Step::Create("after".into()), Step::Write("after".into(), 0, vec![1; 5000])];
    after.iter().for_each(|step| assert_eq!(step.run(&mounted.files()), Ok(())));
}

/// Cuts the power at some of the writes of a run. What may be found after a cut at a write is one of
/// `range`'s moments of that before which the write was.
fn cut(write_back: bool, range: impl Fn(usize, &[Step]) -> std::ops::RangeInclusive<usize>) {
    let world = World::formatted().writing_back(write_back);
    let mut contents = world.contents();
    // Mounting writes, too, and so does making the mirrors equal.
    let mounted = world.mount().unwrap();
    tend(&mounted);
    let steps = script(rounds());
    let moments = run(&world, &mounted, &steps);
    let log = std::mem::take(&mut *world.log.lock().unwrap());
    let every = (log.len() / number("SIX_CUTS", 15)).max(1);
    assert!(log.len() > 200, "{} writes", log.len());
    for (number, written) in log.iter().enumerate() {
        if number % every == 0 {
            let after = moments.iter().position(|moment| moment.writes > number).unwrap();
            let mut torn = contents.clone();
            apply(&mut torn, written, true);
            let world = World::of(&torn).writing_back(write_back);
            check_cut(world, &moments[range(after, &steps)], number + 1);
        }
        apply(&mut contents, written, false);
    }
}

#[test]
fn after_a_power_cut_at_any_write_it_mounts_and_has_what_was_done() {
    cut(false, |after, _| after.saturating_sub(1)..=after);
}

#[test]
fn with_a_cache_that_writes_back_it_mounts_and_has_what_was_synced() {
    cut(true, |after, steps| {
        // Step n leads to moment n + 1.
        let before = &steps[..after.saturating_sub(1)];
        let synced = before.iter().rposition(|step| matches!(step, Step::Sync));
        synced.map_or(0, |step| step + 1)..=after
    });
}

#[test]
fn what_writes_back_is_known_to_all_that_stand_on_it() {
    for write_back in [false, true] {
        let world = World::formatted().writing_back(write_back);
        let stack = world.stack_up_to("files").unwrap();
        let says = |name: &str| {
            stack.get(name).unwrap().description.features.contains(Features::WRITES_BACK)
        };
        assert_eq!([says("kept"), says("plain")], [write_back; 2]);
        assert!(["left", "volume", "fs"].iter().all(|name| !says(name)));
        // The same from below a mirror and a stripe.
        let other = [
            "[[driver]]\nname = \"kept\"\nkind = \"cache\"\non = \"/scheme/image-1/disk\"\n",
            world::THROUGH,
            "\n[[driver]]\nname = \"both\"\nkind = \"mirror\"\n",
            "on = [\"kept\", \"/scheme/image-2/disk\"]\n",
            "[[driver]]\nname = \"all\"\nkind = \"stripe\"\n",
            "on = [\"/scheme/image-3/disk\", \"both\"]\n",
        ];
        let all = world.build(&other.concat()).unwrap().get("all").unwrap().description;
        assert_eq!(all.features.contains(Features::WRITES_BACK), write_back);
    }
}

#[test]
fn the_loss_of_a_half_under_load_is_not_seen_and_it_comes_back() {
    for lost in 0..4 {
        let world = World::formatted();
        let mounted = world.mount().unwrap();
        tend(&mounted);
        world.log.lock().unwrap().clear();
        world.images[lost].fail_during(100..250);
        let ended = AtomicBool::new(false);
        let moments = std::thread::scope(|scope| {
            // The host has time now and then.
            scope.spawn(|| {
                while !ended.load(SeqCst) {
                    mounted.tend();
                    std::thread::yield_now();
                }
            });
            let ends = Ends(&ended);
            let moments = run(&world, &mounted, &script(rounds()));
            drop(ends);
            moments
        });
        assert!(moments.last().unwrap().writes > 250, "it came back under load");
        assert!(mounted.figures().1 > 0, "it was asked for something while it was lost");
        tend(&mounted);
        assert_mirrored(&world);
        assert_tree(&read(&mounted.files()).unwrap(), &moments.last().unwrap().tree);
    }
}

/// Says so at its end, even by a panic.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
