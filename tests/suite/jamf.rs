//! Jamf Pro through the public door, against a simulated one.

mod access;
mod bench;
mod login;
mod notices;
mod profile;
mod push;
mod tokens;
