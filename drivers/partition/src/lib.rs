//! One partition (GPT or MBR) of the block port below.
#![no_std]
