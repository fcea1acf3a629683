//! `apnswatch` watches the one certificate a year that Apple device management depends on.
//!
//! The map, in the order in which a value travels:
//!
//! - [`config`] turns a YAML file into things that cannot be wrong.
//! - [`provider`] and [`source`] ask: an MDM, or a file on disk. [`certificate`] reads what they hold.
//! - [`demo`] is a simulated world on loopback, for people and for the tests.
//!
//! [`model`] holds the words all of them share. `docs/architecture.md` has the drawing and its invariants.

#![forbid(unsafe_code)]

pub mod certificate;
pub mod cli;
pub mod config;
pub mod demo;
pub mod model;
pub mod provider;
pub mod secret;
pub mod source;
pub mod words;
