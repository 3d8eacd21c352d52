//! Options.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};

use driver::{Below, Built, Class, Context, Kind, Lower, OptionKind, OptionSpec, Options, Stands};

use crate::{
    Quota, State,
    files::Files,
    ledger::{Amount, Ledger, Limits},
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
        option(
            "users",
            OptionKind::Text,
            "limits of users of their own, as \"UID:BYTES:INODES …\", - for none",
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
    let others = Amount {
        bytes: options.integer("bytes").unwrap_or(u64::MAX),
        inodes: options.integer("inodes").unwrap_or(u64::MAX),
    };
    let users = users(options.text("users").unwrap_or_default())?;
    let below = Below::new(lower, context.wait);
    let mut ledger = Ledger::new(Limits { others, users });
    scan(&below, &mut ledger)
        .map_err(|errno| format!("what is in the file system can't be counted: {errno}"))?;
    let state = State { ledger, files: Files::default() };
    Ok(Arc::new(Quota { below, state: spin::Mutex::new(state) }))
}

/// Limits of users of their own, from `UID:BYTES:INODES` and white space between.
fn users(text: &str) -> Result<BTreeMap<u32, Amount>, String> {
    let mut users = BTreeMap::new();
    for word in text.split_ascii_whitespace() {
        let (uid, limit) = user(word).ok_or_else(|| {
            format!("users: \"{word}\" makes no sense: use UID:BYTES:INODES, - for no limit")
        })?;
        if users.insert(uid, limit).is_some() {
            return Err(format!("users: user {uid} is named twice"));
        }
    }
    Ok(users)
}

fn user(word: &str) -> Option<(u32, Amount)> {
    let mut parts = word.split(':');
    let uid = parts.next()?.parse().ok().filter(|uid| *uid != 0)?;
    let bytes = number(parts.next()?)?;
    let inodes = number(parts.next()?)?;
    parts.next().is_none().then_some((uid, Amount { bytes, inodes }))
}

fn number(text: &str) -> Option<u64> {
    if text == "-" { Some(u64::MAX) } else { text.parse().ok() }
}
