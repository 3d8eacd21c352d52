//! The Redox ABI on a Linux host, for tests and demonstrations.
