//! A message, before it takes the form of a channel.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::key::{Key, Severity};
use super::news::News;
use crate::words;

/// Up to so many conditions are told in full.
const IN_FULL: usize = 5;

/// Of more conditions so many are named.
pub const NAMED: usize = 20;

/// What is said of what nobody looks at any more.
const UNWATCHED: &str = "It left the configuration: nobody watches it any more, and nobody knows whether it is over.";

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something stands that did not.
    Entered,
    /// It still stands.
    Repeated,
    /// It is over.
    Resolved,
    /// What is to be planned and what nobody knows.
    Digest,
}

impl Kind {
    /// The word for machines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
            Self::Digest => "digest",
        }
    }
}

/// A message. It is kept until its receiver has acknowledged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its own, for whoever must know whether two are one.
    pub id: String,
    /// What all messages about the same have in common.
    pub thread: String,
    /// What it tells.
    pub kind: Kind,
    /// How severe that is.
    pub severity: Severity,
    /// The name of the alert; `Digest` for the list.
    pub alert: String,
    /// One line, whom it is about in front.
    pub title: String,
    /// Paragraphs.
    pub body: Vec<String>,
    /// The page about it.
    pub link: Option<String>,
    /// How many conditions it tells of.
    pub count: usize,
    /// Whether nothing is wrong, and somebody drills.
    pub is_drill: bool,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// It only closes what is told otherwise now: people need not read it.
    pub is_quiet: bool,
}

/// Whom conditions are about: one by its name, more of them by their number.
pub(super) fn who(names: &[String], total: usize) -> String {
    match names {
        [one] if total <= 1 => one.clone(),
        _ => format!("{total} tenants"),
    }
}

/// The names of conditions, each once, in their order.
pub(super) fn names<'k>(keys: impl Iterator<Item = &'k Key>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for key in keys {
        let name = key.name();
        if seen.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

/// The title of a message about these.
pub(super) fn title(news: &News<'_>, keys: &[&Key], kind: Kind) -> String {
    let names = names(keys.iter().copied());
    let left = match keys {
        [key] => news.left(key).map(|left| format!(", {left}")).unwrap_or_default(),
        _ => String::new(),
    };
    let summary = keys.first().map(|key| news.summary(key)).unwrap_or_default();
    let still = if kind == Kind::Repeated { "Still: " } else { "" };
    format!("{still}{}{left}: {summary}", who(&names, names.len()))
}

/// What is said of these: a few in full, of more their names, and how many more there are.
pub(super) fn body(news: &News<'_>, keys: &[&Key], is_in_full: bool) -> Vec<String> {
    let mut out = Vec::new();
    if is_in_full && keys.len() <= IN_FULL {
        for key in keys {
            out.extend(news.told(key).paragraphs);
        }
    } else {
        // What to do about the first one holds for all of them.
        let mut lines = Vec::new();
        for key in keys.iter().take(NAMED) {
            let detail = key.detail();
            let detail = if detail.is_empty() { detail } else { format!(", {detail}") };
            let left = news.left(key).map(|left| format!(", {left}")).unwrap_or_default();
            lines.push(format!("- {}{detail}{left}", key.name()));
        }
        if keys.len() > NAMED {
            lines.push(format!("and {} more", keys.len() - NAMED));
        }
        out.push(lines.join("\n"));
        if is_in_full && let Some(first) = keys.first() {
            out.push(format!("Of the first of them: {}", news.told(first).paragraphs.join("\n")));
        }
    }
    if is_in_full && let Some(first) = keys.first() {
        out.push(format!("Runbook: the heading {} of docs/runbook.md.", first.alert));
    }
    out
}

/// What is said when something is over for these: the first ones by name, and how many there are. `others` still stand.
pub(super) fn ended(
    news: &News<'_>,
    key: &Key,
    (names, total): (&[String], usize),
    unwatched: usize,
    others: &[&Key],
) -> (String, Vec<String>) {
    let title = format!("Ended: {}: {}", who(names, total), news.summary(key));
    let why = match unwatched {
        0 => "It is over.".to_owned(),
        all if all >= total => UNWATCHED.to_owned(),
        some => format!(
            "It is over, but for {} that left the configuration: nobody watches those any more.",
            words::counted(some, "tenant")
        ),
    };
    let mut lines: Vec<String> = names.iter().take(NAMED).map(|name| format!("- {name}")).collect();
    if total > lines.len() {
        lines.push(format!("and {} more", total - lines.len()));
    }
    let mut body = vec![why, lines.join("\n")];
    body.extend(standing(news, others));
    (title, body)
}

/// What is said when what was told is over, but the same stands in another way for everybody of whom it was told.
pub(super) fn ended_in_part(
    news: &News<'_>,
    key: &Key,
    (names, total): (&[String], usize),
    unwatched: usize,
    others: &[&Key],
) -> (String, Vec<String>) {
    let title = format!("Ended in part: {}: {}", who(names, total), news.summary(key));
    let why = if unwatched == 0 { "What was told here is over, but not all of its kind." } else { UNWATCHED };
    (title, [why.to_owned()].into_iter().chain(standing(news, others)).collect())
}

/// What is not over.
fn standing(news: &News<'_>, others: &[&Key]) -> Option<String> {
    let list = || body(news, others, false).join("\n");
    (!others.is_empty()).then(|| format!("The same still stands, or stands again, and is not over:\n{}", list()))
}
