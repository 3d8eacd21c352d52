//! Asks one way, a number of times: `calls WAY COUNT`, to be run under callgrind.

use std::process::ExitCode;

use bench::Way;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let way = Way::ALL.into_iter().find(|way| way.0 == name);
    let count = args.next().and_then(|count| count.parse().ok());
    let (Some((_, way)), Some(count)) = (way, count) else {
        eprintln!("usage: calls WAY COUNT, where WAY is one of:");
        Way::ALL.iter().for_each(|way| eprintln!("  {}", way.0));
        return ExitCode::FAILURE;
    };
    println!("{}", way.ask(count));
    ExitCode::SUCCESS
}
