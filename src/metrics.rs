//! The answer to a scrape, in Prometheus' classic text format.
//!
//! Two kinds of series are kept apart. [`Counters`] count what this process did; they are registered once and live as
//! long as it. Everything else is written from the report at the scrape ([`inventory`]), so that what left the
//! configuration leaves no ghost, and days are computed at the moment they are asked for.

pub mod counters;
pub mod inventory;
mod mdm;
mod network;
mod short;
mod tenants;
mod text;

pub use counters::Counters;
pub use inventory::{Answer, Encoding, ProcessState, render};
