//! What valgrind sees of `program CASE COUNT`, which does something `COUNT` times. `None` where
//! valgrind is missing, or the program fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

const COUNT: u64 = 1_999;

fn run(options: &[&str], program: &Path, case: &str, count: u64) -> Option<String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(options).arg(program).args([case, &count.to_string()]);
    let run = valgrind.output().ok()?;
    run.status.success().then(|| String::from_utf8_lossy(&run.stderr).into_owned())
}

/// Instructions of one time: a difference of two runs, so that what happens once does not count.
pub fn instructions(program: &Path, case: &str) -> Option<u64> {
    let run = |count| {
        let log =
            run(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], program, case, count)?;
        log.split_once("Collected :")?.1.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((run(2 * COUNT)? - run(COUNT)?) / COUNT)
}

/// Cache lines, of 64 bytes, that one time touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Those with instructions.
    pub code: usize,
    /// Those that are read or written.
    pub data: usize,
}

/// Lines of the last time but one.
pub fn lines(program: &Path, case: &str) -> Option<Lines> {
    let trace = run(&["--tool=lackey", "--trace-mem=yes"], program, case, COUNT)?;
    let accesses: Vec<Access> = trace.lines().filter_map(Access::parse).collect();
    let once = executed(&accesses, COUNT)?;
    let mut starts = accesses.iter().enumerate().rev().filter(|(_, access)| access.is(once));
    let (end, start) = (starts.next()?.0, starts.next()?.0);
    let touched = |code: bool| {
        let accesses = accesses[start..end].iter().filter(|access| access.code == code);
        accesses.flat_map(Access::lines).collect::<BTreeSet<_>>().len()
    };
    Some(Lines { code: touched(true), data: touched(false) })
}

/// An instruction that is executed so many times.
fn executed(accesses: &[Access], count: u64) -> Option<u64> {
    let mut counts = BTreeMap::<u64, u64>::new();
    for access in accesses.iter().filter(|access| access.code) {
        *counts.entry(access.address).or_default() += 1;
    }
    counts.into_iter().find(|(_, times)| *times == count).map(|(address, _)| address)
}

/// A line of the trace: `I  0401ab70,3`, ` S 1fff0006f8,8`.
struct Access {
    code: bool,
    address: u64,
    len: u64,
}

impl Access {
    fn parse(line: &str) -> Option<Access> {
        let (kind, place) = line.trim_start().split_once(' ')?;
        let (address, len) = place.trim_start().split_once(',')?;
        let code = match kind {
            "I" => true,
            "L" | "S" | "M" => false,
            _ => return None,
        };
        let address = u64::from_str_radix(address, 16).ok()?;
        Some(Access { code, address, len: len.parse().ok()? })
    }

    fn is(&self, instruction: u64) -> bool {
        self.code && self.address == instruction
    }

    fn lines(&self) -> std::ops::RangeInclusive<u64> {
        self.address / 64..=(self.address + self.len - 1) / 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_that_straddles_two_lines_touches_both() {
        let access = Access::parse(" S 103e,4").unwrap();
        assert_eq!(access.lines(), 0x40..=0x41);
        assert!(!access.code && Access::parse("I  103e,4").unwrap().is(0x103e));
    }

    #[test]
    fn other_lines_of_the_log_are_not_accesses() {
        assert!(Access::parse("==6650== Counted 1 call to main()").is_none());
        assert!(Access::parse("").is_none());
    }
}
