//! What a process gets from its parent.

use libredox::errno::EBADF;

use crate::Test;
use crate::program::{Program, role};

pub(crate) const TESTS: &[Test] = &[
    ("a_program_inherits_what_is_not_close_on_exec", by_exec),
    ("a_copy_has_what_its_parent_had_when_it_forked", by_fork),
    ("a_process_that_becomes_another_program_keeps_what_it_has", becomes),
    ("a_program_that_was_forked_and_became_another_is_its_parent_s_child", pre_exec),
    ("a_program_is_root_or_who_it_is_told_to_be", ids),
    ("ids_are_inherited_and_a_process_has_one_number", numbers),
];

fn by_exec() {
    let mut parent = Program::start(&["starts"]);
    parent.expect(&format!("Err({EBADF})"));
    parent.expect("hello");
    parent.ends_well();
}

fn by_fork() {
    let mut parent = Program::start(&["forks"]);
    parent.expect("true true");
    parent.expect("true");
    parent.ends_well();
}

fn becomes() {
    let mut program = Program::start(&["becomes"]);
    program.expect("Ok(4) kept");
    program.expect(&format!("Err({EBADF}) "));
    let pid = program.pid();
    program.expect(&format!("{pid} 0 0"));
    program.ends_well();
}

fn pre_exec() {
    let mut parent = Program::start(&["starts", "forking"]);
    parent.expect(&format!("Err({EBADF})"));
    parent.expect("hello");
    parent.ends_well();
}

fn ids() {
    let mut user = Program::run(role(&["who"]).env("HOST_UID", "5").env("HOST_GID", "6"));
    let pid = user.pid();
    user.expect(&format!("{pid} 5 6"));
    user.ends_well();
}

fn numbers() {
    let mut program = Program::start(&["who"]);
    let pid = program.pid();
    program.expect(&format!("{pid} 0 0"));
    program.ends_well();
}
