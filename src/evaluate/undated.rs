//! The dates of a tenant that nobody knows, besides the end of its certificate: a list without them looks whole.

use super::TenantReport;
use crate::model::{MdmKind, Source};

impl TenantReport {
    /// Whether there is a login of ours at its MDM of which nobody knows when it ends.
    #[must_use]
    pub fn is_login_undated(&self) -> bool {
        self.mdm != MdmKind::None && self.credential_not_after.is_none()
    }

    /// Whether nobody ever said which tokens there are, none among them: neither its MDM nor the configuration.
    #[must_use]
    pub fn are_tokens_untold(&self) -> bool {
        let is_told = self.sources.iter().any(|source| source.source == Source::Tokens && source.told.is_some());
        self.tokens.is_empty() && !is_told
    }
}
