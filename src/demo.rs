//! A simulated world on loopback, for people and for the tests.

pub mod certificates;
pub mod intune;
pub mod listener;
pub mod world;
