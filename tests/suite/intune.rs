//! Intune through the public door, against a simulated Microsoft.

mod answers;
mod bench;
mod lists;
mod login;
mod network;
