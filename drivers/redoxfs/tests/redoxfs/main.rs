//! The RedoxFS driver on a RAM disk, asked directly.

mod contents;
mod damage;
mod fs;
mod listing;
mod mounting;
mod names;
mod rights;
mod space;
