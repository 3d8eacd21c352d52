//! What is wrong with a description: where, what, why, and what to do.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// One clear error in a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1; 0 where there is none.
    pub line: usize,
    /// The key, or what stands for one.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it; empty where there is nothing to suggest.
    pub hint: String,
}

impl Fault {
    /// A fault without a suggestion.
    pub fn new(line: usize, key: &str, reason: impl Into<String>) -> Fault {
        Fault { line, key: key.into(), reason: reason.into(), hint: String::new() }
    }

    /// The same with a suggestion.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "{}: {}", self.key, self.reason)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

impl core::error::Error for Fault {}

/// The candidate that is nearest to `word`, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let kinds = ["ramdisk", "redoxfs", "tmpfs"];
        assert_eq!(nearest("ramdsik", kinds.into_iter()), Some("ramdisk"));
        assert_eq!(nearest("tmpf", kinds.into_iter()), Some("tmpfs"));
        assert_eq!(nearest("floppy", kinds.into_iter()), None);
    }
}
