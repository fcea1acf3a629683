//! The daemon as an operator sees it: a process, its metrics, its pages, its exit status.

mod clock;
mod commands;
mod damaged;
mod hostile;
mod http;
mod lasting;
mod reload;
mod secrets;
mod service;
mod stopping;
