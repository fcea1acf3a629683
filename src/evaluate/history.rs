//! What happened to a tenant, as far as it is remembered, the latest first.

use chrono::{DateTime, Utc};

use crate::model::{Memory, Statement};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was seen or said.
    pub at: DateTime<Utc>,
    /// What: lower case, no full stop.
    pub sentence: String,
    /// Who said so, if a person did.
    pub by: Option<String>,
    /// In that person's words.
    pub note: Option<String>,
    /// The second admin, who looked on.
    pub witness: Option<String>,
    /// The number of the ticket.
    pub ticket: Option<String>,
}

/// The history: certificates as they were first seen, drift, failures that go on, and what people attested.
#[must_use]
pub fn history(memory: &Memory) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut seen = |at, sentence| {
        events.push(Event { at, sentence, by: None, note: None, witness: None, ticket: None });
    };
    for (source, state) in &memory.sources {
        for known in &state.seen {
            let end = known.certificate.not_after.map(|end| format!(", which ends {}", end.format("%Y-%m-%d")));
            let serial = known.certificate.serial.as_ref().map(|serial| format!(" with serial {serial}"));
            let what = format!(
                "source {source} first told of a certificate{}{}",
                serial.unwrap_or_default(),
                end.unwrap_or_default()
            );
            seen(known.first_seen, what);
        }
        if let Some(drift) = &state.drift {
            seen(drift.since, format!("source {source} began to tell another topic: {}", drift.topic));
        }
        if let Some(revoked) = state.revoked {
            seen(revoked, format!("source {source} said that the certificate was revoked"));
        }
        let failing =
            state.last_attempt.as_ref().and_then(|attempt| Some((attempt.failing_since?, attempt.failure.as_ref()?)));
        if let Some((since, failure)) = failing {
            seen(since, format!("source {source} began to fail ({})", failure.reason));
        }
    }
    if let Some(pin) = memory.pin.as_ref().filter(|pin| pin.by.is_none()) {
        seen(pin.since, format!("the topic {} was pinned ({})", pin.topic, pin.origin));
    }
    events.extend(memory.attestations.iter().map(|said| Event {
        at: said.at,
        sentence: told(&said.statement),
        by: Some(said.by.clone()),
        note: said.note.clone(),
        witness: said.witness.clone(),
        ticket: said.ticket.clone(),
    }));
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events
}

fn told(statement: &Statement) -> String {
    match statement {
        Statement::Uploaded { serial, .. } => {
            let serial = serial.as_ref().map(|serial| format!(" with serial {serial}")).unwrap_or_default();
            format!("the certificate{serial} was uploaded to the MDM")
        }
        Statement::PinConfirmed { topic } => format!("an enrolled device listens on {topic}"),
        Statement::PinSet { topic, before } => match before {
            Some(before) => format!("the topic is {topic} from now on, and was {before}"),
            None => format!("the topic is {topic} from now on"),
        },
        Statement::PinForgotten { topic } => format!("the topic {topic} was forgotten"),
        Statement::Verified { step } => step.sentence().to_owned(),
        Statement::CertificateAdded { sha256, .. } => {
            format!("a certificate was handed over, SHA-256 {}", short(sha256))
        }
        Statement::CertificateRemoved { sha256 } => format!("a certificate was taken away, SHA-256 {}", short(sha256)),
        Statement::RenewalPlanned(plan) => format!("{} renews the certificate on {}", plan.who, plan.on),
        Statement::RenewalUnplanned => "nobody renews the certificate on the day that was planned".to_owned(),
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..16).unwrap_or(sha256)
}
