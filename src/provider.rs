//! The MDMs, one file each, behind one trait.
//!
//! A provider holds only paths, shapes and meaning: its settings, its wire shapes, a pure `parse`, its requests.
//! Time-outs, retries, `Retry-After`, the token cache, the body limit, the origin check and redaction are
//! [`http`]'s. Nothing here writes to an MDM.

pub mod access;
pub mod http;
pub mod intune;
pub mod jamf;
pub mod kandji;
pub mod mosyle;
mod settings;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use self::access::Access;
use crate::model::{MdmKind, Outcome, Source};
use crate::source::Poll;

/// One tenant's MDM, as far as it can be asked.
pub trait Provider: Send + Sync + 'static {
    /// The kind, a label value.
    fn kind(&self) -> MdmKind;

    /// The sources that this MDM is asked for.
    fn sources(&self) -> Vec<Source>;

    /// See [`Poll::identity`].
    fn identity(&self) -> String;

    /// The host of the API.
    fn host(&self) -> String;

    /// Asks for one of [`Self::sources`].
    fn poll(&self, source: Source, now: DateTime<Utc>) -> BoxFuture<'_, Outcome>;

    /// Tries everything that this login should be able to read, each once: for a person who sets it up.
    fn access(&self, now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>>;
}

/// The polls of a provider: one for each source it can serve. They share the provider, and so its login.
#[must_use]
pub fn polls(provider: &Arc<dyn Provider>) -> Vec<Arc<dyn Poll>> {
    provider
        .sources()
        .into_iter()
        .map(|source| Arc::new(ProviderPoll { provider: Arc::clone(provider), source }) as Arc<dyn Poll>)
        .collect()
}

struct ProviderPoll {
    provider: Arc<dyn Provider>,
    source: Source,
}

impl Poll for ProviderPoll {
    fn source(&self) -> Source {
        self.source
    }

    fn identity(&self) -> String {
        self.provider.identity()
    }

    fn host(&self) -> Option<String> {
        Some(self.provider.host())
    }

    fn poll(&self, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        self.provider.poll(self.source, now)
    }
}

/// The rights that a login of an MDM needs, whatever a tenant asks for; none where no MDM is asked.
#[must_use]
pub fn rights(kind: MdmKind) -> Vec<access::Right> {
    match kind {
        MdmKind::Intune => intune::rights(),
        MdmKind::Jamf => jamf::rights(),
        MdmKind::Kandji => kandji::rights(),
        MdmKind::Mosyle => mosyle::rights(),
        MdmKind::None => Vec::new(),
    }
}
