//! The tool.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    placement::PLACEMENTS,
    run::{Difference, run, shrunk, trace},
    stacks::{self, Stack},
    trace::Trace,
};

/// Random traces of operations on stacks of drivers and on plain models: every result and all
/// contents have to be equal.
#[derive(Parser)]
#[command(name = "differential", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take random steps. The first trace that fails is shrunk and printed.
    Run(Run),
    /// Take the steps of a trace that was printed.
    Replay {
        /// The trace.
        file: PathBuf,
    },
    /// Print the names of the stacks.
    List,
}

#[derive(Args)]
struct Run {
    /// What the steps are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps on each stack in each placement.
    #[arg(long, default_value_t = 2000)]
    ops: usize,
    /// Only the stack of this name, or those that have this in their names.
    #[arg(long, value_name = "WORD", default_value = "")]
    driver: String,
    /// Only this placement.
    #[arg(long, value_parser = PLACEMENTS)]
    placement: Option<String>,
    /// Write the trace that failed here too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the tool. Exit status: 0; 1 where something differs or failed; 2 for a wrong command
/// line.
pub fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Run(options) => options.run(),
        Command::Replay { file } => replay(&file),
        Command::List => {
            stacks::all().iter().for_each(|stack| println!("{}", stack.name));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::from(1)
        }
    }
}

impl Run {
    fn run(&self) -> Result<(), String> {
        let (stacks, placements) = (self.stacks()?, self.placements());
        let bar = bar(self.ops * stacks.len() * placements.len());
        for stack in &stacks {
            for placement in &placements {
                bar.set_message(format!("{}, {placement}", stack.name));
                let trace = trace(stack, placement, self.seed, self.ops);
                if let Err(difference) = run(stack, &[], &trace, &|| bar.inc(1)) {
                    bar.set_message("shrinking what failed");
                    return Err(self.failed(stack, trace, difference));
                }
            }
        }
        bar.finish_and_clear();
        let (Run { seed, ops, .. }, stacks, places) = (self, stacks.len(), placements.len());
        println!("seed {seed}: {stacks} stacks, {places} placements, {ops} steps each: the same");
        Ok(())
    }

    fn stacks(&self) -> Result<Vec<Stack>, String> {
        let mut stacks = stacks::all();
        let exact = stacks.iter().any(|stack| stack.name == self.driver);
        let named =
            |name: &str| if exact { name == self.driver } else { name.contains(&self.driver) };
        stacks.retain(|stack| named(&stack.name));
        match stacks.is_empty() {
            true => Err(format!("no stack is called {:?}: see `differential list`", self.driver)),
            false => Ok(stacks),
        }
    }

    fn placements(&self) -> Vec<&'static str> {
        let wanted = |one: &&str| self.placement.as_ref().is_none_or(|it| it == one);
        PLACEMENTS.into_iter().filter(wanted).collect()
    }

    fn failed(&self, stack: &Stack, trace: Trace, difference: Box<Difference>) -> String {
        let (trace, difference) = shrunk(stack, &[], trace, difference);
        let text = trace.to_text();
        if let Some(path) = &self.out
            && let Err(error) = std::fs::write(path, &text)
        {
            eprintln!("differential: can't write {}: {error}", path.display());
        }
        let Trace { stack, placement, .. } = trace;
        format!("{stack}, {placement}: {difference}the trace, for `differential replay`:\n{text}")
    }
}

fn replay(file: &Path) -> Result<(), String> {
    let named = |error: &dyn Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
    let trace = Trace::from_text(&text).map_err(|error| named(&error))?;
    let unknown = || format!("no stack is called {:?}: see `differential list`", trace.stack);
    let stacks = stacks::all();
    let stack = stacks.iter().find(|one| one.name == trace.stack).ok_or_else(unknown)?;
    if !PLACEMENTS.contains(&&*trace.placement) {
        return Err(format!("{:?} is no placement: use one of {PLACEMENTS:?}", trace.placement));
    }
    run(stack, &[], &trace, &|| ()).map_err(|difference| difference.to_string())?;
    println!("{} steps: the same", trace.steps.len());
    Ok(())
}

fn bar(len: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {wide_msg}");
    ProgressBar::new(len as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
