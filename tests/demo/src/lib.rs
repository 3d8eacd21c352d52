//! The demonstration, and the way to try portd and portctl on a Linux host.
