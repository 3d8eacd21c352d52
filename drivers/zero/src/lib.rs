//! The zero device: reads give zeros, writes vanish.
#![no_std]
