//! A block port as the disk of the redoxfs library.
#![no_std]
