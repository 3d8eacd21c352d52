//! One suite for every driver in every placement: the results are the model's.
//!
//! | placement | |
//! | --- | --- |
//! | static | the drivers call each other, and the test calls the topmost; nothing is around them |
//! | neighbours | as a host of drivers places them: contained, and serialized where they say so |
//! | service | in a daemon, asked from another process by a scheme agent |
//! | mixed | each driver in a daemon of its own |
#![cfg(not(target_os = "redox"))]

mod aborts;
mod block;
mod character;
mod chores;
#[path = "../../../../scheme/portd/tests/common/mod.rs"]
mod common;
mod errors;
mod file;
mod image;
mod invariants;
mod layers;
mod locks;
mod made;
mod placement;
mod spied;
mod stacks;
mod table;

#[test]
fn every_block_driver_is_the_model_in_every_placement() {
    block::every_block_driver_is_the_model_in_every_placement();
}

#[test]
fn every_character_driver_is_the_model_in_every_placement() {
    character::every_character_driver_is_the_model_in_every_placement();
}

#[test]
fn every_file_driver_is_the_model_in_every_placement() {
    file::every_file_driver_is_the_model_in_every_placement();
}

#[test]
fn every_layer_keeps_its_invariant_in_every_placement() {
    invariants::every_layer_keeps_its_invariant_in_every_placement();
}

#[test]
fn every_documented_error_is_the_same_in_every_placement() {
    errors::every_documented_error_is_the_same_in_every_placement();
}

#[test]
fn what_several_do_at_once_ends_as_the_model_in_every_placement() {
    file::what_several_do_at_once_ends_as_the_model_in_every_placement();
}

#[test]
fn locks_are_the_model_in_every_placement() {
    locks::locks_are_the_model_in_every_placement();
}

#[test]
fn what_is_kept_comes_back_when_it_is_aborted_in_every_placement() {
    aborts::what_is_kept_comes_back_when_it_is_aborted_in_every_placement();
}
