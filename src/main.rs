//! The `apnswatch` program.

fn main() {}
