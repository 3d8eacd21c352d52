//! The tool.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    placement::PLACEMENTS,
    run::{Difference, run, shrunk, together, trace},
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
    Run {
        /// What the steps are made from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Steps on each stack in each placement.
        #[arg(long, default_value_t = 2000)]
        ops: usize,
        /// Only stacks that have this in their names.
        #[arg(long, value_name = "WORD", default_value = "")]
        driver: String,
        /// Only this placement.
        #[arg(long, value_parser = PLACEMENTS)]
        placement: Option<String>,
        /// Block devices only: four threads at a time, each on a quarter of it.
        #[arg(long)]
        threads: bool,
        /// Write the trace that failed here too.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take the steps of a trace that was printed.
    Replay {
        /// The trace.
        file: PathBuf,
    },
    /// Print the names of the stacks.
    List,
}

/// Runs the tool. Exit status: 0; 1 where something differs or failed; 2 for a wrong command
/// line.
pub fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Run { seed, ops, driver, placement, threads, out } => {
            let placements = PLACEMENTS.into_iter();
            let placements = placements.filter(|one| placement.as_ref().is_none_or(|it| it == one));
            let stacks = stacks::all().into_iter().filter(|one| one.name.contains(&driver));
            let (placements, stacks): (Vec<_>, Vec<_>) = (placements.collect(), stacks.collect());
            all(&stacks, &placements, [seed, ops as u64], threads, out)
        }
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

fn all(
    stacks: &[Stack],
    placements: &[&str],
    [seed, ops]: [u64; 2],
    threads: bool,
    out: Option<PathBuf>,
) -> Result<(), String> {
    let count = ops as usize;
    if stacks.is_empty() {
        return Err("no stack has that in its name: see `differential list`".into());
    }
    let bar = bar(ops * (stacks.len() * placements.len()) as u64);
    for stack in stacks {
        for placement in placements {
            bar.set_message(format!("{}, {placement}", stack.name));
            if threads {
                if !stack.files && *placement != "static" {
                    together(stack, placement, seed, count)
                        .map_err(|error| format!("{}, {placement}: {error}", stack.name))?;
                }
                bar.inc(ops);
                continue;
            }
            let trace = trace(stack, placement, seed, count);
            if let Err(difference) = run(stack, &[], &trace, &|| bar.inc(1)) {
                bar.set_message("shrinking what failed");
                return Err(failed(stack, trace, difference, out));
            }
        }
    }
    bar.finish_and_clear();
    println!(
        "seed {seed}: {} stacks, {} placements, {ops} steps each: the same",
        stacks.len(),
        placements.len()
    );
    Ok(())
}

fn failed(
    stack: &Stack,
    trace: Trace,
    difference: Box<Difference>,
    out: Option<PathBuf>,
) -> String {
    let (trace, difference) = shrunk(stack, &[], trace, difference);
    let text = trace.to_text();
    if let Some(path) = out
        && let Err(error) = std::fs::write(&path, &text)
    {
        eprintln!("differential: can't write {}: {error}", path.display());
    }
    format!("{difference}the trace, for `differential replay`:\n{text}")
}

fn replay(file: &PathBuf) -> Result<(), String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
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

fn bar(len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {wide_msg}");
    ProgressBar::new(len).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
