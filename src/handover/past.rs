//! What happened last: renewals, and what people said of them. Outages are nothing for paper.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Event;
use crate::evaluate::Report;
use crate::evaluate::history::history;
use crate::model::{Memory, Seen, Source, TenantName};

/// So much is told.
pub(super) const MOST: usize = 8;

/// The last events of the tenants that are watched, the latest first.
pub(super) fn last(report: &Report, memory: &BTreeMap<TenantName, Arc<Memory>>) -> Vec<Event> {
    let known = report.tenants.iter().filter_map(|tenant| Some((&tenant.name, memory.get(&tenant.name)?)));
    // The last events belong to those to whom something happened last; the others need not be told in words.
    let mut latest: Vec<_> = known.filter_map(|(name, memory)| Some((newest(memory)?, name, memory))).collect();
    latest.sort_by_key(|(at, ..)| Reverse(*at));
    let mut events: Vec<Event> = latest.into_iter().take(MOST).flat_map(|(_, name, memory)| of(name, memory)).collect();
    events.sort_by_key(|event| Reverse(event.at));
    events.truncate(MOST);
    events
}

fn newest(memory: &Memory) -> Option<DateTime<Utc>> {
    let seen = memory.sources.values().flat_map(|state| &state.seen).map(|seen| seen.first_seen);
    seen.chain(memory.attestations.iter().map(|said| said.at)).max()
}

fn of(name: &TenantName, memory: &Memory) -> Vec<Event> {
    let event = |at, sentence, by| Event { at, tenant: name.clone(), sentence, by };
    let mut certificates: Vec<(Source, &Seen)> =
        memory.sources.iter().flat_map(|(source, state)| state.seen.iter().map(move |seen| (*source, seen))).collect();
    certificates.sort_by_key(|(_, seen)| seen.first_seen);
    let mut events: Vec<Event> = Vec::new();
    for (index, (source, seen)) in certificates.iter().enumerate() {
        // Several sources tell of the same one; the first to do so is told.
        if certificates[..index].iter().any(|(_, known)| known.certificate.is_same_as(&seen.certificate)) {
            continue;
        }
        let serial =
            seen.certificate.serial.as_ref().map(|serial| format!(" with serial {serial}")).unwrap_or_default();
        let end = seen.certificate.not_after.map(|end| format!(", ends {}", end.format("%Y-%m-%d")));
        let what = format!("source {source} first told of a certificate{serial}{}", end.unwrap_or_default());
        events.push(event(seen.first_seen, what, None));
    }
    let said = history(memory).into_iter().filter(|said| said.by.is_some());
    events.extend(said.map(|said| event(said.at, said.sentence, said.by)));
    events
}
