//! Fuzz targets, one for each thing that takes bytes which somebody else made.
//!
//! Each target is a test in `tests/`: what comes out is checked, not only that nothing panics.
//! `cargo test -p fuzz` runs each on a thousand random inputs, or for a second. The same targets
//! are run by a fuzzer that sees which code an input reaches, once `cargo-bolero` is installed:
//!
//! ```sh
//! cargo bolero list -p fuzz
//! cargo +nightly bolero test -p fuzz tables::any_bytes_are_a_table_within_its_disk_or_an_error
//! ```
//!
//! What it finds is kept beside the test that failed, in `tests/__fuzz__`, and is run by `cargo
//! test` from then on. `BOLERO_RANDOM_ITERATIONS` and `BOLERO_RANDOM_TEST_TIME_MS` make the plain
//! runs longer.
#![forbid(unsafe_code)]
