//! Options.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{
    Built, Class, Context, Description, Features, Kind, Lower, OptionKind, OptionSpec, Options,
    Stands,
};

use crate::{Below, Cache, figures::Figures, lines::Lines};

const fn option(key: &'static str, kind: OptionKind, help: &'static str) -> OptionSpec {
    OptionSpec { key, kind, required: false, help }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "cache",
    help: "keeps what was used lately of a disk",
    stands: Stands::OnOne,
    options: &[
        option("size", OptionKind::Size, "bytes to keep (1 MiB)"),
        option("line", OptionKind::Size, "bytes that are read and kept together (4096)"),
        option(
            "ahead",
            OptionKind::Size,
            "bytes to read ahead where reads go on in order (32 KiB)",
        ),
        option("write_back", OptionKind::Flag, "keep writes until a flush"),
    ],
    make,
};

const LARGEST_LINE: u64 = 1 << 20;
/// Lines that a cache has at least: what one request needs must not push itself out.
const FEWEST: u64 = 8;

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let line = options.integer("line").unwrap_or(4096);
    let mut description = check(&lower.description, line)?;
    let write_back = options.flag("write_back");
    if write_back {
        description.features |= Features::WRITES_BACK;
    }
    let count = options.integer("size").unwrap_or(1 << 20) / line;
    if count < FEWEST {
        return Err(format!("size is too small: {FEWEST} lines of {line} bytes are the least"));
    }
    // No more than half of a cache is read at once.
    let ahead = (options.integer("ahead").unwrap_or(32 << 10) / line).min(count / 4);
    let lines = Lines::new(count, line, description.size);
    Ok(Arc::new(Cache {
        below: Below { lower, wait: context.wait },
        description,
        write_back,
        ahead,
        lines: spin::Mutex::new(lines),
        figures: Figures::default(),
    }))
}

fn check(below: &Description, line: u64) -> Result<Description, String> {
    let block_size = below.block_size;
    if below.class != Class::Block {
        return Err(format!("stands on a {} driver: put it on a block driver", below.class.name()));
    }
    let fits = line.is_power_of_two() && (block_size.into()..=LARGEST_LINE).contains(&line);
    if !fits || !block_size.is_power_of_two() {
        return Err(format!(
            "line = {line} makes no sense: use a power of two, no less than a block \
             ({block_size}), {LARGEST_LINE} at most"
        ));
    }
    let kept = Features::OF_ANY_BELOW | Features::DISCARD;
    let size = below.size - below.size % u64::from(block_size);
    Ok(Description { size, features: below.features & kept, ..*below })
}
