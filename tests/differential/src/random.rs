//! Steps that a seed makes.

use fastrand::Rng;

use crate::trace::Step;

/// Steps on a device of `size` bytes in blocks of `block`: most inside it and of whole blocks.
pub fn block_steps(seed: u64, size: usize, block: usize, count: usize) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| block_step(&mut rng, size, block)).collect()
}

fn block_step(rng: &mut Rng, size: usize, block: usize) -> Step {
    let blocks = size / block;
    let (at, len) = match rng.u8(0..16) {
        0 => (rng.usize(0..size), rng.usize(0..4 * block)),
        1 | 2 => (rng.usize(blocks - 3..blocks + 3) * block, rng.usize(0..6) * block),
        3 => (rng.usize(0..blocks) * block, rng.usize(0..=blocks) * block),
        _ => (rng.usize(0..blocks) * block, rng.usize(0..24.min(blocks)) * block),
    };
    let at = at as u64;
    match rng.u8(0..20) {
        0 => Step::Flush,
        1 | 2 => Step::Discard { at, len: len as u64 },
        3..11 => Step::Read { at, len },
        _ => Step::Write { at, len, seed: rng.u8(..) },
    }
}

/// Steps on a file system.
pub fn file_steps(seed: u64, count: usize) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|_| file_step(&mut rng)).collect()
}

/// Up to three names; few, so that steps meet.
fn path(rng: &mut Rng) -> String {
    let depth = [1, 1, 2, 2, 3][rng.usize(0..5)];
    let names: Vec<&str> = (0..depth).map(|_| ["a", "b", "c", "dd"][rng.usize(0..4)]).collect();
    names.join("/")
}

fn target(rng: &mut Rng) -> String {
    let path = path(rng);
    if rng.bool() { format!("../{path}") } else { path }
}

fn mode(rng: &mut Rng) -> u16 {
    [0o777, 0o755, 0o700, 0o644, 0o600, 0o000, 0o1777][rng.usize(0..7)]
}

fn maybe<T>(rng: &mut Rng, value: T) -> Option<T> {
    rng.bool().then_some(value)
}

fn file_step(rng: &mut Rng) -> Step {
    let (path, slot, seed) = (path(rng), rng.usize(0..4), rng.u8(..));
    let at = if rng.u8(0..4) == 0 { 0 } else { rng.u64(0..20_000) };
    let len = [0, 1, 100, 4096, 4097, rng.usize(0..9000)][rng.usize(0..6)];
    match rng.u8(0..46) {
        0..5 => Step::Mkdir { path, mode: mode(rng) },
        5..10 => Step::Create { path, mode: mode(rng), exclusive: rng.u8(0..4) == 0 },
        10..16 => Step::WriteFile { path, at: maybe(rng, at), len, seed },
        16..19 => Step::ReadFile { path, at, len },
        19..21 => Step::Truncate { path, len: at },
        21 => Step::Symlink { path, target: target(rng) },
        22 => Step::Readlink { path },
        23..25 => Step::Link { path, to: self::path(rng) },
        25..29 => Step::Unlink { path, dir: rng.u8(0..3) == 0 },
        29..33 => Step::Rename { path, to: self::path(rng) },
        33..35 => Step::List { path, room: [64, 100, 4096][rng.usize(0..3)] },
        35..38 => Step::Stat { path, follow: rng.bool() },
        38 => {
            let (mode, id) = (mode(rng), rng.u32(0..3));
            Step::Setattr { path, mode: maybe(rng, mode), uid: maybe(rng, id), gid: maybe(rng, id) }
        }
        39..41 => Step::Open { slot, path },
        41 => Step::Close { slot },
        42 => Step::ReadSlot { slot, at, len },
        43..45 => Step::WriteSlot { slot, at, len, seed },
        // Directories are moved below others, out of reach of short paths.
        _ if rng.u8(0..40) == 0 => Step::Empty,
        _ => Step::Flush,
    }
}
