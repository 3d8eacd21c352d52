//! File requests on a RedoxFS that lies on any block port.
#![no_std]
