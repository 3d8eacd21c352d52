//! Does the cost of ports stay flat? Each thing is done beside few and beside many others, by the
//! host's Redox ABI.
//!
//! ```text
//! cargo bench -p bench --bench flat                     # times, in rounds that take turns
//! cargo bench -p bench --bench flat -- --instructions   # of all: daemon, client, host kernel
//! ```
//!
//! Instructions are counted under callgrind, as a difference of two runs.

mod crowd;
#[allow(dead_code, reason = "the other benchmark uses more of it")]
#[path = "../targets/rounds.rs"]
mod rounds;
#[allow(dead_code, reason = "the other benchmark uses more of it")]
#[path = "../targets/table.rs"]
mod table;

use std::{process::ExitCode, time::Duration};

use bench::valgrind;
use clap::Parser;

use crowd::{Crowd, Step};
use rounds::{Rounds, Way};
use table::{Figure, Report, Row, Target};

/// What is done, beside how many of what.
struct Case {
    measure: &'static str,
    few: (&'static str, Crowd),
    many: (&'static str, Crowd),
    step: Step,
}

const FEW: [Crowd; 5] = [
    Crowd::Ports(10),
    Crowd::Rights(10),
    Crowd::Receivers(10),
    Crowd::Waiting(10),
    Crowd::Taken(10),
];

const CASES: [Case; 7] = [
    Case {
        measure: "a message, 10⁵ ports hosted",
        few: ("ports-few", FEW[0]),
        many: ("ports-many", Crowd::Ports(100_000)),
        step: Step::Message,
    },
    Case {
        measure: "a port made and closed, 10⁵ hosted",
        few: ("make-few", FEW[0]),
        many: ("make-many", Crowd::Ports(100_000)),
        step: Step::Make,
    },
    Case {
        measure: "a right opened and closed, 10⁴ open",
        few: ("open-few", FEW[1]),
        many: ("open-many", Crowd::Rights(10_000)),
        step: Step::Open,
    },
    Case {
        measure: "a message, 10⁴ rights to the port",
        few: ("rights-few", FEW[1]),
        many: ("rights-many", Crowd::Rights(10_000)),
        step: Step::Message,
    },
    Case {
        measure: "a message, 10⁴ receivers of the port",
        few: ("receivers-few", FEW[2]),
        many: ("receivers-many", Crowd::Receivers(10_000)),
        step: Step::Message,
    },
    Case {
        measure: "a message, 10⁶ waiting at 250 ports",
        few: ("waiting-few", FEW[3]),
        many: ("waiting-many", Crowd::Waiting(1_000_000)),
        step: Step::Message,
    },
    Case {
        measure: "a message, 10⁶ taken by its receiver",
        few: ("taken-few", FEW[4]),
        many: ("taken-many", Crowd::Taken(1_000_000)),
        step: Step::Message,
    },
];

/// Does the cost of ports stay flat?
#[derive(Parser)]
struct Cli {
    /// Run only what has this in its name; or, with a count, do one thing so often
    #[arg(default_value = "")]
    case: String,
    #[arg(hide = true)]
    count: Option<u64>,
    /// Count instructions in place of time
    #[arg(long)]
    instructions: bool,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(count) = cli.count {
        return once(&cli.case, count);
    }
    let mut report = Report::default();
    for case in CASES.iter().filter(|case| case.few.0.contains(&cli.case)) {
        eprintln!("measuring: {}", case.measure);
        let row = if cli.instructions { case.instructions() } else { Some(case.time()) };
        let Some(row) = row else {
            eprintln!("valgrind is missing, or {} failed", case.measure);
            return ExitCode::FAILURE;
        };
        report.row(row);
    }
    println!("{}", report.table());
    ExitCode::SUCCESS
}

/// What callgrind looks at.
fn once(name: &str, count: u64) -> ExitCode {
    let ways = CASES.iter().flat_map(|case| [(case.few, case.step), (case.many, case.step)]);
    let Some(((_, crowd), step)) = ways.into_iter().find(|((way, _), _)| *way == name) else {
        eprintln!("there is no case {name}");
        return ExitCode::FAILURE;
    };
    crowd.world(step)(count);
    ExitCode::SUCCESS
}

impl Case {
    fn time(&self) -> Row {
        let ways = [self.many, self.few]
            .map(|(name, crowd)| Way::timed(name, crowd.world(self.step)))
            .into();
        let rounds = Rounds { rounds: 101, each: Duration::from_millis(4) };
        let results = rounds.run(ways, Vec::new());
        let row = Row::times(self.measure, results.of(self.many.0), results.of(self.few.0));
        row.target(Target::Ratio(1.3))
    }

    fn instructions(&self) -> Option<Row> {
        let program = std::env::current_exe().ok()?;
        let [many, few] = [self.many, self.few]
            .map(|(name, _)| valgrind::instructions(&program, name).map(|count| count as f64));
        let row = Row::new(self.measure, "instructions").ours(many?);
        Some(row.peer(Figure::new(self.few.0, few?)).target(Target::Ratio(1.3)))
    }
}
