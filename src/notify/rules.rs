//! The alert rules of `deploy/prometheus/apnswatch.rules.yaml`, as far as notices need them: their words and how long each
//! condition must hold. They are taken from that file when the program is built, so that whoever is told by Prometheus and
//! whoever is told by us read the same.

/// One alert in one severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name of the alert.
    pub alert: &'static str,
    /// `critical`, `warning` or `info`; empty where the condition brings its own.
    pub severity: &'static str,
    /// For how many seconds the condition must hold before anybody is told.
    pub hold: u32,
    /// What it is about, in a sentence.
    pub summary: &'static str,
    /// What is known, who can act and the next step: a template of Prometheus, see [`super::template`].
    pub description: &'static str,
}

/// Every alert, in the order of the file.
pub const RULES: &[Rule] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The alerts that no notice can take the place of, and why.
pub const ONLY_BY_PROMETHEUS: [(&str, &str); 4] = [
    ("ApnswatchDown", "who is dead tells nobody: notify.heartbeat is for that"),
    (
        "ApnswatchWatchdog",
        "it proves that Prometheus and Alertmanager work; notify.heartbeat proves that this program does",
    ),
    (
        "ApnsSourceStale",
        "a source that told nothing for three intervals counts as failing, and ApnsSourceFailing tells it",
    ),
    ("ApnsRenewalPlanned", "it goes to nobody: it keeps another alert quiet, which notices do without it"),
];

/// The rule of an alert in a severity. One whose severity is empty fits any.
#[must_use]
pub fn rule(alert: &str, severity: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.alert == alert && (rule.severity == severity || rule.severity.is_empty()))
}
