//! One suite for every driver in every placement: see `tests/conformance`.
