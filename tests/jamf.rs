//! Jamf Pro through the public door, against a simulated one.

// The paths hold whether this file is a test binary or a module of one.
#[cfg(test)]
#[path = "jamf/access.rs"]
mod access;
#[cfg(test)]
#[path = "jamf/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "jamf/login.rs"]
mod login;
#[cfg(test)]
#[path = "jamf/notices.rs"]
mod notices;
#[cfg(test)]
#[path = "jamf/profile.rs"]
mod profile;
#[cfg(test)]
#[path = "jamf/push.rs"]
mod push;
#[cfg(test)]
#[path = "jamf/tokens.rs"]
mod tokens;
