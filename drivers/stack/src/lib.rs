//! Stacks of drivers, composed from a description.
#![no_std]
