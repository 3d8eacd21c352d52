//! Options.

use alloc::{format, sync::Arc, vec::Vec};

use driver::{Built, Class, Context, Kind, Lower, OptionKind, OptionSpec, Options, Stands};

use crate::{
    Quota, State,
    below::Below,
    files::Files,
    ledger::{Amount, Ledger},
    scan::scan,
};

const fn option(key: &'static str, kind: OptionKind, help: &'static str) -> OptionSpec {
    OptionSpec { key, kind, required: false, help }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "quota",
    help: "limits what each user may have in a file system",
    stands: Stands::OnOne,
    options: &[
        option("bytes", OptionKind::Size, "bytes that each user may have (no limit)"),
        option(
            "inodes",
            OptionKind::Integer,
            "files and directories that each may have (no limit)",
        ),
    ],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    if lower.description.class != Class::File {
        let class = lower.description.class.name();
        return Err(format!("stands on a {class} driver: put it on a file driver"));
    }
    let limit = Amount {
        bytes: options.integer("bytes").unwrap_or(u64::MAX),
        inodes: options.integer("inodes").unwrap_or(u64::MAX),
    };
    let below = Below { lower, wait: context.wait };
    let mut ledger = Ledger::new(limit);
    scan(&below, &mut ledger)
        .map_err(|errno| format!("what is in the file system can't be counted: {errno}"))?;
    let state = State { ledger, files: Files::default() };
    Ok(Arc::new(Quota { below, state: spin::Mutex::new(state) }))
}
