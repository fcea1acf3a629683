//! Intune through the public door, against a simulated Microsoft.

// The paths hold whether this file is a test binary or a module of one.
#[cfg(test)]
#[path = "intune/answers.rs"]
mod answers;
#[cfg(test)]
#[path = "intune/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "intune/lists.rs"]
mod lists;
#[cfg(test)]
#[path = "intune/login.rs"]
mod login;
#[cfg(test)]
#[path = "intune/network.rs"]
mod network;
