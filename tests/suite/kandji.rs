//! Kandji through the public door, against a simulated one.

mod bad;
mod bench;
mod lists;
mod profile;
mod rights;
