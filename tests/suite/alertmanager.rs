//! The shipped routes in a real Alertmanager, their durations made short by `scripts/fast-routes`.

mod manners;
mod routes;
mod server;
mod texts;

pub(crate) use server::{Alertmanager, Notice, Receiver, free_port};
