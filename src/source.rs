//! What can be polled, seen from the poller: it knows neither files from MDMs nor one MDM from another.

pub mod device;
pub mod file;
mod paths;
pub mod pool;
pub mod profile;
mod read;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use crate::model::{Outcome, Source};

/// One thing that can be polled for a tenant.
pub trait Poll: Send + Sync + 'static {
    /// Which of the tenant's sources it is.
    fn source(&self) -> Source;

    /// Who is asked, such as a cloud and a directory. What another one told before is not its answer: when this text
    /// differs from the one that stands beside a kept observation, the observation is dropped.
    fn identity(&self) -> String;

    /// The host that is asked, for the limit of connections per host; `None` if nothing leaves this machine.
    fn host(&self) -> Option<String>;

    /// Asks once. `now` is the wall clock, for what has to be signed with a time. The poller owns the deadline: the
    /// future is dropped when it has passed.
    fn poll(&self, now: DateTime<Utc>) -> BoxFuture<'_, Outcome>;
}
