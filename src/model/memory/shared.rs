//! What stands in the memory of a tenant more than once is kept once.
//!
//! The sources of a tenant speak of one topic, and those of one MDM of one login: with thousands of tenants, copies of them
//! would be most of what is remembered.

use std::sync::Arc;

use super::{Attestation, Memory, Pin, SourceMemory, Statement};
use crate::model::{Facts, Presence, PushCertificate, Source, Topic};

impl Memory {
    /// Takes in what a store holds of one source.
    pub fn load_source(&mut self, source: Source, mut state: SourceMemory) {
        self.share_text(&mut state.identity);
        state.seen.shrink_to_fit();
        for seen in &mut state.seen {
            self.share_certificate(&mut seen.certificate);
        }
        // Nobody else has what was just read.
        if let Some(facts) = state.last_good.as_mut().and_then(|observation| Arc::get_mut(&mut observation.facts)) {
            if *facts.origin == *state.identity {
                facts.origin = Arc::clone(&state.identity);
            }
            self.share_facts(facts);
            if let Some(Presence::Present(certificate)) = &mut facts.certificate
                && let Some(seen) = state.seen.iter().find(|seen| seen.certificate.is_identical_to(certificate))
            {
                *certificate = Arc::clone(&seen.certificate);
            }
        }
        self.sources.insert(source, Arc::new(state));
    }

    /// Takes in the pin that a store holds.
    pub fn load_pin(&mut self, mut pin: Pin) {
        self.share_topic(&mut pin.topic);
        self.pin = Some(pin);
    }

    /// Takes in the attestations that a store holds.
    pub fn load_attestations(&mut self, mut attestations: Vec<Attestation>) {
        for attestation in &mut attestations {
            match &mut attestation.statement {
                Statement::PinConfirmed { topic } | Statement::PinForgotten { topic } => self.share_topic(topic),
                Statement::PinSet { topic, before } => {
                    self.share_topic(topic);
                    before.iter_mut().for_each(|topic| self.share_topic(topic));
                }
                _ => {}
            }
        }
        attestations.shrink_to_fit();
        self.attestations = attestations;
    }

    /// Makes facts share with this memory what it has already.
    pub fn share_facts(&self, facts: &mut Facts) {
        self.share_text(&mut facts.origin);
        if let Some(Presence::Present(certificate)) = &mut facts.certificate {
            self.share_certificate(certificate);
        }
        let devices = facts.devices.iter_mut().flat_map(|devices| devices.counts.keys_mut());
        devices.for_each(|topic| self.share_topic(topic));
        facts.others.iter_mut().filter_map(|other| other.topic.as_mut()).for_each(|topic| self.share_topic(topic));
    }

    /// The text for the identity of a source: that of another one, if the same is asked.
    #[must_use]
    pub fn identity(&self, identity: &str) -> Arc<str> {
        self.texts().find(|known| ***known == *identity).map_or_else(|| identity.into(), Arc::clone)
    }

    fn share_text(&self, text: &mut Arc<str>) {
        if let Some(known) = self.texts().find(|known| known == &text) {
            *text = Arc::clone(known);
        }
    }

    fn share_certificate(&self, certificate: &mut Arc<PushCertificate>) {
        if let Some(topic) = Arc::get_mut(certificate).and_then(|certificate| certificate.topic.as_mut()) {
            self.share_topic(topic);
        }
    }

    fn share_topic(&self, topic: &mut Topic) {
        let told = self.sources.values().filter_map(|state| {
            let seen = || state.seen.last().map(|seen| seen.certificate.as_ref());
            state.present().or_else(seen)?.topic.as_ref()
        });
        let known =
            self.pin.as_ref().map(|pin| &pin.topic).into_iter().chain(told).find(|known| known.is_spelt_as(topic));
        if let Some(known) = known {
            *topic = known.clone();
        }
    }

    /// Who was asked, and where that came from.
    fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.values().flat_map(|state| {
            let origin = state.last_good.as_ref().map(|observation| &observation.facts.origin);
            std::iter::once(&state.identity).chain(origin)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TOPIC: &str = "com.apple.mgmt.External.a";

    /// As the first release stores it.
    fn stored(origin: &str) -> Value {
        let certificate = json!({
            "topic": TOPIC, "topic_ambiguous": false, "serial": "0A01", "not_before": null,
            "not_after": "2027-06-05T14:39:25Z", "issuer": { "level": "apple", "name": "Apple" }, "sha256": "AB",
        });
        json!({
            "identity": "a login",
            "last_good": { "at": "2026-06-05T14:39:25Z", "facts": {
                "certificate": { "present": certificate }, "others": [], "account": "a@example.com",
                "notices": { "will_expire": 29, "apns_unreachable": null },
                "tokens": [],
                "push": { "families": {
                    "iphone": { "devices": 3, "alive": null, "silent": null, "last_checkin": "2026-06-05T14:00:00Z" },
                    "mac": { "devices": 20, "alive": 20, "silent": 5, "last_checkin": null },
                }, "disabled": 2 },
                "devices": { "counts": { TOPIC: 40 } },
                "credential_not_after": null, "origin": origin, "remarks": ["A remark."],
            } },
            "last_success": "2026-06-05T14:39:25Z",
            "last_attempt": {
                "at": "2026-06-06T14:39:25Z", "failure": { "reason": "timeout", "message": "no answer" },
                "failing_since": "2026-06-06T14:39:25Z",
            },
            "estimate": { "not_after": "2027-06-05T00:00:00Z", "told": "2026-06-05T14:39:25Z" },
            "revoked": null,
            "drift": { "topic": "com.apple.mgmt.External.b", "since": "2026-06-05T14:39:25Z", "agreeing": 1 },
            "seen": [{
                "certificate": certificate, "first_seen": "2026-01-05T14:39:25Z", "last_seen": "2026-06-05T14:39:25Z",
            }],
        })
    }

    fn state(origin: &str) -> SourceMemory {
        serde_json::from_value(stored(origin)).unwrap()
    }

    #[test]
    fn what_the_first_release_stored_is_read_and_written_alike() {
        assert_eq!(serde_json::to_value(state("a place")).unwrap(), stored("a place"));
        let mut memory = Memory::default();
        memory.load_source(Source::Api, state("a login"));
        assert_eq!(serde_json::to_value(&memory.sources[&Source::Api]).unwrap(), stored("a login"));
    }

    #[test]
    fn what_is_read_twice_is_kept_once() {
        let mut memory = Memory::default();
        memory.load_source(Source::Api, state("a login"));
        memory.load_source(Source::Tokens, state("a login"));
        let shouted = Topic::parse(&TOPIC.to_uppercase()).unwrap();
        let since = chrono::DateTime::UNIX_EPOCH;
        let pin = |topic| Pin { topic, origin: crate::model::PinOrigin::FirstSeen, since, by: None };
        memory.load_pin(pin(shouted.clone()));
        assert!(memory.pin.as_ref().unwrap().topic.is_spelt_as(&shouted), "the text is kept as it was found");
        memory.load_pin(pin(Topic::parse(TOPIC).unwrap()));

        let [api, tokens] = [Source::Api, Source::Tokens].map(|source| memory.sources[&source].as_ref());
        let facts = |state: &SourceMemory| Arc::clone(&state.last_good.as_ref().unwrap().facts);
        for state in [api, tokens] {
            assert!(Arc::ptr_eq(&state.identity, &api.identity));
            assert!(Arc::ptr_eq(&facts(state).origin, &api.identity));
            assert!(std::ptr::eq(state.present().unwrap(), state.seen[0].certificate.as_ref()));
            let topic = state.present().unwrap().topic.as_ref().unwrap();
            assert!(std::ptr::eq(topic.as_str(), memory.pin.as_ref().unwrap().topic.as_str()));
        }
        assert!(Arc::ptr_eq(&memory.identity("a login"), &api.identity));
        assert_eq!(&*memory.identity("another"), "another");
    }
}
