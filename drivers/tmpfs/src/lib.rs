//! A complete file system in memory.
#![no_std]
