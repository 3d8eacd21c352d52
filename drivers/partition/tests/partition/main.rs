//! The partition driver: its requests, and the tables that it finds its place in.

mod image;
mod requests;
mod tables;
