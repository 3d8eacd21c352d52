//! What the console says: the boot's lines, the program's, and how it ended.

use std::collections::VecDeque;

/// The line before the program's output.
pub const BEGIN: &str = "PROGRAM-BEGIN";

/// Stands before the program's status, a decimal number, at the end of a line.
pub const EXIT: &str = "PROGRAM-EXIT ";

/// Lines that are kept to be shown where something went wrong.
const KEPT: usize = 20;

/// What one line of the console means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The boot's, or what comes after the program: not to be shown.
    Other,
    /// The program's output.
    Output(String),
    /// The program's end, after what it said without a newline.
    Exit(String, i32),
}

/// Reads the console line by line.
#[derive(Default)]
pub(crate) struct Console {
    begun: bool,
    last: VecDeque<String>,
}

impl Console {
    /// Takes a line, with or without its end.
    pub(crate) fn line(&mut self, bytes: &[u8]) -> Line {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        self.keep(text);
        if let Some((before, status)) = exit(text) {
            return Line::Exit(before.to_string(), status);
        }
        if !self.begun {
            self.begun = text.ends_with(BEGIN);
            return Line::Other;
        }
        Line::Output(text.to_string())
    }

    fn keep(&mut self, text: &str) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(text.to_string());
    }

    /// Has the program been started?
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    /// The last lines, for people.
    pub(crate) fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

/// The status that a line ends with, and what stands before it.
fn exit(line: &str) -> Option<(&str, i32)> {
    let (before, status) = line.rsplit_once(EXIT)?;
    Some((before, status.trim_end().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_program_s_own_lines_are_output() {
        let mut console = Console::default();
        assert_eq!(console.line(b"kernel: hello\n"), Line::Other);
        assert_eq!(console.line(b"PROGRAM-BEGIN\r\n"), Line::Other);
        assert_eq!(console.line(b"one\r\n"), Line::Output("one".into()));
        assert_eq!(console.line(b"PROGRAM-EXIT 0\r\n"), Line::Exit(String::new(), 0));
    }

    #[test]
    fn a_last_line_without_an_end_comes_before_the_status() {
        let mut console = Console::default();
        console.line(b"PROGRAM-BEGIN");
        assert_eq!(
            console.line(b"no newlinePROGRAM-EXIT 101"),
            Line::Exit("no newline".into(), 101)
        );
    }

    #[test]
    fn a_program_that_talks_of_its_exit_goes_on() {
        let mut console = Console::default();
        console.line(b"PROGRAM-BEGIN");
        for line in ["PROGRAM-EXIT", "PROGRAM-EXIT soon", "PROGRAM-EXIT 0 or 1"] {
            assert_eq!(console.line(line.as_bytes()), Line::Output(line.into()));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let mut console = Console::default();
        console.line(b"PROGRAM-BEGIN");
        assert_eq!(console.line(b"a\xffb"), Line::Output("a\u{fffd}b".into()));
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut console = Console::default();
        (0..50).for_each(|n| drop(console.line(format!("line {n}\n").as_bytes())));
        let last = console.last();
        assert_eq!((last.len(), last[0].as_str(), last[19].as_str()), (20, "line 30", "line 49"));
    }
}
