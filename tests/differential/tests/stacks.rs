//! Each stack in each placement, for a short while.
#![cfg(not(target_os = "redox"))]

use differential::{
    placement::PLACEMENTS,
    run::{run, trace},
    stacks,
};

const STEPS: usize = 200;

fn check(files: bool, seed: u64) {
    for stack in stacks::all().into_iter().filter(|stack| stack.files == files) {
        for placement in PLACEMENTS {
            let trace = trace(&stack, placement, seed, STEPS);
            if let Err(difference) = run(&stack, &[], &trace, &|| ()) {
                panic!("{}, {placement}, seed {seed}: {difference}", stack.name);
            }
        }
    }
}

#[test]
fn every_block_device_is_its_model_in_every_placement() {
    check(false, 11);
}

#[test]
fn every_file_system_is_its_model_in_every_placement() {
    check(true, 12);
}
