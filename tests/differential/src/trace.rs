//! Steps as text, one a line, and shrinking.

use driver::Errno;
use serde::{Deserialize, Serialize};

/// What came of a step: bytes that were read or a value in words.
pub type Outcome = Result<Vec<u8>, Errno>;

/// Something that takes steps: a driver or its model.
pub trait Subject {
    /// Takes a step.
    fn step(&mut self, step: &Step) -> Outcome;
}

/// Something to do. Paths are from the root; a slot holds a file that stays open; to empty a file
/// system is to remove all names, one by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as the operations")]
pub enum Step {
    Read { at: u64, len: usize },
    Write { at: u64, len: usize, seed: u8 },
    Discard { at: u64, len: u64 },
    Flush,
    Empty,
    Mkdir { path: String, mode: u16 },
    Create { path: String, mode: u16, exclusive: bool },
    ReadFile { path: String, at: u64, len: usize },
    WriteFile { path: String, at: Option<u64>, len: usize, seed: u8 },
    Truncate { path: String, len: u64 },
    Symlink { path: String, target: String },
    Readlink { path: String },
    Link { path: String, to: String },
    Unlink { path: String, dir: bool },
    Rename { path: String, to: String },
    List { path: String, room: usize },
    Stat { path: String, follow: bool },
    Setattr { path: String, mode: Option<u16>, uid: Option<u32>, gid: Option<u32> },
    Open { slot: usize, path: String },
    Close { slot: usize },
    ReadSlot { slot: usize, at: u64, len: usize },
    WriteSlot { slot: usize, at: u64, len: usize, seed: u8 },
}

/// Steps, and on what they are taken: all that a replay needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The name of the stack.
    pub stack: String,
    /// Where it is placed.
    pub placement: String,
    /// The steps.
    pub steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    stack: String,
    placement: String,
}

impl Trace {
    /// JSON lines: what it runs on, then a step each.
    pub fn to_text(&self) -> String {
        let head = Head { stack: self.stack.clone(), placement: self.placement.clone() };
        let json = "these types are always JSON";
        let lines = self.steps.iter().map(|step| serde_json::to_string(step).expect(json));
        let head = serde_json::to_string(&head).expect(json);
        core::iter::once(head).chain(lines).map(|line| line + "\n").collect()
    }

    /// Reads what [`to_text`](Trace::to_text) wrote; empty lines are left out. The text of an
    /// error says in which line what is wrong.
    pub fn from_text(text: &str) -> Result<Trace, String> {
        let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let wrong = |at: usize, error: serde_json::Error| format!("line {at}: {error}");
        let (head, at) = lines.next().ok_or("it is empty: the first line says the stack")?;
        let Head { stack, placement } = serde_json::from_str(head).map_err(|e| wrong(at, e))?;
        let step = |(line, at)| serde_json::from_str(line).map_err(|error| wrong(at, error));
        Ok(Trace { stack, placement, steps: lines.map(step).collect::<Result<_, _>>()? })
    }
}

/// Takes steps out for as long as what is left fails still: larger pieces first, then single
/// ones.
pub fn shrink(mut steps: Vec<Step>, fails: &mut dyn FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut piece = steps.len().div_ceil(2).max(1);
    loop {
        let (before, mut at) = (steps.len(), 0);
        while at < steps.len() {
            let end = steps.len().min(at + piece);
            let fewer = [&steps[..at], &steps[end..]].concat();
            if fails(&fewer) {
                steps = fewer;
            } else {
                at = end;
            }
        }
        match piece {
            1 if steps.len() == before => return steps,
            1 => {}
            _ => piece = piece.div_ceil(2),
        }
    }
}

/// The bytes that a seed makes: they tell places apart.
pub(crate) fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| seed.wrapping_mul(31).wrapping_add((at / 7) as u8)).collect()
}

/// A value as what came of a step.
pub(crate) fn said(value: impl core::fmt::Debug) -> Outcome {
    Ok(format!("{value:?}").into_bytes())
}
