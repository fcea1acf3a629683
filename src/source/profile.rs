//! Enrolment profiles on disk: the paths and patterns of a tenant's `certificate.profiles`.
//!
//! A profile gives its topic to every device that enrols with it, so a profile with another topic than the
//! certificate's enrols devices that will never be reached. Only the topic is kept, see
//! [`crate::certificate::profile`].
//!
//! **Which topic counts.** Several profiles with one topic are one answer. Where they differ, that of the first file
//! is *the* topic and the others are told besides. A profile without a topic is a remark; when none has one, that is
//! an answer which says nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use super::paths::{self, Paths, sum_up};
use super::read::{self, Limit, shown};
use crate::certificate::profile;
use crate::model::{Facts, Failure, Outcome, Presence, PushCertificate, Reason, Source};
use crate::source::Poll;

/// A signed enrolment profile has some 10 KiB.
const LIMIT: Limit = Limit { bytes: 1024 * 1024, words: "1 MiB, so it is no enrolment profile" };

/// Polls the enrolment profiles of one tenant.
#[derive(Debug)]
pub struct Profiles {
    paths: Paths,
}

impl Profiles {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    #[must_use]
    pub fn new(paths: Arc<[PathBuf]>) -> Self {
        Self { paths: Paths::new(paths, "enrolment profiles") }
    }
}

impl Poll for Profiles {
    fn source(&self) -> Source {
        Source::Profile
    }

    /// Not that of an MDM which is asked for its profile: what that one told is not in these files.
    fn identity(&self) -> String {
        "file".to_owned()
    }

    fn host(&self) -> Option<String> {
        None
    }

    fn poll(&self, _now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(async { self.paths.visit(gather).await.unwrap_or_else(Outcome::failure) })
    }
}

/// Reads all profiles and makes one answer of them. Blocks.
fn gather(paths: &[PathBuf]) -> Outcome {
    let mut failures = Vec::new();
    let mut told: Vec<(String, PushCertificate)> = Vec::new();
    let mut remarks = Vec::new();
    let mut origin = None;
    for (path, _) in paths::files(paths, &mut failures) {
        let name = shown(&path);
        match telling(&path, &mut remarks) {
            Ok(Some(telling)) if !told.iter().any(|(_, known)| *known == telling) => told.push((name.clone(), telling)),
            Ok(_) => {}
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        }
        origin.get_or_insert(name);
    }
    if told.len() > 1 {
        let first = &told[0].0;
        remarks.push(format!("{} different topics in the enrolment profiles; that of {first} counts", told.len()));
    }
    let mut told = told.into_iter();
    let chosen = told.next();
    let facts = origin.map(|read| Facts {
        origin: chosen.as_ref().map_or(read, |(name, _)| name.clone()).into(),
        certificate: chosen.map(|(_, certificate)| Presence::from(certificate)),
        others: told.map(|(_, certificate)| certificate).collect(),
        remarks,
        ..Facts::default()
    });
    Outcome { facts, failure: sum_up(failures) }
}

/// What one profile says of the topic; `None` if nothing.
fn telling(path: &Path, remarks: &mut Vec<String>) -> Result<Option<PushCertificate>, Failure> {
    let name = shown(path);
    let found = profile::read(&read::read(path, LIMIT)?)
        .map_err(|error| Failure::new(Reason::Malformed, format!("{name} is no enrolment profile: {error}")))?;
    let ambiguous = found.topics.len() > 1;
    if ambiguous {
        let count = found.topics.len();
        remarks.push(format!("{name} names {count} different topics: nobody can say which one devices listen on"));
    } else if found.is_encrypted {
        remarks.push(format!("{name} is encrypted for one device: its topic cannot be read"));
    } else if found.topics.is_empty() {
        let why = if found.enrols { "no topic in profile" } else { "no topic in profile: it does not enrol devices" };
        remarks.push(format!("{name}: {why}"));
    }
    let topic = found.topics.into_iter().next().filter(|_| !ambiguous);
    Ok((topic.is_some() || ambiguous).then(|| PushCertificate {
        topic,
        topic_ambiguous: ambiguous,
        ..PushCertificate::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::sample::{T1, T2};
    use crate::model::Topic;

    fn profile(topics: &[&str]) -> String {
        let payload = |topic: &&str| {
            format!(
                "<dict><key>PayloadType</key><string>com.apple.mdm</string><key>Topic</key><string>{topic}</string></dict>"
            )
        };
        let payloads: String = topics.iter().map(payload).collect();
        format!(
            "<plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string><key>Challenge</key>\
             <string>s3cret</string><key>PayloadContent</key><array>{payloads}</array></dict></plist>"
        )
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(files: &[(&str, String)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                std::fs::write(folder.path().join(name), content).unwrap();
            }
            Self(folder)
        }

        async fn ask(&self, names: &[&str]) -> Outcome {
            let paths = names.iter().map(|name| self.0.path().join(name)).collect();
            let profiles = Profiles::new(paths);
            assert_eq!((profiles.source(), profiles.host()), (Source::Profile, None));
            let outcome = profiles.poll(DateTime::UNIX_EPOCH).await;
            assert!(!format!("{outcome:?}").contains("s3cret"));
            outcome
        }
    }

    fn topics(facts: &Facts) -> Vec<Option<&str>> {
        let all = facts.present().into_iter().chain(&facts.others);
        all.map(|told| told.topic.as_ref().map(Topic::as_str)).collect()
    }

    #[tokio::test]
    async fn one_topic_is_the_answer_however_many_profiles_have_it() {
        let folder = Folder::new(&[
            ("1.mobileconfig", profile(&[T1])),
            ("2.mobileconfig", profile(&[&T1.to_uppercase()])),
            ("3.mobileconfig", profile(&[" "])),
            ("4.mobileconfig", profile(&[])),
        ]);
        let outcome = folder.ask(&["*.mobileconfig", "1.mobileconfig"]).await;
        let facts = outcome.facts.unwrap();
        assert_eq!((topics(&facts), outcome.failure), (vec![Some(T1)], None));
        assert!(facts.origin.ends_with("1.mobileconfig"));
        assert_eq!(facts.remarks.iter().filter(|remark| remark.contains("no topic in profile")).count(), 2);
        assert_eq!(facts.present().unwrap().not_after, None);
    }

    #[tokio::test]
    async fn different_topics_are_told_the_first_file_first() {
        let folder = Folder::new(&[("a", profile(&[T1])), ("b", profile(&[T2])), ("c", profile(&[T1, T2]))]);
        let outcome = folder.ask(&["?"]).await;
        assert_eq!(topics(outcome.facts.as_ref().unwrap()), [Some(T1), Some(T2), None]);
        let outcome = folder.ask(&["b", "a"]).await;
        assert_eq!(topics(outcome.facts.as_ref().unwrap()), [Some(T2), Some(T1)]);
        let facts = folder.ask(&["c"]).await.facts.unwrap();
        assert!(facts.present().unwrap().topic_ambiguous);
    }

    #[tokio::test]
    async fn no_topic_anywhere_is_an_answer_that_says_nothing() {
        let folder = Folder::new(&[("a", profile(&[""])), ("b", profile(&[]))]);
        let outcome = folder.ask(&["a", "b"]).await;
        let facts = outcome.facts.unwrap();
        assert_eq!((&facts.certificate, facts.remarks.len(), outcome.failure), (&None, 2, None));
    }

    #[tokio::test]
    async fn what_is_missing_or_no_profile_fails_and_hides_nothing() {
        let folder = Folder::new(&[
            ("a", profile(&[T1])),
            ("bad", "garbage".to_owned()),
            ("cut", profile(&[T1])[..200].to_owned()),
        ]);
        for (name, reason, words) in [
            ("gone", Reason::NotFound, "does not exist"),
            ("gone*", Reason::NotFound, "no file matches"),
            ("bad", Reason::Malformed, "neither property list nor CMS"),
            ("cut", Reason::Malformed, "damaged or cut off"),
            (".", Reason::Io, "is a directory"),
        ] {
            let outcome = folder.ask(&[name]).await;
            let failure = outcome.failure.unwrap();
            assert_eq!((outcome.facts, failure.reason), (None, reason), "{failure}");
            assert!(failure.message.contains(words), "{failure}");
            let outcome = folder.ask(&[name, "a"]).await;
            assert_eq!((topics(&outcome.facts.unwrap()), outcome.failure.unwrap().reason), (vec![Some(T1)], reason));
        }
    }
}
