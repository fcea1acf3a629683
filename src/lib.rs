//! `apnswatch` watches the one certificate a year that Apple device management depends on.
//!
//! The map, in the order in which a value travels:
//!
//! - [`config`] turns a YAML file into things that cannot be wrong.
//! - [`provider`] and [`source`] ask: an MDM, or a file on disk. [`certificate`] reads what they hold.
//! - [`poller`] is the only loop. It hands every outcome to the [`store`].
//! - [`evaluate`] turns what the store knows, the policy and the present moment into one `Report`.
//! - [`metrics`], [`web`] and [`cli`] show that report, [`status`] writes it as a document, [`calendar`] as dates. They
//!   decide nothing.
//! - [`guide`] is the walkthrough of a renewal, as data.
//! - [`handover`] is what a stranger needs when the machine is dead, as one sheet.
//! - [`app`] puts the daemon together; [`demo`] is a simulated world on loopback, for people and for the tests.
//!
//! [`model`] holds the words all of them share. `docs/architecture.md` has the drawing and its invariants.

#![forbid(unsafe_code)]

pub mod address;
pub mod app;
pub mod attest;
pub mod blocking;
pub mod calendar;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod evaluate;
pub mod guide;
pub mod handover;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod poller;
pub mod probe;
pub mod provider;
pub mod secret;
pub mod source;
pub mod status;
pub mod store;
pub mod web;
pub mod words;
