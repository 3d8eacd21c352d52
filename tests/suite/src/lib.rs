//! What proves the whole: conformance, placement, bad input, house rules.
