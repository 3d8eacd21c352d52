//! Benchmarks: what a message costs beside a plain call.
