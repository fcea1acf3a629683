//! Everything that is tested through public doors, in one binary. Nothing here leaves loopback.
//!
//! `daemon` runs the program as an operator sees it, `demo` asks whether the demo shows everything,
//! `prometheus` lets a real Prometheus look at the demo, `grafana` asks it what the dashboards would ask, `alertmanager` tries
//! the routes, `chain` goes from the event to the message with all of them, and
//! `consistency` holds the code, its documents and its rules against each other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test may stop anywhere")]

mod access;
mod alertmanager;
mod calendar;
mod cells;
mod chain;
mod commands;
mod config;
mod connections;
mod consistency;
mod crash;
mod daemon;
mod demo;
mod desk;
mod documents;
mod drill;
mod faults;
mod first_hour;
#[path = "../../benches/polls/fleet.rs"]
mod fleet;
mod formerly;
mod grafana;
mod guide;
mod hand;
mod handed;
mod handover;
mod import;
mod inspect;
mod intune;
mod jamf;
mod kandji;
mod many;
mod mosyle;
mod network;
mod notify;
mod openapi;
mod package;
mod pages;
mod polls;
mod preflight;
mod prometheus;
mod repin;
mod replicas;
mod said;
mod schema;
mod scrape;
mod setup;
mod soak;
mod support;
mod upload;
mod verify;
mod weight;
