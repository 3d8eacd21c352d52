//! The scheme daemon that hosts stacks of drivers.
