//! Kandji through the public door, against a simulated one.

// The paths hold whether this file is a test binary or a module of one.
#[cfg(test)]
#[path = "kandji/bad.rs"]
mod bad;
#[cfg(test)]
#[path = "kandji/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "kandji/lists.rs"]
mod lists;
#[cfg(test)]
#[path = "kandji/profile.rs"]
mod profile;
#[cfg(test)]
#[path = "kandji/rights.rs"]
mod rights;
