//! The configuration that is in force while the daemon runs.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Config;

/// The configuration in force, and how the last reload went.
#[derive(Clone, Debug)]
pub struct Running {
    /// The configuration.
    pub config: Arc<Config>,
    /// When it was read.
    pub since: DateTime<Utc>,
    /// Whether the last reload went well; if not, the configuration is an older one.
    pub is_current: bool,
}
