//! What messages cost beside what others offer, and what they are to cost: one table.
//!
//! ```text
//! cargo bench -p bench --bench targets                  # all, in about two minutes
//! cargo bench -p bench --bench targets -- asleep        # the groups with that in their names
//! cargo bench -p bench --bench targets -- --json        # for programs
//! ```
//!
//! What is compared runs in rounds that take turns, in one run; figures are medians over the
//! rounds, of nanoseconds a message. Two threads that spin, or sleep, are pinned to a processor
//! each.

mod asks;
mod asleep;
mod channels;
mod cores;
mod disk;
mod drivers;
mod guarded;
mod heap;
mod links;
mod many;
mod one_thread;
mod ours;
mod outstanding;
mod peers;
mod rounds;
mod serialized;
mod sizes;
mod spinning;
mod table;
mod waiting;
mod waits;
mod window;
mod work;

use std::process::ExitCode;

use clap::Parser;

use table::Report;

type Group = (&'static str, fn(&mut Report));

/// Measures that are run together, by name.
const GROUPS: [Group; 14] = [
    ("call", drivers::call),
    ("read", drivers::read),
    ("layers", drivers::layers),
    ("send", one_thread::run),
    ("spinning", spinning::run),
    ("waiting", waiting::run),
    ("asleep", asleep::run),
    ("window", window::spinning),
    ("window-sleeping", window::sleeping),
    ("senders", many::yielding),
    ("senders-sleeping", many::sleeping),
    ("serialized", serialized::run),
    ("sizes", sizes::run),
    ("outstanding", outstanding::run),
];

/// What messages cost beside what others offer, and what they are to cost.
#[derive(Parser)]
#[command(after_help = groups())]
struct Cli {
    /// Run only the groups whose names contain this
    #[arg(default_value = "")]
    filter: String,
    /// Print JSON, every way included
    #[arg(long)]
    json: bool,
    /// Print a second table, of every way and its quartiles
    #[arg(long)]
    ways: bool,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn groups() -> String {
    format!("Groups: {}", GROUPS.map(|(name, _)| name).join(", "))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cores::count() < 2 {
        eprintln!("two threads that spin need two processors: allow a second one");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    for (name, run) in GROUPS.iter().filter(|group| group.0.contains(&cli.filter)) {
        eprintln!("measuring: {name}");
        run(&mut report);
    }
    if cli.json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("can't write the report: {error}");
                return ExitCode::FAILURE;
            }
        }
        return ExitCode::SUCCESS;
    }
    println!("{}", report.table());
    if cli.ways {
        println!("{}", report.ways_table());
    }
    ExitCode::SUCCESS
}
