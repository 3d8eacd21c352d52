//! The layer that does nothing but pass messages down.
#![no_std]
