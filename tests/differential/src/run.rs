//! A stack against its model.

use std::{fmt, sync::Arc};

use driver::{Driver, Kind};

use crate::{
    disk::{Device, Row},
    files::Mounted,
    model::Model,
    placement::place,
    random::{block_steps, file_steps},
    stacks::{SIZE, Stack},
    trace::{Outcome, Step, Subject, Trace, shrink},
};

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

/// Takes the steps on both, then compares all contents.
fn compare(
    model: &mut dyn Subject,
    real: &mut dyn Subject,
    steps: &[Step],
    files: bool,
    told: &dyn Fn(),
) -> Result<(), Box<Difference>> {
    for (at, step) in steps.iter().enumerate() {
        let _ = same(model, real, step, at)?;
        told();
    }
    let end = steps.len();
    match files {
        true => same_tree(model, real, end),
        false => same(model, real, &Step::Read { at: 0, len: SIZE }, end).map(drop),
    }
}

fn same(
    model: &mut dyn Subject,
    real: &mut dyn Subject,
    step: &Step,
    at: usize,
) -> Result<Outcome, Box<Difference>> {
    let (expected, got) = (model.step(step), real.step(step));
    match expected == got {
        true => Ok(got),
        false => Err(Box::new(Difference { at, step: step.clone(), expected, got })),
    }
}

fn same_tree(
    model: &mut dyn Subject,
    real: &mut dyn Subject,
    at: usize,
) -> Result<(), Box<Difference>> {
    let mut todo = vec![String::new()];
    while let Some(path) = todo.pop() {
        let mut see = |step: Step| same(model, real, &step, at);
        let _ = see(Step::Stat { path: path.clone(), follow: false })?;
        if see(Step::Readlink { path: path.clone() })?.is_ok() {
            continue;
        }
        let _ = see(Step::ReadFile { path: path.clone(), at: 0, len: 1 << 16 })?;
        let Ok(names) = see(Step::List { path: path.clone(), room: 4096 })? else { continue };
        let names: Vec<String> = serde_json::from_slice(&names).expect("a list of plain names");
        let below = |name| if path.is_empty() { name } else { format!("{path}/{name}") };
        todo.extend(names.into_iter().map(below));
    }
    Ok(())
}

/// Takes steps on a driver that was just built, and on its model.
fn check(
    driver: Arc<dyn Driver>,
    steps: &[Step],
    files: bool,
    told: &dyn Fn(),
) -> Result<(), Box<Difference>> {
    if !files {
        // What is encrypted has to be written first.
        let zeros = kit::write(&*driver, 0, &[0; SIZE]);
        assert_eq!(zeros.result(), Ok(SIZE), "all of the device can be written");
        return compare(&mut Row::of(&*driver, SIZE), &mut Device(driver), steps, files, told);
    }
    let (mut model, mut real) = (Model::new(0o755), Mounted::new(driver));
    let open = Step::Setattr { path: String::new(), mode: Some(0o755), uid: Some(0), gid: Some(0) };
    let _ = same(&mut model, &mut real, &open, 0)?;
    compare(&mut model, &mut real, steps, files, told)
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
        check(driver, &trace.steps, stack.files, told)
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
