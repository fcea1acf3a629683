//! A simulated world on loopback, for people and for the tests.

pub mod apple;
pub mod asked;
pub mod certificates;
pub mod intune;
pub mod jamf;
pub mod kandji;
pub mod listener;
pub mod mosyle;
pub mod reply;
pub mod resolver;
pub mod server;
pub mod world;
