//! The ways to people: one file for each.

mod ntfy;
mod pagerduty;
mod slack;
mod smtp;
mod teams;
mod web;
pub(crate) mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::config::Network;
use crate::config::notify::Place;
use crate::model::{Failure, Reason};
use crate::provider::http::Errand;
use crate::secret::SecretFile;

/// A kind of channel: its key in the configuration, and the value of the label `channel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Mail.
    Smtp,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// ntfy.
    Ntfy,
    /// `PagerDuty`, Events API v2.
    Pagerduty,
    /// Anything else that takes a POST.
    Webhook,
}

impl ChannelKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Smtp, Self::Slack, Self::Teams, Self::Ntfy, Self::Pagerduty, Self::Webhook];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Ntfy => "ntfy",
            Self::Pagerduty => "pagerduty",
            Self::Webhook => "webhook",
        }
    }

    /// The kind with this label value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it keeps an incident open until it is told that it is over, also when people need not read that.
    #[must_use]
    pub fn keeps_state(self) -> bool {
        matches!(self, Self::Pagerduty | Self::Webhook)
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What went wrong. It holds nothing of a secret.
    pub failure: Failure,
    /// Whether it is refused for what it is, and would be again.
    pub is_about_message: bool,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, is_about_message: false }
    }
}

/// A channel, ready to send.
#[derive(Clone, Debug)]
pub struct Channel {
    place: Place,
    network: Network,
    /// The files of its secrets, read anew each time. By path, so that one that hangs is not read twice at once.
    files: BTreeMap<PathBuf, SecretFile>,
}

impl Channel {
    /// A channel as the configuration has it.
    #[must_use]
    pub fn new(place: &Place, network: &Network) -> Self {
        let files: Vec<&PathBuf> = match place {
            Place::Smtp(smtp) => smtp.password_file.iter().collect(),
            Place::Address { url_file, token_file } => std::iter::once(url_file).chain(token_file).collect(),
            Place::Pagerduty { routing_key_file, .. } => vec![routing_key_file],
            Place::Webhook(webhook) => std::iter::once(&webhook.url_file).chain(&webhook.authorization_file).collect(),
        };
        let files = files.into_iter().map(|path| (path.clone(), SecretFile::new(path))).collect();
        Self { place: place.clone(), network: network.clone(), files }
    }

    fn file(&self, path: &PathBuf) -> SecretFile {
        self.files.get(path).cloned().unwrap_or_else(|| SecretFile::new(path))
    }

    /// Sends a message. When this returns well, its receiver has acknowledged it.
    ///
    /// # Errors
    ///
    /// Why it was not taken. It may have been taken all the same, where the answer was lost.
    pub async fn send(&self, kind: ChannelKind, message: &Message, now: DateTime<Utc>) -> Result<(), Refusal> {
        match &self.place {
            Place::Smtp(settings) => {
                let password = settings.password_file.as_ref().map(|path| self.file(path));
                smtp::send(settings, password, &self.network, message).await
            }
            Place::Address { url_file, token_file } => {
                let errand = web::address(&self.file(url_file), &self.network).await?;
                let login = match token_file {
                    Some(path) => Some(web::authorization(&self.file(path), "Bearer ").await?),
                    None => None,
                };
                match kind {
                    ChannelKind::Ntfy => {
                        let wrong = || {
                            let what = format!("the address in {} must end in a topic", url_file.display());
                            Failure::new(Reason::Malformed, what)
                        };
                        let (url, topic) = ntfy::parts(errand.url()).ok_or_else(wrong)?;
                        let errand = errand.at(url);
                        web::post_json(&errand, login, &ntfy::document(message, &topic), now).await
                    }
                    ChannelKind::Teams => web::post_json(&errand, login, &teams::document(message), now).await,
                    _ => web::post_json(&errand, login, &slack::document(message), now).await,
                }
            }
            Place::Pagerduty { routing_key_file, url } => {
                let file = self.file(routing_key_file);
                let secret = file.fetch().await?;
                let routing_key = web::text_of(&secret, &file)?;
                let address = format!("{}/v2/enqueue", url.as_str().trim_end_matches('/'));
                let errand = Errand::new(&address, &self.network, web::PATIENCE)?;
                web::post_json(&errand, None, &pagerduty::document(message, routing_key), now).await
            }
            Place::Webhook(settings) => {
                let errand = web::address(&self.file(&settings.url_file), &self.network).await?;
                let login = match &settings.authorization_file {
                    Some(path) => Some(web::authorization(&self.file(path), "").await?),
                    None => None,
                };
                let body = match &settings.template {
                    Some(template) => webhook::filled(template, message),
                    None => webhook::document(message).to_string(),
                };
                web::post(&errand, login, &settings.content_type, body, now).await
            }
        }
    }
}

/// Asks the address in a file, to say that all goes on.
///
/// # Errors
///
/// If it gives no good answer.
pub async fn beat(file: &SecretFile, network: &Network, now: DateTime<Utc>) -> Result<(), Refusal> {
    let errand = web::address(file, network).await?;
    let answer = errand.get(now).await?;
    web::judge(&errand.host(), &answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::key::Severity;
    use crate::notify::message::Kind;

    /// A message.
    pub(super) fn message() -> Message {
        Message {
            id: "x-2".to_owned(),
            thread: "x-1".to_owned(),
            kind: Kind::Entered,
            severity: Severity::Critical,
            alert: "ApnsCertificateExpiry".to_owned(),
            title: "acme: it has expired".to_owned(),
            body: vec!["It is past its end.".to_owned(), "Next step: renew it.".to_owned()],
            link: Some("https://watch.example.com/tenants/acme".to_owned()),
            count: 1,
            is_drill: false,
            at: "2026-09-09T10:00:00Z".parse().unwrap(),
            is_quiet: false,
        }
    }
}
