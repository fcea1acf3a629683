//! The login, tried for real, and what came of it in sentences that say what to do.

use chrono::{DateTime, Utc};

use super::held::{Credentials, unplaced};
use crate::app;
use crate::config::Tenant;
use crate::guide;
use crate::model::{Failure, MdmKind, Reason, Source};
use crate::provider::access::{Access, Verdict};
use crate::words;

/// How it went, the worst that there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Everything may be read.
    Good,
    /// The login is good, and lacks a right.
    Lacking,
    /// An answer did not come.
    Unreached,
    /// The login, or the read of the certificate, was refused.
    Refused,
}

/// What was tried.
pub(super) struct Trial {
    pub(super) outcome: Outcome,
    /// What may be read.
    pub(super) allowed: Vec<String>,
    /// One sentence for each trouble, with the next step.
    pub(super) told: Vec<String>,
}

/// Tries what the login of a tenant may read.
pub(super) async fn login(tenant: &Tenant, credentials: &Credentials, now: DateTime<Utc>) -> Trial {
    let access = match app::provider(tenant) {
        Some(provider) => provider.access(now).await,
        None => Vec::new(),
    };
    let mut trial = judge(tenant.mdm.kind(), &access);
    for sentence in &mut trial.told {
        *sentence = unplaced(sentence, credentials);
    }
    trial
}

fn judge(kind: MdmKind, access: &[Access]) -> Trial {
    let allowed = access.iter().filter(|access| access.verdict == Verdict::Allowed);
    let mut trial = Trial {
        outcome: Outcome::Good,
        allowed: allowed.map(|access| access.endpoint.clone()).collect(),
        told: vec![],
    };
    for access in access {
        let (outcome, sentence) = match &access.verdict {
            Verdict::Allowed => continue,
            // An older server: nobody can grant that, and it is no trouble of the login.
            Verdict::Unsupported => (
                Outcome::Good,
                format!("this server does not have {}, so nobody knows {}", access.endpoint, access.lost),
            ),
            Verdict::LoginRefused(failure) => (Outcome::Refused, refused(kind, failure)),
            Verdict::Denied(failure) => {
                let outcome = if access.source == Source::Api { Outcome::Refused } else { Outcome::Lacking };
                (outcome, lacking(access, failure))
            }
            Verdict::NotReached(failure) => (Outcome::Unreached, unreached(failure)),
        };
        trial.outcome = trial.outcome.max(outcome);
        let sentence = words::sentence(&words::clean(&sentence, 1000));
        // One trouble, however many reads it spoils.
        if !trial.told.contains(&sentence) {
            trial.told.push(sentence);
        }
    }
    trial
}

fn refused(kind: MdmKind, failure: &Failure) -> String {
    format!("the login is refused: {}; see {}", failure.message, guide::login(kind).credential)
}

fn lacking(access: &Access, failure: &Failure) -> String {
    let Access { privilege, lost, .. } = access;
    if privilege.is_empty() {
        return format!("the login is good, but {}; without it nobody knows {lost}", failure.message);
    }
    format!("a right is missing: {}; grant {privilege}, for without it nobody knows {lost}", failure.message)
}

fn unreached(failure: &Failure) -> String {
    let step = match failure.reason {
        Reason::Dns => "look for a slip of the pen in the address, and whether this machine has a name server",
        Reason::Connect => "check the address and its port, and whether a firewall keeps this machine from it",
        Reason::Timeout => "ask for the way from this machine to it to be opened: something drops what is sent",
        Reason::Tls => "check that the address is the right one, and that nothing on the way opens TLS",
        Reason::RateLimited => "wait some minutes and try again",
        Reason::Io => "see that the file can be read",
        Reason::Http | Reason::Malformed | Reason::NotFound => {
            "check that the address is that of the API, with nothing behind it, and that the server is well"
        }
        Reason::Auth | Reason::Forbidden => "see the login",
        Reason::Panic => "this is a defect of apnswatch: please tell of it",
    };
    format!("not reached: {}; {step}", failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_one_sentence_with_a_next_step_however_many_reads_it_spoils() {
        let access = |verdict| Access {
            source: Source::Tokens,
            endpoint: "GET /x".to_owned(),
            verdict,
            privilege: "Read X",
            lost: "the end of X",
        };
        for reason in Reason::ALL {
            let verdict = Verdict::from_failure(Some(Failure::new(reason, "jamf.example.com: no\u{1b}[2J")), false);
            let trial = judge(MdmKind::Jamf, &[access(verdict.clone()), access(verdict)]);
            assert_eq!(trial.told.len(), 1, "{reason}: {:?}", trial.told);
            let sentence = &trial.told[0];
            assert!(sentence.contains("; ") && sentence.ends_with('.') && !sentence.contains('\u{1b}'), "{sentence}");
            assert!(trial.outcome > Outcome::Good);
        }
        let trial = judge(MdmKind::Jamf, &[access(Verdict::Unsupported), access(Verdict::Allowed)]);
        assert_eq!((trial.outcome, trial.told.len(), trial.allowed.len()), (Outcome::Good, 1, 1));
        let api = Access { source: Source::Api, ..access(Verdict::Denied(Failure::new(Reason::Forbidden, "no"))) };
        assert_eq!(judge(MdmKind::Intune, &[api]).outcome, Outcome::Refused);
    }
}
