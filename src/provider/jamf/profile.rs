//! The topic of an enrolment profile, which is the one that devices are enrolled with from now on.
//!
//! <https://developer.jamf.com/jamf-pro/reference/get_v1-mobile-device-enrollment-profile-id-download-profile>. The list
//! of the Classic API has invitation codes in it, a profile also the challenge of SCEP: with these a stranger could
//! enrol. Both are wiped once read; only the topic is kept.

use serde::Deserialize;

use super::endpoints::{DOWNLOAD, PROFILES};
use super::session::Session;
use super::wire::{self, Id, malformed};
use crate::certificate::profile;
use crate::model::{Facts, Failure, Outcome, Presence, PushCertificate, Reason, Topic};
use crate::provider::http::{Answer, BODY_LIMIT};

/// Profiles beyond these are not read. They are all made for one server and have one topic.
const MOST_PROFILES: usize = 20;

/// A profile has some ten kilobytes.
const PROFILE_LIMIT: usize = 1024 * 1024;

/// The ids alone, so that nothing else of the list is ever copied.
#[derive(Deserialize)]
struct List {
    mobile_device_enrollment_profiles: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: Id,
}

/// Reads every profile for its topic. Fails as [`wire::expect`]; `malformed` for a list that is none, and for profiles
/// that cannot be read or are too many. What the others told is given with the failure: a profile that nobody read is
/// none that agrees.
pub(super) async fn poll(session: &mut Session<'_>) -> Outcome {
    let host = session.host();
    let mut found = Found::default();
    let mut ids = match list(session).await {
        Ok(ids) => ids,
        Err(failure) => return Outcome::failure(failure),
    };
    let listed = ids.len();
    if listed == 0 {
        found.remarks.push("Jamf has no enrolment profile: make one, and its topic can be read.".to_owned());
        return Outcome::success(found.facts());
    }
    ids.truncate(MOST_PROFILES);
    let (mut unknown, mut failure) = (0, None);
    for id in &ids {
        match read(session, &host, id).await {
            Ok(topic) => found.add(id, topic),
            // Deleted meanwhile, or the server is older.
            Err(missing) if missing.reason == Reason::NotFound => unknown += 1,
            Err(other) => {
                let goes_on = matches!(other.reason, Reason::Malformed | Reason::Http) && other.retry_after.is_none();
                failure.get_or_insert(other);
                // The next one would be answered no better.
                if !goes_on {
                    break;
                }
            }
        }
    }
    if failure.is_none() && listed > ids.len() {
        let what = format!("there are {listed} enrolment profiles, and no more than {MOST_PROFILES} are read");
        failure = Some(malformed(&host, &PROFILES, &what));
    }
    if failure.is_none() {
        if unknown == ids.len() {
            found.remarks.push("This Jamf Pro does not give out its enrolment profiles: it is too old.".to_owned());
        } else {
            if unknown > 0 {
                found.remarks.push(format!("Of {listed} enrolment profiles, {unknown} could not be found."));
            }
            if found.topics.is_empty() {
                found.remarks.push("There is no topic in the profile by which devices are enrolled.".to_owned());
            }
        }
    } else if found.topics.is_empty() {
        return Outcome { facts: None, failure };
    }
    Outcome { facts: Some(found.facts()), failure }
}

async fn read(session: &mut Session<'_>, host: &str, id: &str) -> Result<Option<Topic>, Failure> {
    let path = ["api", "v1", "mobile-device-enrollment-profile", id, "download-profile"];
    let answer = session.ask(&path, &[], "*/*").await?;
    topic(host, answer).map_err(|failure| Failure {
        message: match failure.reason {
            Reason::Malformed => format!("{} (enrolment profile {id})", failure.message),
            _ => failure.message,
        },
        ..failure
    })
}

/// The ids of all enrolment profiles.
///
/// # Errors
///
/// As [`wire::expect`], and `malformed` for what is not such a list.
pub(super) async fn list(session: &mut Session<'_>) -> Result<Vec<String>, Failure> {
    let answer = session.get(&PROFILES, &[]).await?;
    let ids = ids(&session.host(), &answer);
    answer.wipe();
    ids
}

fn ids(host: &str, answer: &Answer) -> Result<Vec<String>, Failure> {
    wire::expect(host, &PROFILES, answer)?;
    let list: List = answer.parse(BODY_LIMIT).map_err(|failure| malformed(host, &PROFILES, &failure.message))?;
    let ids: Vec<String> = list.mobile_device_enrollment_profiles.into_iter().map(|item| item.id.into_text()).collect();
    // It becomes a part of a path.
    if ids.iter().any(|id| id.is_empty() || id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(malformed(host, &PROFILES, "the id of a profile is not a number"));
    }
    Ok(ids)
}

fn topic(host: &str, answer: Answer) -> Result<Option<Topic>, Failure> {
    let topic = wire::expect(host, &DOWNLOAD, &answer).and_then(|()| {
        if answer.body.len() > PROFILE_LIMIT {
            return Err(malformed(host, &DOWNLOAD, "the profile is far too long"));
        }
        profile::topic(&answer.body)
            .map_err(|error| malformed(host, &DOWNLOAD, &format!("the profile cannot be read ({error})")))
    });
    answer.wipe();
    topic
}

/// The topics, in the order in which they were found, each once.
#[derive(Debug, Default)]
struct Found {
    topics: Vec<Topic>,
    /// The profile with the first of them.
    id: String,
    remarks: Vec<String>,
}

impl Found {
    fn add(&mut self, id: &str, topic: Option<Topic>) {
        let Some(topic) = topic.filter(|topic| !self.topics.contains(topic)) else { return };
        if self.topics.is_empty() {
            id.clone_into(&mut self.id);
        }
        self.topics.push(topic);
    }

    /// The first topic is the profile's; others disagree with it.
    fn facts(self) -> Facts {
        let certificate = |topic| PushCertificate { topic: Some(topic), ..PushCertificate::default() };
        let mut topics = self.topics.into_iter().map(certificate);
        let first = topics.next();
        Facts {
            origin: if first.is_some() { format!("enrolment profile {}", self.id).into() } else { "".into() },
            certificate: first.map(Presence::from),
            others: topics.collect(),
            remarks: self.remarks,
            ..Facts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/jamf/", $name))
        };
    }

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            retry_after: None,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
            ..Answer::default()
        }
    }

    #[test]
    fn only_ids_are_taken_from_the_list() {
        assert_eq!(ids("mdm.example.com", &answer(fixture!("profiles-good.json"))).unwrap(), ["1", "7"]);
        assert_eq!(
            ids("mdm.example.com", &answer(r#"{"mobile_device_enrollment_profiles":[]}"#)).unwrap(),
            Vec::<String>::new()
        );
        for body in [
            "",
            "null",
            "{}",
            "[]",
            "<mobile_device_enrollment_profiles/>",
            r#"{"mobile_device_enrollment_profiles":[{"name":"s3cret"}]}"#,
            r#"{"mobile_device_enrollment_profiles":[{"id":"../s3cret"}]}"#,
            r#"{"mobile_device_enrollment_profiles":[{"id":-1}]}"#,
            r#"{"mobile_device_enrollment_profiles":[{"id":""}]}"#,
            fixture!("page.html"),
        ] {
            let failure = ids("mdm.example.com", &answer(body)).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed, "{body}");
            assert!(!failure.message.contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn the_first_topic_counts_and_others_disagree() {
        let topic = |text| Topic::parse(text);
        let mut found = Found::default();
        assert_eq!(Found::default().facts(), Facts::default());
        found.add("1", None);
        found.add("2", topic("com.apple.mgmt.External.a"));
        found.add("3", topic("com.apple.mgmt.external.A"));
        found.add("4", topic("com.apple.mgmt.External.b"));
        let facts = found.facts();
        assert_eq!(facts.present().unwrap().topic, topic("com.apple.mgmt.External.a"));
        assert_eq!(facts.others.len(), 1);
        assert_eq!(&*facts.origin, "enrolment profile 2");
    }

    #[test]
    fn a_page_and_a_huge_body_are_no_profile() {
        for body in
            [fixture!("page.html").to_owned(), "s3cret".to_owned(), String::new(), " ".repeat(PROFILE_LIMIT + 1)]
        {
            let failure = topic("mdm.example.com", answer(&body)).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed);
            assert!(!failure.message.contains("s3cret"), "{failure}");
        }
    }
}
