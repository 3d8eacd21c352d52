//! A stack against its model.

use std::{fmt, sync::Arc};

use driver::{Driver, Errno, Kind};

use crate::{
    disk::{Device, Row},
    files::{Mounted, SLOTS},
    model::Model,
    placement::place,
    random::{block_steps, file_steps},
    stacks::{SIZE, Stack},
    trace::{Outcome, Step, Subject, Trace, shrink},
};

/// Steps after which all contents are compared.
const OFTEN: usize = 500;
/// More bytes than most files have.
const LONG: usize = 1 << 16;

/// Where a driver and its model parted.
#[derive(Debug)]
pub struct Difference {
    /// The step, counted from 0; as many as there are where the contents differ in the end.
    pub at: usize,
    /// What was done.
    pub step: Step,
    /// What the model came to.
    pub expected: Outcome,
    /// What the driver came to.
    pub got: Outcome,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { at, step, expected, got } = self;
        writeln!(
            out,
            "step {at}, {step:?}:\n  the model  {}\n  the driver {}",
            short(expected),
            short(got)
        )?;
        if let (Ok(one), Ok(other)) = (expected, got)
            && let Some(at) = one.iter().zip(other).position(|(one, other)| one != other)
        {
            writeln!(out, "  byte {at} is {} and has to be {}", other[at], one[at])?;
        }
        Ok(())
    }
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Ok(bytes) if bytes.len() <= 80 && bytes.is_ascii() => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(errno) => errno.to_string(),
    }
}

/// A driver and its model.
struct Pair {
    model: Box<dyn Subject>,
    real: Box<dyn Subject>,
    files: bool,
}

impl Pair {
    /// A driver that was just built.
    fn new(driver: Arc<dyn Driver>, files: bool) -> Pair {
        if files {
            let (model, real) = (Box::new(Model::new(0o755)), Box::new(Mounted::new(driver)));
            return Pair { model, real, files };
        }
        // What is encrypted has to be written first.
        let zeros = kit::write(&*driver, 0, &[0; SIZE]);
        assert_eq!(zeros.result(), Ok(SIZE), "all of the device can be written");
        let (model, real) = (Box::new(Row::of(&*driver, SIZE)), Box::new(Device(driver)));
        Pair { model, real, files }
    }

    /// Takes the steps, and compares all contents now and then and in the end.
    fn compare(&mut self, steps: &[Step], told: &dyn Fn()) -> Result<(), Box<Difference>> {
        if self.files {
            let (path, mode, id) = (String::new(), Some(0o755), Some(0));
            self.step(&Step::Setattr { path, mode, uid: id, gid: id }, 0)?.ok();
        }
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Empty => self.empty("", at)?,
                _ => drop(self.step(step, at)?),
            }
            if at % OFTEN == OFTEN - 1 {
                self.contents(at)?;
            }
            told();
        }
        self.contents(steps.len())
    }

    fn step(&mut self, step: &Step, at: usize) -> Result<Outcome, Box<Difference>> {
        let (expected, got) = (self.model.step(step), self.real.step(step));
        match expected == got {
            true => Ok(got),
            false => Err(Box::new(Difference { at, step: step.clone(), expected, got })),
        }
    }

    fn contents(&mut self, at: usize) -> Result<(), Box<Difference>> {
        if !self.files {
            return self.step(&Step::Read { at: 0, len: SIZE }, at).map(drop);
        }
        for slot in 0..SLOTS {
            self.step(&Step::ReadSlot { slot, at: 0, len: LONG }, at)?.ok();
        }
        let mut todo = vec![String::new()];
        while let Some(path) = todo.pop() {
            todo.extend(self.node(&path, at)?);
        }
        Ok(())
    }

    /// Compares what is at a path; the paths below it, if it is a directory.
    fn node(&mut self, path: &str, at: usize) -> Result<Vec<String>, Box<Difference>> {
        let mut see = |step: fn(String) -> Step| self.step(&step(path.into()), at);
        see(|path| Step::Stat { path, follow: false })?.ok();
        if see(|path| Step::Readlink { path })?.is_ok() {
            return Ok(Vec::new());
        }
        see(|path| Step::ReadFile { path, at: 0, len: LONG })?.ok();
        self.below(path, at)
    }

    /// The paths in a directory; none in anything else.
    fn below(&mut self, path: &str, at: usize) -> Result<Vec<String>, Box<Difference>> {
        let list = Step::List { path: path.into(), room: 4096 };
        let Ok(names) = self.step(&list, at)? else { return Ok(Vec::new()) };
        let names: Vec<String> = serde_json::from_slice(&names).expect("plain names");
        let below = |name| if path.is_empty() { name } else { format!("{path}/{name}") };
        Ok(names.into_iter().map(below).collect())
    }

    /// Removes all names in a directory.
    fn empty(&mut self, path: &str, at: usize) -> Result<(), Box<Difference>> {
        for path in self.below(path, at)? {
            let file = Step::Unlink { path: path.clone(), dir: false };
            if self.step(&file, at)? == Err(Errno::EISDIR) {
                self.empty(&path, at)?;
                self.step(&Step::Unlink { path, dir: true }, at)?.ok();
            }
        }
        Ok(())
    }
}

/// The steps that a seed makes for a stack.
pub fn trace(stack: &Stack, placement: &str, seed: u64, count: usize) -> Trace {
    let steps = match stack.files {
        true => file_steps(seed, count),
        false => block_steps(seed, SIZE, 512, count),
    };
    Trace { stack: stack.name.clone(), placement: placement.into(), steps }
}

/// Takes a trace on a stack, of whose kinds `more` are the caller's, and on the model; `told`
/// hears of each step.
pub fn run(
    stack: &Stack,
    more: &[Kind],
    trace: &Trace,
    told: &dyn Fn(),
) -> Result<(), Box<Difference>> {
    place(&stack.text, more, &trace.placement, |driver| {
        Pair::new(driver, stack.files).compare(&trace.steps, told)
    })
}

/// The shortest trace that was found to fail as well, and how it does.
pub fn shrunk(
    stack: &Stack,
    more: &[Kind],
    failed: Trace,
    difference: Box<Difference>,
) -> (Trace, Box<Difference>) {
    let Trace { stack: name, placement, mut steps } = failed;
    steps.truncate(difference.at + 1);
    let (mut last, on) = (difference, |steps: &[Step]| Trace {
        stack: name.clone(),
        placement: placement.clone(),
        steps: steps.to_vec(),
    });
    let steps = shrink(steps, &mut |steps| match run(stack, more, &on(steps), &|| ()) {
        Ok(()) => false,
        Err(difference) => {
            last = difference;
            true
        }
    });
    (on(&steps), last)
}
