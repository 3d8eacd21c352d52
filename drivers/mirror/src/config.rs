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
    options: &[OptionSpec {
        key: "rebuild",
        kind: OptionKind::Integer,
        required: false,
        help: "which disk of the list, from 1 on, is to be copied anew from the others",
    }],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    if !(2..=MOST).contains(&lower.len()) {
        let count = lower.len();
        return Err(format!("stands on {count}: say on = [\"one\", \"other\"], {MOST} at most"));
    }
    let description = describe(&lower)?;
    let mut state = State::new(lower.len());
    if let Some(number) = options.integer("rebuild") {
        let half = number.checked_sub(1).and_then(|half| usize::try_from(half).ok());
        let Some(half) = half.filter(|half| *half < lower.len()) else {
            return Err(format!("rebuild = {number}: there are 1 to {}", lower.len()));
        };
        state.lose(half, 0..description.size);
    }
    let whole = AtomicBool::new(state.is_whole());
    let state = spin::Mutex::new(state);
    let (fan, wait) = (Fan::new(), context.wait);
    Ok(Arc::new(Mirror { halves: lower, description, fan, state, whole, wait }))
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
    let any = Features::READ_ONLY | Features::BLOCKS;
    features |= all().fold(Features::empty(), |some, one| some | one.features) & any;
    features |= all().fold(Features::DISCARD, |both, one| both & one.features);
    Ok(Description { class: Class::Block, size, block_size, features })
}
