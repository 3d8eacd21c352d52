//! A call to a driver beside a virtual call that does the same.

use std::path::Path;

use bench::{
    Way as Ask,
    valgrind::{self, Lines},
};

use crate::{
    disk,
    rounds::{Rounds, Way},
    table::{Figure, Report, Row, Target},
};

/// Layers of the stacks that are measured with and without.
const LAYERS: usize = 4;

fn ask(name: &'static str) -> Way<'static> {
    let found = Ask::ALL.iter().find(|way| way.0 == name);
    let (_, way) = *found.unwrap_or_else(|| panic!("there is no way {name:?}"));
    Way::timed(name, move |count| {
        std::hint::black_box(way.ask(count));
    })
}

/// Asks in one of the ways, for valgrind to look at.
fn calls() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_calls"))
}

const MISSING: &str = "valgrind is missing";

fn instructions(way: &str) -> Option<f64> {
    valgrind::instructions(calls(), way).map(|count| count as f64)
}

/// Cache lines that a call touches, the caller's own among them.
fn lines(report: &mut Report) {
    let [message, plain] = ["message", "plain"].map(|way| valgrind::lines(calls(), way));
    let mut row = |measure, of: fn(Lines) -> usize| {
        let row = Row::new(measure, "lines");
        report.row(match (message, plain) {
            (Some(message), Some(plain)) => {
                row.ours(of(message) as f64).peer(Figure::new("plain", of(plain) as f64))
            }
            _ => row.note(MISSING),
        });
    };
    row("cache lines of a call to null, data", |lines| lines.data);
    row("cache lines of a call to null, code", |lines| lines.code);
}

/// Instructions of `ours` beside those of `peer`, of each of `count`.
fn counted(measure: &'static str, ours: [&str; 2], peer: [&str; 2], most: f64) -> Row {
    let each = |[with, without]: [&str; 2]| match without {
        "" => instructions(with),
        _ => Some((instructions(with)? - instructions(without)?) / LAYERS as f64),
    };
    let row = Row::new(measure, "instr");
    match (each(ours), each(peer)) {
        (Some(ours), Some(value)) => {
            row.ours(ours).peer(Figure::new(peer[0], value)).target(Target::More(most))
        }
        _ => row.target(Target::More(most)).note(MISSING),
    }
}

pub(crate) fn call(report: &mut Report) {
    let results = Rounds::SHORT.run(vec![ask("message")], vec![ask("plain")]);
    report.row(Row::times("call to null", results.of("message"), results.best()));
    report.row(counted("call to null", ["message", ""], ["plain", ""], 20.0));
    lines(report);
    report.ways("call", results.into_samples());
}

pub(crate) fn layers(report: &mut Report) {
    let ours = ["message", "passed-four", "four-layers"].map(ask);
    let peers = ["plain", "plain-four", "heard-four"].map(ask);
    let results = Rounds::SHORT.run(ours.into(), peers.into());
    for (measure, ours, peer) in [
        ("a layer that passes on", "passed-four", "plain-four"),
        ("a layer that hears completions", "four-layers", "heard-four"),
    ] {
        let mine = results.each(ours, "message", LAYERS);
        let row = Row::times(measure, &mine, &results.each(peer, "plain", LAYERS));
        report.row(row.target(Target::Ratio(1.3)));
        report.row(counted(measure, [ours, "message"], [peer, "plain"], 8.0));
    }
    report.ways("layers", results.into_samples());
}

pub(crate) fn read(report: &mut Report) {
    let ours = vec![disk::message("ramdisk")];
    let results = Rounds::SHORT.run(ours, vec![disk::call("virtual call")]);
    let row = Row::times("read of 4 KiB", results.of("ramdisk"), results.best());
    report.row(row.target(Target::Ratio(1.05)));
    report.ways("read of 4 KiB", results.into_samples());
}
