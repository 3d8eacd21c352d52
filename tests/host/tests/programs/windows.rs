//! Memory that two programs share.

use libredox::errno::EFAULT;

use crate::Test;
use crate::program::Program;

pub(crate) const TESTS: &[Test] = &[
    ("a_window_is_seen_by_both_programs_until_it_is_unmapped", both_see),
    ("a_window_of_a_killed_client_is_unmapped_and_its_handle_closed", killed),
];

fn mapped(name: &str) -> (Program, Program) {
    let mut service = Program::start(&["windows", name]);
    service.expect("ready");
    let mut client = Program::start(&["maps", &format!("/scheme/{name}/x")]);
    client.expect(&format!("other Some({EFAULT})"));
    client.expect("daemon sees 5");
    client.expect("client sees 9");
    client.expect("private 0");
    (service, client)
}

fn both_see() {
    let (mut service, mut client) = mapped("window");
    client.tell("unmap");
    service.expect("Some(Munmap) 7");
    client.expect("unmapped");
    client.tell("end");
    client.ends_well();
}

fn killed() {
    let (mut service, mut client) = mapped("window-kill");
    client.kill();
    service.expect("Some(Munmap) 7");
    service.expect("Some(Munmap) 7");
    service.expect("Some(CloseMsg) 7");
}
