//! One notice on purpose, and in a sentence why it was not taken.

use chrono::{DateTime, Utc};

use super::Notices;
use crate::cli::setup::held::unplaced;
use crate::config::Config;
use crate::model::{Failure, Reason};
use crate::notify::channel::{Channel, ChannelKind};
use crate::notify::key::Severity;
use crate::notify::message::{Kind, Message};
use crate::words;

/// Why a test notice was not taken.
pub(in crate::cli::setup) struct Untaken {
    /// What went wrong.
    pub(super) reason: Reason,
    /// One sentence, with the next step.
    pub(in crate::cli::setup) sentence: String,
}

/// Sends a test notice the way that the daemon would go. What keeps incidents is told that it is over right after.
///
/// # Errors
///
/// Why it was not taken.
pub(in crate::cli::setup) async fn send(config: &Config, notices: &Notices, now: DateTime<Utc>) -> Result<(), Untaken> {
    let kind = notices.kind;
    let untaken = |failure: Failure| {
        let text = words::sentence(&words::clean(&sentence(kind, &failure), 1000));
        Untaken { reason: failure.reason, sentence: unplaced(&text, &notices.secrets) }
    };
    let settings = config.notify.as_ref().and_then(|notify| Some((notify.channels.get(&kind)?, &notify.network)));
    let Some((channel, network)) = settings else {
        return Err(untaken(Failure::new(Reason::Malformed, "the configuration has no such way")));
    };
    let channel = Channel::new(&channel.place, network);
    let mut message = message(kind, now);
    channel.send(kind, &message, now).await.map_err(|refusal| untaken(refusal.failure))?;
    if kind.keeps_state() {
        message = Message { id: format!("{}-over", message.id), kind: Kind::Resolved, ..message };
        channel.send(kind, &message, now).await.map_err(|refusal| untaken(refusal.failure))?;
    }
    Ok(())
}

fn message(kind: ChannelKind, now: DateTime<Utc>) -> Message {
    let id = format!("setup-{}", now.timestamp_millis());
    Message {
        thread: id.clone(),
        id,
        kind: Kind::Entered,
        // A pager may do nothing about anything less.
        severity: if kind == ChannelKind::Pagerduty { Severity::Critical } else { Severity::Warning },
        alert: "ApnswatchSetup".to_owned(),
        title: "apnswatch: This is a test: notices get through".to_owned(),
        body: vec![
            "Nothing is wrong. Somebody runs apnswatch setup, and asked for this notice.".to_owned(),
            "Next step: tell them that it arrived.".to_owned(),
        ],
        link: None,
        count: 1,
        is_drill: true,
        at: now,
        is_quiet: false,
    }
}

fn sentence(kind: ChannelKind, failure: &Failure) -> String {
    let step = match (failure.reason, kind) {
        (Reason::Auth | Reason::Forbidden, ChannelKind::Smtp) => {
            "see whether the user and the password are right, and whether this port is the one for mail with a login"
        }
        (Reason::Auth | Reason::Forbidden, ChannelKind::Pagerduty) => "see whether the integration key is right",
        (Reason::Auth | Reason::Forbidden, _) => {
            "see whether the address is the whole one, and whether it asks for a login"
        }
        (Reason::NotFound, _) => "see whether the address is the whole one, and still in use there",
        (Reason::Dns, _) => "look for a slip of the pen in the address, and whether this machine has a name server",
        (Reason::Connect, _) => "check the address and its port, and whether a firewall keeps this machine from it",
        (Reason::Timeout, _) => "ask for the way from this machine to it to be opened: something drops what is sent",
        (Reason::Tls, _) => {
            "check that address and port are right and that nothing on the way opens TLS; if its certificate is from a CA of \
             your own, name the file of that CA"
        }
        (Reason::Malformed, ChannelKind::Smtp) => {
            "see whether this server takes mail from this sender and for these readers"
        }
        (Reason::Malformed, ChannelKind::Pagerduty) => {
            "see whether the integration key is right, and of an integration of Events API v2"
        }
        (Reason::Malformed, _) => "see whether the address is the right one for this way",
        (Reason::RateLimited | Reason::Http, _) => "wait some minutes and try again",
        (Reason::Io, _) => "see that the file can be read",
        (Reason::Panic, _) => "this is a defect of apnswatch: please tell of it",
    };
    format!("the test notice was not taken: {}; {step}", failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_one_sentence_with_a_next_step() {
        for kind in ChannelKind::ALL {
            for reason in Reason::ALL {
                let told = sentence(kind, &Failure::new(reason, "mail.example.com:587 refuses it"));
                let (_, step) = told.split_once("refuses it; ").unwrap();
                assert!(!step.is_empty() && !told.contains(". "), "{told}");
            }
            let message = message(kind, DateTime::UNIX_EPOCH);
            assert!(message.is_drill && message.title.contains("test"));
        }
    }
}
