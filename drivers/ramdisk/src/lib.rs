//! A sparse disk in memory.
#![no_std]
