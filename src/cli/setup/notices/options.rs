//! The same by options.

use std::path::Path;

use super::{Notices, people, sender};
use crate::cli::End;
use crate::cli::setup::held::Held;
use crate::cli::setup::options::{Choice, Options, absolute, choice, text};
use crate::cli::setup::spot::{Spot, Target};
use crate::notify::channel::ChannelKind;

/// Every option about notices that takes a value.
pub(in crate::cli::setup) static CHOICES: [Choice; 10] = [
    choice(
        "notify",
        "WAY",
        "How people are told: mail, slack, teams, ntfy, pagerduty, webhook; none where Alertmanager does it",
        way,
    ),
    choice("mail-server", "HOST:PORT", "The mail server (mail)", text),
    choice("mail-tls", "TLS", "starttls, implicit, or none for a server on this machine (mail)", tls),
    choice("mail-from", "ADDRESS", "Who writes; otherwise apnswatch in the domain of the first reader (mail)", text),
    Choice { is_many: true, ..choice("mail-to", "ADDRESS", "Who is written to; more than once for more (mail)", text) },
    choice("mail-user", "NAME", "The user of the mail server, whose password is the secret (mail)", text),
    choice("pagerduty-url", "URL", "Where its events go, such as https://events.eu.pagerduty.com/ (pagerduty)", text),
    choice(
        "notify-secret-file",
        "FILE",
        "A file with the password, the address or the integration key, which stays where it is; otherwise it is asked \
         for, or piped in behind the secrets of the MDM",
        text,
    ),
    choice(
        "notify-login-file",
        "FILE",
        "A file with the access token (ntfy) or the value of the header Authorization (webhook)",
        text,
    ),
    choice("notify-ca-file", "FILE", "A file with the CA of a receiver of your own", text),
];

/// The options that say something with one way alone.
static VALUES: [(&str, &str, ChannelKind); 5] = [
    ("mail-server", "server", ChannelKind::Smtp),
    ("mail-tls", "tls", ChannelKind::Smtp),
    ("mail-from", "from", ChannelKind::Smtp),
    ("mail-user", "username", ChannelKind::Smtp),
    ("pagerduty-url", "url", ChannelKind::Pagerduty),
];

/// What stands for no way at all.
const NONE: &str = "none";

fn way(text: &str) -> Result<String, String> {
    let text = if text == "mail" { ChannelKind::Smtp.as_str() } else { text };
    let is_one = text == NONE || ChannelKind::parse(text).is_some();
    let wrong = || "must be mail, slack, teams, ntfy, pagerduty, webhook or none".to_owned();
    is_one.then(|| text.to_owned()).ok_or_else(wrong)
}

fn tls(text: &str) -> Result<String, String> {
    let word = ["starttls", "implicit", "none"].into_iter().find(|word| *word == text);
    word.map(str::to_owned).ok_or_else(|| "must be starttls, implicit or none".to_owned())
}

impl Options {
    /// Whether the options say how people are told, be it that nobody is told from here.
    pub(in crate::cli::setup) fn says_who_is_told(&self) -> bool {
        self.get("notify").is_some()
    }

    /// The way that was given, with what was given of it.
    ///
    /// # Errors
    ///
    /// If an option says nothing here.
    pub(in crate::cli::setup) fn notices(&self, spot: &Spot) -> Result<Option<Notices>, End> {
        let kind = self.get("notify").and_then(ChannelKind::parse);
        if let (Target::Beside(_), Some(_)) = (&spot.target, kind) {
            return Err(End::Usage(format!(
                "--notify says nothing beside {}, which is not touched: put notify into it (docs/notify.md)",
                spot.main.display()
            )));
        }
        match kind {
            Some(kind) => self.way(kind).map(Some),
            None => Ok(None),
        }
    }

    /// An option that says something only with a way, where none is given.
    pub(in crate::cli::setup) fn stray_notices(&self) -> Option<End> {
        let is_way = self.get("notify").is_some_and(|way| way != NONE);
        let given = CHOICES.iter().map(|choice| choice.long).find(|long| *long != "notify" && self.get(long).is_some());
        let stray = given.or_else(|| self.test_notice.then_some("test-notice")).filter(|_| !is_way)?;
        Some(End::Usage(format!("--{stray} takes --notify with a way")))
    }

    /// A way, with what was given of it.
    ///
    /// # Errors
    ///
    /// If an option says nothing with the way that was given. With one that was chosen later it is passed over.
    pub(in crate::cli::setup) fn way(&self, kind: ChannelKind) -> Result<Notices, End> {
        let is_given = self.says_who_is_told();
        let idle = |long: &str| End::Usage(format!("--{long} says nothing with --notify {}", kind.as_str()));
        let mut notices = Notices::new(kind);
        for (long, key, of) in &VALUES {
            let Some(value) = self.get(long) else { continue };
            if *of == kind {
                notices.values.set(key, value.to_owned());
            } else if is_given {
                return Err(idle(long));
            }
        }
        if kind == ChannelKind::Smtp {
            notices.to = self.all("mail-to").flat_map(people).collect();
        } else if is_given && self.get("mail-to").is_some() {
            return Err(idle("mail-to"));
        }
        let mut secrets = notices.fields().iter();
        for long in ["notify-secret-file", "notify-login-file"] {
            match (secrets.next(), self.get(long)) {
                (Some(secret), Some(file)) => {
                    notices.secrets.set(secret.key, Held::There(absolute(Path::new(file))?));
                }
                (None, Some(_)) if is_given => return Err(idle(long)),
                (None, Some(_)) | (_, None) => {}
            }
        }
        notices.ca_file = self.get("notify-ca-file").map(|file| absolute(Path::new(file))).transpose()?;
        Ok(notices)
    }
}

impl Notices {
    /// The options that are missing where nobody is asked. What can be guessed is.
    pub(in crate::cli::setup) fn missing(&mut self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.kind == ChannelKind::Smtp {
            if !self.values.has("server") {
                missing.push("--mail-server HOST:PORT");
            }
            match sender(&self.to) {
                None if self.to.is_empty() => missing.push("--mail-to ADDRESS"),
                Some(from) if !self.values.has("from") => self.values.set("from", from),
                _ => {}
            }
        }
        missing
    }
}
