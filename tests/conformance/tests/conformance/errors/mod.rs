//! Errors that are documented, in every placement: what the random steps don't come by.
//! `docs/errors.md` says which check is about which, and why some can't be reached.

mod disks;
mod files;
mod odd;
pub(crate) mod stacks;
mod users;

use std::sync::Arc;

use driver::Driver;

use crate::{
    placement::{everywhere, everywhere_as},
    stacks::Stack,
};

/// Asks the topmost driver of a stack for what it refuses.
pub(crate) type Check = fn(&Arc<dyn Driver>);

/// One that needs a user: what root does before, and what the user then meets, where.
pub(crate) type UserCheck = (fn(&Arc<dyn Driver>), fn(&str, &Arc<dyn Driver>));

/// The checks of stacks of [`stacks::all`], by the names that these have.
const CHECKS: &[(&str, Check)] = &[
    ("disks::broken", disks::broken),
    ("disks::short_read", disks::short_read),
    ("disks::short_write", disks::short_write),
    ("disks::short_flush", disks::short_flush),
    ("disks::locked", disks::locked),
    ("disks::misused", disks::misused),
    ("disks::no_disk", disks::no_disk),
    ("files::locked", files::locked),
    ("files::full", files::full),
    ("files::out_of_names", files::out_of_names),
    ("files::names", files::names),
    ("files::opens", files::opens),
    ("files::gone", files::gone),
    ("files::too_large", files::too_large),
    ("odd::strange_names", odd::strange_names),
    ("odd::damaged", odd::damaged),
    ("odd::cut_off", odd::cut_off),
    ("odd::unrecorded", odd::unrecorded),
    ("odd::hidden", odd::hidden),
];

/// The same of users, for stacks of [`stacks::of_users`].
const USER_CHECKS: &[(&str, UserCheck)] = &[
    ("users::others", (users::of_root, users::others)),
    ("users::unopened", (users::of_root, users::unopened)),
    ("users::limits", (users::given, users::limits)),
    ("users::below", (users::nothing, users::below)),
];

fn named<T: Copy>(checks: &[(&str, T)], name: &str) -> T {
    let found = checks.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no check for {name}")).1
}

/// Says on what a check failed.
struct On<'s>(&'s Stack, &'s str);

impl Drop for On<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, {}, on\n{}", self.0.name, self.1, self.0.text);
        }
    }
}

pub(crate) fn every_documented_error_is_the_same_in_every_placement() {
    for stack in stacks::all() {
        let check = named(CHECKS, stack.name);
        everywhere(&stack.text, |placement, driver| {
            let _on = On(&stack, placement);
            check(&driver);
        });
    }
    for stack in stacks::of_users() {
        let (before, check) = named(USER_CHECKS, stack.name);
        everywhere_as(7, &stack.text, &before, &|placement, driver| {
            let _on = On(&stack, placement);
            check(placement, &driver);
        });
    }
}
