//! Mosyle through the public door, against a simulated one.

// The paths hold whether this file is a test binary or a module of one.
#[cfg(test)]
#[path = "mosyle/answers.rs"]
mod answers;
#[cfg(test)]
#[path = "mosyle/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "mosyle/login.rs"]
mod login;
#[cfg(test)]
#[path = "mosyle/pages.rs"]
mod pages;
