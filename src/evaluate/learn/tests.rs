use super::*;
use crate::model::{Failure, Reason};

const T1: &str = "com.apple.mgmt.External.11111111-0000-4000-8000-000000000001";
const T2: &str = "com.apple.mgmt.External.22222222-0000-4000-8000-000000000002";

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 60 * minute, 0).unwrap()
}

fn told(text: &str) -> Outcome {
    Outcome::success(Facts {
        certificate: Some(Presence::from(PushCertificate {
            topic: Topic::parse(text),
            not_after: Some(at(525_600)),
            ..PushCertificate::default()
        })),
        ..Facts::default()
    })
}

fn failed() -> Outcome {
    Outcome::failure(Failure::new(Reason::Timeout, "no answer"))
}

/// A tenant with these sources, told one thing after the other, a minute apart.
struct Tenant {
    memory: Memory,
    expectations: Expectations,
    minute: i64,
}

impl Tenant {
    fn new(sources: &[Source]) -> Self {
        let expectations = Expectations { sources: sources.to_vec(), may_pin: true };
        Self { memory: Memory::default(), expectations, minute: 0 }
    }

    fn learn(&mut self, source: Source, outcome: Outcome) -> &mut Self {
        self.minute += 1;
        learn(&mut self.memory, &self.expectations, source, "here", outcome, at(self.minute));
        self
    }

    fn pin(&self) -> Option<&str> {
        self.memory.pin.as_ref().map(|pin| pin.topic.as_str())
    }

    fn drift(&self, source: Source) -> Option<&str> {
        self.memory.sources[&source].drift.as_ref().map(|drift| drift.topic.as_str())
    }
}

#[test]
fn the_first_topic_is_pinned_once_every_source_was_tried() {
    let mut tenant = Tenant::new(&[Source::Api, Source::File]);
    tenant.learn(Source::File, told(T1));
    assert_eq!(tenant.pin(), None, "the API was not tried yet");
    tenant.learn(Source::Api, failed());
    assert_eq!(tenant.pin(), Some(T1), "a failure is a try");
    assert_eq!(tenant.memory.pin.as_ref().unwrap().origin, PinOrigin::FirstSeen);
}

#[test]
fn sources_that_disagree_pin_nothing_until_they_agree() {
    let mut tenant = Tenant::new(&[Source::Api, Source::File]);
    tenant.learn(Source::File, told(T2)).learn(Source::Api, told(T1));
    assert_eq!(tenant.pin(), None);
    assert_eq!(candidates(&tenant.memory, &tenant.expectations).len(), 2);
    tenant.learn(Source::File, told(T1));
    assert_eq!(tenant.pin(), Some(T1));
}

#[test]
fn nothing_told_pins_nothing() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told("")).learn(Source::Api, told(" "));
    assert_eq!(tenant.pin(), None);
}

#[test]
fn another_topic_is_drift_at_once_and_its_case_is_not() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told(T1)).learn(Source::Api, told(&T1.to_uppercase()));
    assert_eq!(tenant.drift(Source::Api), None);
    tenant.learn(Source::Api, told(T2));
    assert_eq!(tenant.drift(Source::Api), Some(T2));
    assert_eq!(tenant.pin(), Some(T1), "a pin never follows what drifts");
}

#[test]
fn drift_ends_after_two_agreeing_polls_running_and_not_before() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told(T1)).learn(Source::Api, told(T2));
    let since = tenant.memory.sources[&Source::Api].drift.as_ref().unwrap().since;
    for interruption in [told(T2), failed(), told("")] {
        tenant.learn(Source::Api, told(T1)).learn(Source::Api, interruption).learn(Source::Api, told(T1));
        assert_eq!(tenant.drift(Source::Api), Some(T2), "two polls, but not running");
        tenant.learn(Source::Api, failed());
    }
    assert_eq!(tenant.memory.sources[&Source::Api].drift.as_ref().unwrap().since, since);
    tenant.learn(Source::Api, told(T1)).learn(Source::Api, told(T1));
    assert_eq!(tenant.drift(Source::Api), None);
}

#[test]
fn another_source_that_agrees_clears_nothing() {
    let mut tenant = Tenant::new(&[Source::Api, Source::File]);
    tenant.learn(Source::File, told(T1)).learn(Source::Api, told(T1)).learn(Source::Api, told(T2));
    tenant.learn(Source::File, told(T1)).learn(Source::File, told(T1));
    assert_eq!(tenant.drift(Source::Api), Some(T2));
    assert_eq!(tenant.drift(Source::File), None);
}

#[test]
fn a_pin_that_is_changed_on_purpose_is_judged_at_once() {
    let mut tenant = Tenant::new(&[Source::Api, Source::File]);
    tenant.learn(Source::File, told(T1)).learn(Source::Api, told(T1)).learn(Source::Api, told(T2));
    assert!(expect(&mut tenant.memory, Some(&topic(T2)), at(99)));
    assert_eq!(tenant.drift(Source::Api), None);
    assert_eq!(tenant.drift(Source::File), Some(T1));
    assert!(!expect(&mut tenant.memory, Some(&topic(T2)), at(100)), "nothing new to store");
    assert!(expect(&mut tenant.memory, None, at(101)), "it is not confirmed by the config any more");
    assert_eq!(tenant.pin(), Some(T2), "a pin outlives the line that set it");
}

#[test]
fn confirming_the_same_topic_ends_no_drift() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told(T1)).learn(Source::Api, told(T2));
    let pin = Pin { topic: topic(T1), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    set_pin(&mut tenant.memory, Some(pin), at(50));
    assert_eq!(tenant.drift(Source::Api), Some(T2));
}

#[test]
fn a_failure_erases_nothing() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told(T1));
    let before = tenant.memory.sources[&Source::Api].last_good.clone();
    tenant.learn(Source::Api, failed()).learn(Source::Api, failed());
    let state = &tenant.memory.sources[&Source::Api];
    assert_eq!(state.last_good, before);
    assert_eq!(state.last_success, Some(at(1)));
    let attempt = state.last_attempt.as_ref().unwrap();
    assert_eq!((attempt.at, attempt.failing_since), (at(3), Some(at(2))));
}

#[test]
fn what_another_directory_told_is_not_kept_and_its_drift_is() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told(T1)).learn(Source::Api, told(T2));
    learn(&mut tenant.memory, &tenant.expectations, Source::Api, "elsewhere", failed(), at(9));
    let state = &tenant.memory.sources[&Source::Api];
    assert_eq!((state.last_good.clone(), state.last_success), (None, None));
    assert_eq!(tenant.drift(Source::Api), Some(T2));
    assert_eq!(tenant.pin(), Some(T1));
}

#[test]
fn an_mdm_that_invents_serials_does_not_fill_the_memory() {
    let mut tenant = Tenant::new(&[Source::Api]);
    for number in 0..500_u32 {
        let mut outcome = told(T1);
        if let Some(Presence::Present(certificate)) = outcome.facts.as_mut().and_then(|f| f.certificate.as_mut()) {
            Arc::make_mut(certificate).serial = crate::model::Serial::parse_hex(&format!("{number:08x}"));
        }
        tenant.learn(Source::Api, outcome);
    }
    let seen = &tenant.memory.sources[&Source::Api].seen;
    assert_eq!(seen.len(), MOST_SEEN);
    assert_eq!(seen[0].first_seen, at(1), "the first one stays");
    assert_eq!(seen[MOST_SEEN - 1].first_seen, at(500));
}

#[test]
fn an_unchanged_certificate_is_one_certificate() {
    let mut tenant = Tenant::new(&[Source::File]);
    for _ in 0..20 {
        tenant.learn(Source::File, told(T1));
    }
    let seen = &tenant.memory.sources[&Source::File].seen;
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].first_seen, seen[0].last_seen), (at(1), at(20)));
}

#[test]
fn an_expectation_taken_out_of_the_config_is_no_config_pin() {
    let mut memory = Memory::default();
    expect(&mut memory, Some(&topic(T1)), at(0));
    expect(&mut memory, None, at(1));
    assert_ne!(memory.pin.unwrap().origin, PinOrigin::Config);
}

#[test]
fn what_could_not_be_read_for_a_moment_is_a_candidate_still() {
    let certificate = |text: &str, days: i64| PushCertificate {
        topic: Topic::parse(text),
        not_after: Some(at(1440 * days)),
        ..PushCertificate::default()
    };
    let facts = |first: PushCertificate, others: Vec<PushCertificate>| Facts {
        certificate: Some(first.into()),
        others,
        ..Facts::default()
    };
    let broken = || Some(Failure::new(Reason::Io, "one of two cannot be read"));
    for source in [Source::File, Source::Profile] {
        let mut tenant = Tenant::new(&[source]);
        tenant.learn(source, Outcome::success(facts(certificate(T2, 365), vec![certificate(T1, 100)])));
        assert_eq!(tenant.pin(), None, "nobody knows which one is right");
        let partly = Outcome { facts: Some(facts(certificate(T1, 100), vec![])), failure: broken() };
        tenant.learn(source, partly);
        assert_eq!(tenant.pin(), None, "{source}: the other one is not gone");
        assert_eq!(candidates(&tenant.memory, &tenant.expectations), [topic(T1), topic(T2)]);
        tenant.learn(source, Outcome::success(facts(certificate(T2, 365), vec![])));
        assert_eq!(tenant.pin(), Some(T2), "all of it was read, and the other one is gone");
    }
}

#[test]
fn a_topic_that_is_none_of_device_management_is_not_pinned() {
    let mut tenant = Tenant::new(&[Source::Api]);
    tenant.learn(Source::Api, told("N/A"));
    assert_eq!(tenant.pin(), None);
}

#[test]
fn a_list_of_tokens_that_could_not_be_read_is_not_taken_for_empty() {
    use crate::model::{AppleToken, TokenKind};
    let token = |kind, name: &str| AppleToken {
        kind,
        id: name.to_owned(),
        name: name.to_owned(),
        not_after: Some(at(9)),
        usable: Some(true),
        trouble: None,
    };
    let tokens = |tokens: &[AppleToken]| Some(Facts { tokens: Some(tokens.to_vec()), ..Facts::default() });
    let (ade, vpp, new) = (token(TokenKind::Ade, "a"), token(TokenKind::Vpp, "v"), token(TokenKind::Ade, "b"));
    let mut tenant = Tenant::new(&[Source::Tokens]);
    tenant.learn(Source::Tokens, Outcome { facts: tokens(&[ade, vpp.clone()]), failure: None });
    let failure = Some(Failure::new(Reason::Forbidden, "no"));
    tenant.learn(Source::Tokens, Outcome { facts: tokens(std::slice::from_ref(&new)), failure });
    assert_eq!(tenant.memory.sources[&Source::Tokens].tokens().unwrap(), [new.clone(), vpp]);
    tenant.learn(Source::Tokens, Outcome { facts: tokens(std::slice::from_ref(&new)), failure: None });
    assert_eq!(tenant.memory.sources[&Source::Tokens].tokens().unwrap(), [new], "a whole answer is whole");
}

#[test]
fn a_token_that_is_told_without_its_end_keeps_the_known_one() {
    use crate::model::{AppleToken, TokenKind};
    let token = |id: &str, not_after| AppleToken {
        kind: TokenKind::Ade,
        id: id.to_owned(),
        name: "main".to_owned(),
        not_after,
        usable: None,
        trouble: None,
    };
    let mut tenant = Tenant::new(&[Source::Tokens]);
    let mut tell = |told: &[AppleToken]| -> Vec<Option<DateTime<Utc>>> {
        let facts = Facts { tokens: Some(told.to_vec()), ..Facts::default() };
        tenant.learn(Source::Tokens, Outcome::success(facts));
        tenant.memory.sources[&Source::Tokens].tokens().unwrap().iter().map(|token| token.not_after).collect()
    };
    let (end, later) = (Some(at(9)), Some(at(99)));
    assert_eq!(tell(&[token("1", end), token("", end)]), [end, end]);
    assert_eq!(tell(&[token("1", None), token("2", None), token("", None)]), [end, None, None], "by its id alone");
    assert_eq!(tell(&[token("1", later)]), [later]);
    assert_eq!(tell(&[token("1", None)]), [later]);
}

#[test]
fn an_answer_that_tells_nothing_of_a_certificate_erases_no_date() {
    let mut tenant = Tenant::new(&[Source::Api]);
    let telling = |topic: Option<&str>| {
        let certificate = PushCertificate { topic: topic.and_then(Topic::parse), ..PushCertificate::default() };
        Outcome::success(Facts { certificate: Some(certificate.into()), ..Facts::default() })
    };
    for topic in [None, Some(T1)] {
        tenant.learn(Source::Api, told(T1));
        tenant.learn(Source::Api, telling(topic));
        let told = tenant.memory.sources[&Source::Api].present().unwrap();
        assert_eq!((told.not_after, told.topic.as_ref().map(Topic::as_str)), (Some(at(525_600)), topic));
    }
    tenant.learn(Source::Api, telling(Some(T2)));
    assert_eq!(tenant.memory.sources[&Source::Api].present().unwrap().not_after, None, "another one has its own end");
}

#[test]
fn a_topic_alone_is_no_certificate_that_was_seen() {
    let mut tenant = Tenant::new(&[Source::Profile]);
    let only_topic = PushCertificate { topic: Topic::parse(T1), ..PushCertificate::default() };
    let facts = Facts { certificate: Some(only_topic.into()), ..Facts::default() };
    for _ in 0..3 {
        tenant.learn(Source::Profile, Outcome::success(facts.clone()));
    }
    assert_eq!((tenant.memory.sources[&Source::Profile].seen.len(), tenant.pin()), (0, Some(T1)));
}

#[test]
fn what_was_told_before_is_kept_once_and_in_the_letters_told_last() {
    let mut tenant = Tenant::new(&[Source::Api, Source::File]);
    let facts = |tenant: &Tenant, source| Arc::clone(&tenant.memory.sources[&source].last_good.as_ref().unwrap().facts);
    tenant.learn(Source::Api, told(T1));
    tenant.learn(Source::File, told(T1));
    let (api, file) = (facts(&tenant, Source::Api), facts(&tenant, Source::File));
    let text = |facts: &Facts| facts.present().unwrap().topic.as_ref().unwrap().as_str().as_ptr();
    assert_eq!(text(&api), text(&file), "both sources of the tenant tell one topic");
    let seen = &tenant.memory.sources[&Source::Api].seen[0].certificate;
    assert!(std::ptr::eq(api.present().unwrap(), seen.as_ref()));

    tenant.learn(Source::Api, told(T1));
    assert!(Arc::ptr_eq(&facts(&tenant, Source::Api), &api), "nothing else was told");
    let shouted = T1.to_uppercase();
    tenant.learn(Source::Api, told(&shouted));
    assert_eq!(facts(&tenant, Source::Api).present().unwrap().topic.as_ref().unwrap().as_str(), shouted);
}
