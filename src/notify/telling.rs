//! The words of a condition, which are those of its alert.

use super::key::Key;
use super::news::News;
use super::template;
use crate::address;
use crate::words;

/// What is said of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What is known, who can act, the next step: a paragraph each.
    pub paragraphs: Vec<String>,
}

impl News<'_> {
    /// What is left until the end that a condition is about, in words.
    #[must_use]
    pub fn left(&self, key: &Key) -> Option<String> {
        let tenant = self.tenant(key.label("tenant")?)?;
        let now = self.facts.report.now;
        let end = match key.alert.as_str() {
            "ApnsCertificateExpiry" => tenant.effective.as_ref()?.not_after,
            "ApnsCredentialExpiry" => tenant.credential_not_after?,
            "AppleTokenExpiry" => {
                let is_meant = |token: &&crate::evaluate::tokens::TokenReport| {
                    Some(token.token.kind.as_str()) == key.label("kind")
                        && Some(token.label.as_str()) == key.label("token")
                };
                tenant.tokens.iter().find(is_meant)?.token.not_after?
            }
            _ => return None,
        };
        Some(words::until(end, now))
    }

    /// The words of a condition.
    #[must_use]
    pub fn told(&self, key: &Key) -> Told {
        let value = self.standing.get(key).map_or(1.0, |standing| standing.value);
        let template = key.rule().map(|rule| rule.description).unwrap_or_default();
        let text = template::fill(template, &key.labels, value, &self.facts).unwrap_or_else(|error| {
            tracing::error!(alert = key.alert, %error, "a notice has less in it than it should");
            format!("{}: see the page of apnswatch.", key.name())
        });
        Told { paragraphs: paragraphs(&words::clean(&text, 6000)) }
    }

    /// The sentence that leads a message about such conditions.
    #[must_use]
    pub fn summary(&self, key: &Key) -> String {
        let template = key.rule().map(|rule| rule.summary).unwrap_or_default();
        let text = template::fill(template, &key.labels, 1.0, &self.facts).unwrap_or_else(|_| key.alert.clone());
        words::clean(text.trim_end_matches('.'), 300)
    }

    /// The page about a condition; of many the first one. None where nobody said where people reach the page.
    #[must_use]
    pub fn link(&self, key: Option<&Key>) -> Option<String> {
        let base = self.page?.as_str().trim_end_matches('/');
        let tenant = key.and_then(|key| key.label("tenant")).and_then(|name| self.tenant(name));
        let path = match (tenant, key) {
            (Some(tenant), _) => address::of_tenant(&tenant.name),
            (None, Some(key)) if key.labels.contains_key("site") => "/network".to_owned(),
            (None, _) => "/".to_owned(),
        };
        Some(format!("{base}{path}"))
    }
}

/// The words of a rule are one line; who can act and what to do next begin a paragraph each.
fn paragraphs(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let next = ["Who can act: ", "Next step: "]
            .iter()
            .filter_map(|mark| rest.match_indices(mark).map(|(at, _)| at).find(|at| *at > 0))
            .min();
        let (paragraph, after) = rest.split_at(next.unwrap_or(rest.len()));
        out.push(paragraph.trim().to_owned());
        rest = after;
    }
    out
}
