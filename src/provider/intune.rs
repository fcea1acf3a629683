//! Microsoft Intune, by Microsoft Graph.

use std::path::PathBuf;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::model::Problem;

/// `mdm` of a tenant with `kind: intune`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Entra directory (tenant) that is asked: its GUID or a verified domain.
    pub directory: String,
    /// Which of Microsoft's clouds. `global` if neither this nor the two addresses are given.
    #[serde(default)]
    pub cloud: Option<Cloud>,
    /// The login address, together with `graph_url` and instead of `cloud`.
    #[serde(default)]
    pub login_url: Option<String>,
    /// The Graph address, together with `login_url` and instead of `cloud`.
    #[serde(default)]
    pub graph_url: Option<String>,
    /// The application (client) id.
    pub client_id: String,
    /// File with the client secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// File with the certificate of a certificate assertion.
    #[serde(default)]
    pub client_certificate_file: Option<PathBuf>,
    /// File with its RSA key.
    #[serde(default)]
    pub client_key_file: Option<PathBuf>,
    /// File with the token of another identity provider (workload identity federation). It rotates.
    #[serde(default)]
    pub federated_token_file: Option<PathBuf>,
    /// When the credential ends, as far as a person knows.
    #[serde(default)]
    pub credential_expires: Option<NaiveDate>,
    /// Whether ADE and VPP tokens are asked for, once that is built.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// Whether check-ins of devices are asked for, once that is built.
    #[serde(default = "yes")]
    pub push: bool,
}

fn yes() -> bool {
    true
}

/// Microsoft's clouds. Login host, Graph host and scope of a cloud belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The worldwide cloud, GCC included.
    Global,
    /// US Government L4 (GCC High).
    Usgov,
    /// US Government L5 (Department of Defense).
    UsgovDod,
    /// China, run by 21Vianet.
    China,
}

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let _ = (path, problems);
    }
}
