//! A simulated world on loopback, for people and for the tests.

pub mod certificates;
pub mod intune;
pub mod jamf;
pub mod listener;
mod reply;
mod service;
pub mod world;
