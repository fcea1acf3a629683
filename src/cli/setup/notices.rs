//! Who is told, where no Alertmanager does it: one way, as it was asked for or given by options.

mod asked;
mod options;
mod trial;

use std::fmt::Write as _;
use std::path::PathBuf;

pub(super) use self::options::CHOICES;
pub(super) use self::trial::send;
use super::answers::Named;
use super::held::{Credentials, Held};
use crate::cli::yaml::scalar;
use crate::notify::channel::ChannelKind;

/// A way to people.
pub(super) struct Notices {
    /// Which one.
    pub(super) kind: ChannelKind,
    /// What is no secret, by its key below the channel.
    values: Named<String>,
    /// Whom a mail is written to.
    to: Vec<String>,
    /// Its secrets, by their keys below the channel.
    pub(super) secrets: Credentials,
    /// A file with the CA of a receiver of one's own.
    ca_file: Option<PathBuf>,
}

/// A secret of a channel.
#[derive(Debug)]
pub(super) struct Secret {
    /// Its key below the channel.
    pub(super) key: &'static str,
    /// What is asked for.
    pub(super) question: &'static str,
    /// Whether the channel may do without.
    is_optional: bool,
}

const fn secret(key: &'static str, question: &'static str) -> Secret {
    Secret { key, question, is_optional: false }
}

const SMTP: [Secret; 1] = [secret("password_file", "Password of the mail user")];
const SLACK: [Secret; 1] = [secret("url_file", "Address of the incoming webhook")];
const TEAMS: [Secret; 1] = [secret("url_file", "Address of the workflow's webhook")];
const NTFY: [Secret; 2] = [
    secret("url_file", "Address of the topic, such as https://ntfy.sh/TOPIC"),
    Secret { is_optional: true, ..secret("token_file", "Access token of ntfy") },
];
const PAGERDUTY: [Secret; 1] = [secret("routing_key_file", "Integration key of the service (Events API v2)")];
const WEBHOOK: [Secret; 2] = [
    secret("url_file", "Address of the webhook"),
    Secret { is_optional: true, ..secret("authorization_file", "Value of its header Authorization") },
];

impl Notices {
    fn new(kind: ChannelKind) -> Self {
        Self { kind, values: Named::default(), to: Vec::new(), secrets: Credentials::default(), ca_file: None }
    }

    /// The secrets that the channel can have, in the order in which they are asked.
    fn fields(&self) -> &'static [Secret] {
        match self.kind {
            ChannelKind::Smtp if !self.values.has("username") => &[],
            ChannelKind::Smtp => &SMTP,
            ChannelKind::Slack => &SLACK,
            ChannelKind::Teams => &TEAMS,
            ChannelKind::Ntfy => &NTFY,
            ChannelKind::Pagerduty => &PAGERDUTY,
            ChannelKind::Webhook => &WEBHOOK,
        }
    }

    /// The secrets that are still to come.
    pub(super) fn open(&self) -> impl Iterator<Item = &'static Secret> {
        self.fields().iter().filter(|secret| !secret.is_optional && !self.secrets.has(secret.key))
    }

    /// The secrets, each with a name for its file in front, and its key.
    pub(super) fn held(&self) -> impl Iterator<Item = (String, &'static str, &Held)> {
        let name = |key: &str| format!("{}-{}", self.kind.as_str(), key.trim_end_matches("_file").replace('_', "-"));
        self.secrets.0.iter().map(move |(key, held)| (name(key), *key, held))
    }

    /// `notify`, as it stands in the configuration, with the files of its secrets.
    pub(super) fn yaml(&self, secrets: &Named<PathBuf>, yaml: &mut String) {
        let _ = write!(
            yaml,
            "# Who is told. docs/notify.md has the other ways, office hours and the heartbeat; apnswatch drill tries it.\n\
             notify:\n  {}:\n",
            self.kind.as_str()
        );
        for (key, value) in &self.values.0 {
            let _ = writeln!(yaml, "    {key}: {}", scalar(value));
        }
        if !self.to.is_empty() {
            let to: Vec<String> = self.to.iter().map(|to| scalar(to)).collect();
            let _ = writeln!(yaml, "    to: [{}]", to.join(", "));
        }
        for (key, path) in &secrets.0 {
            let _ = writeln!(yaml, "    {key}: {}", scalar(&path.to_string_lossy()));
        }
        if let Some(path) = &self.ca_file {
            let _ = writeln!(yaml, "  network:\n    ca_files: [{}]", scalar(&path.to_string_lossy()));
        }
        yaml.push('\n');
    }
}

/// The people of a list with commas.
fn people(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|to| !to.is_empty()).map(str::to_owned)
}

/// Whom a mail comes from, where nobody says it: this program, in the domain of whoever reads it.
fn sender(to: &[String]) -> Option<String> {
    let (_, domain) = to.first()?.trim_end_matches('>').rsplit_once('@')?;
    Some(format!("apnswatch <apnswatch@{domain}>"))
}
