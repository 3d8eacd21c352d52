//! Options, and what several disks are as one.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use core::sync::atomic::AtomicBool;

use driver::{
    Built, Class, Context, Description, Fan, Features, Kind, Lower, OptionKind, OptionSpec,
    Options, Stands,
};

use crate::{Mirror, state::State, tally::MOST};

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "mirror",
    help: "keeps the same contents on several disks (RAID 1)",
    stands: Stands::OnSeveral,
    options: &[
        OptionSpec {
            key: "rebuild",
            kind: OptionKind::Integer,
            required: false,
            help: "which disk of the list, from 1 on, is to be copied anew from the others",
        },
        OptionSpec {
            key: "unclean",
            kind: OptionKind::Flag,
            required: false,
            help: "the disks may differ: believe the first, and copy it to the others",
        },
    ],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    if !(2..=MOST).contains(&lower.len()) {
        let count = lower.len();
        return Err(format!("stands on {count}: say on = [\"one\", \"other\"], {MOST} at most"));
    }
    let description = describe(&lower)?;
    let mut state = State::new(lower.len());
    for half in stale(options, lower.len())? {
        state.lose(half, 0..description.size);
    }
    let whole = AtomicBool::new(state.is_whole());
    let state = spin::Mutex::new(state);
    let (fan, wait) = (Fan::new(), context.wait);
    Ok(Arc::new(Mirror { halves: lower, description, fan, state, whole, wait }))
}

/// The halves that are to be copied anew.
fn stale(options: &Options, halves: usize) -> Result<Vec<usize>, String> {
    let rebuilt = match options.integer("rebuild") {
        None => None,
        Some(number @ 1..) if number <= halves as u64 => Some(number as usize - 1),
        Some(number) => return Err(format!("rebuild = {number}: there are 1 to {halves}")),
    };
    if !options.flag("unclean") {
        return Ok(rebuilt.into_iter().collect());
    }
    let believed = usize::from(rebuilt == Some(0));
    Ok((0..halves).filter(|half| *half != believed).collect())
}

/// The size of the smallest in the blocks of the largest.
fn describe(lower: &[Lower]) -> Result<Description, String> {
    let all = || lower.iter().map(|lower| lower.description);
    if let Some(other) = all().find(|described| described.class != Class::Block) {
        let class = other.class.name();
        return Err(format!("stands on a {class} driver: put it on block drivers"));
    }
    let block_size = all().map(|described| described.block_size).max().unwrap_or(1).max(1);
    let smallest = all().map(|described| described.size).min().unwrap_or(0);
    let size = smallest - smallest % u64::from(block_size);
    let mut features = Features::CONCURRENT;
    features |=
        all().fold(Features::empty(), |some, one| some | one.features) & Features::OF_ANY_BELOW;
    features |= all().fold(Features::DISCARD, |both, one| both & one.features);
    Ok(Description { class: Class::Block, size, block_size, features })
}
