//! The wall clock, handed to those few who may read it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::evaluate::report::Moment;

/// When this program was built, in seconds of the Unix epoch; set by `build.rs`.
const BUILT: &str = env!("APNSWATCH_BUILT");

/// A source of the present moment: the machine's clock, or a test's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that somebody else winds.
    pub fn from_fn(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }

    /// What time it is, with what is needed to doubt it.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { now: self.now(), built: built() }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// When this program was built.
#[must_use]
pub fn built() -> DateTime<Utc> {
    BUILT.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or(DateTime::UNIX_EPOCH)
}
