//! The monthly letter on its way: one that is due is written down, sent, and written down as taken.
//!
//! Only the replica that sends notices sends it. A letter is kept before it goes out, for its readers confirm it by a code that must be
//! known then; that it was taken is kept after, until that succeeds, so that it goes out once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::channel::{Channel, ChannelKind, Refusal};
use super::key::Severity;
use super::ledger::PAUSES;
use super::letter::{Occasion, Text, compose};
use super::message::{Kind, Message};
use crate::clock::Clock;
use crate::config::Running;
use crate::config::notify::{Place, Smtp};
use crate::config::{Config, Notify};
use crate::evaluate::evaluate;
use crate::evaluate::letter::{Letter, Task, report};
use crate::evaluate::report::{Moment, Snapshot, polled_sources};
use crate::model::{Failure, LetterEvent, Reason};
use crate::store::{self, Store};

/// The label of letters among the channels.
pub(super) const LETTER: &str = "letter";

/// What the store may take. Longer, and it is asked again in the next round.
const PATIENCE: Duration = Duration::from_secs(20);

/// What never answers keeps the first letter back for no longer than this.
const ROUND: TimeDelta = TimeDelta::minutes(10);

/// Sends letters.
#[derive(Debug)]
pub(super) struct Post {
    /// When this process began.
    begun: DateTime<Utc>,
    /// Failures running.
    failures: usize,
    /// Not tried before this.
    next: Option<DateTime<Utc>>,
    /// What the mail server took, and is not on disk yet.
    taken: Option<LetterEvent>,
    /// What it needs of the mail server, with whom that is for.
    channel: Option<(Smtp, Channel)>,
    /// That nothing can be kept was said.
    is_told: bool,
}

/// What sending needs from around it.
pub(super) struct Around<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a Clock,
    pub(super) running: &'a Running,
    pub(super) settings: &'a Notify,
    pub(super) host: &'a str,
}

impl Post {
    pub(super) fn new(begun: DateTime<Utc>) -> Self {
        Self { begun, failures: 0, next: None, taken: None, channel: None, is_told: false }
    }

    /// Whether a letter that is due cannot be sent.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Sends a letter if one is due. `None`: nothing was tried.
    pub(super) async fn send(&mut self, around: &Around<'_>) -> Option<Result<(), Failure>> {
        if !self.keep_taken(around.store).await {
            return None;
        }
        let Some(settings) = around.running.config.letter() else {
            (self.failures, self.next) = (0, None);
            return None;
        };
        let snapshot = around.store.snapshot();
        let moment = around.clock.moment();
        // A letter whose code is not on disk could be confirmed by nobody. That the store is down is told otherwise.
        if !snapshot.store_up {
            return None;
        }
        let letters = report(&snapshot.letters, settings, moment);
        let Some(task) = letters.task(moment) else {
            // It may be that another replica got through meanwhile.
            (self.failures, self.next) = (0, None);
            return None;
        };
        // A clock that was set back must not keep it back.
        if self.next.is_some_and(|next| moment.now < next && next - moment.now <= TimeDelta::hours(1)) {
            return None;
        }
        let letter = match task {
            Task::Send(letter) => letter.clone(),
            Task::Begin if !self.is_ready(&snapshot, &around.running.config, moment) => return None,
            Task::Begin => match begin(around.store, letters.next_number, moment.now).await {
                Ok(letter) => letter?,
                Err(error) => {
                    let why = format!("a letter is due, and cannot be sent before that can be kept: {error}");
                    let failure = Failure::new(Reason::Io, why);
                    self.fell(letters.next_number, &failure, moment.now);
                    return Some(Err(failure));
                }
            },
        };
        let text = written(snapshot, around, letter.clone(), moment).await?;
        let result = self.deliver(around, &settings.to, &letter, text, moment.now).await?;
        match &result {
            Ok(()) => {
                (self.failures, self.next) = (0, None);
                tracing::info!(letter = letter.number, "letter {} was taken by the mail server", letter.number);
                let (number, at) = (letter.number, around.clock.now());
                self.taken = Some(LetterEvent::Sent { number, at, to: settings.to.clone() });
                self.keep_taken(around.store).await;
            }
            Err(Refusal { failure, .. }) => self.fell(letter.number, failure, moment.now),
        }
        Some(result.map_err(|refusal| refusal.failure))
    }

    /// Keeps that a letter was taken; false while that cannot be kept, and then nothing is sent.
    async fn keep_taken(&mut self, store: &Store) -> bool {
        let Some(event) = &self.taken else { return true };
        // It is true whoever sends now, so that no lease is asked for.
        // A disk that hangs must not keep the notices waiting. What it keeps in the end is kept once.
        let kept = tokio::time::timeout(PATIENCE, store.tell_letter(event.clone())).await;
        match kept.unwrap_or(Err(store::Error::Unsure)) {
            Ok(()) => {
                (self.taken, self.is_told) = (None, false);
                true
            }
            Err(error) => {
                self.tell(
                    &error,
                    "that the letter was taken cannot be kept at the moment; after a restart it may come again",
                );
                false
            }
        }
    }

    /// It could not be sent: it is tried again after a pause, and until then people are told that it fails.
    fn fell(&mut self, letter: u32, failure: &Failure, now: DateTime<Utc>) {
        let Failure { reason, message: why, retry_after } = failure;
        tracing::warn!(letter, %reason, why, "letter {letter} could not be sent and waits");
        let pause = TimeDelta::seconds(PAUSES[self.failures.min(PAUSES.len() - 1)]);
        let asked = retry_after.and_then(|pause| TimeDelta::from_std(pause).ok()).unwrap_or_default();
        self.next = Some(now + pause.max(asked).min(TimeDelta::hours(1)));
        self.failures = self.failures.saturating_add(1);
    }

    fn tell(&mut self, error: &store::Error, what: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(%error, "{what}");
        }
    }

    /// Whether every source was tried, so that the letter is not full of what only has not come yet.
    fn is_ready(&self, snapshot: &Snapshot, config: &Config, moment: Moment) -> bool {
        if (moment.now - self.begun).abs() >= ROUND {
            return true;
        }
        config.tenants.values().filter(|tenant| !tenant.retired).all(|tenant| {
            let memory = snapshot.tenants.get(&tenant.name).map(AsRef::as_ref);
            let is_tried = |source| {
                memory
                    .is_some_and(|memory| memory.sources.get(&source).is_some_and(|known| known.last_attempt.is_some()))
            };
            polled_sources(tenant, memory).into_iter().all(|(source, _)| is_tried(source))
        })
    }

    /// Hands it to the mail server. `None`: there is none.
    async fn deliver(
        &mut self,
        around: &Around<'_>,
        to: &[String],
        letter: &Letter,
        text: Text,
        now: DateTime<Utc>,
    ) -> Option<Result<(), Refusal>> {
        let Place::Smtp(server) = &around.settings.channels.get(&ChannelKind::Smtp)?.place else { return None };
        let server = Smtp { to: to.to_vec(), ..server.clone() };
        if self.channel.as_ref().is_none_or(|(known, _)| *known != server) {
            let channel = Channel::new(&Place::Smtp(server.clone()), &around.settings.network);
            self.channel = Some((server, channel));
        }
        let (_, channel) = self.channel.as_ref()?;
        // The same at each try, so that a letter that came twice is known as one.
        let id = format!("letter-{}", letter.name());
        let message = Message {
            thread: id.clone(),
            id,
            kind: Kind::Digest,
            severity: Severity::Info,
            alert: "Letter".to_owned(),
            title: text.title,
            body: text.body,
            link: None,
            count: 1,
            is_drill: false,
            at: now,
            is_quiet: false,
        };
        Some(channel.send(ChannelKind::Smtp, &message, now).await)
    }
}

/// Writes down that a letter is due; `None` if another replica sends.
async fn begin(store: &Store, number: u32, now: DateTime<Utc>) -> Result<Option<Letter>, store::Error> {
    let code: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
    let is_kept = store.keep_letter(LetterEvent::Due { number, code: code.clone(), at: now }).await?;
    Ok(is_kept.then(|| Letter { number, code, due: now, sent: None, to: Vec::new(), is_confirmed: false }))
}

/// Its words, written on a thread where that keeps nobody waiting.
async fn written(snapshot: Snapshot, around: &Around<'_>, letter: Letter, moment: Moment) -> Option<Text> {
    let (config, host) = (Arc::clone(&around.running.config), around.host.to_owned());
    let is_current = around.running.is_current;
    let writing = tokio::task::spawn_blocking(move || {
        let mut report = evaluate(&snapshot, &config, moment);
        report.whole.is_outdated = !is_current;
        compose(&config, &report, Occasion { letter: Some(&letter), host: &host })
    });
    writing.await.inspect_err(|error| tracing::error!(%error, "writing the letter ended in a defect")).ok()
}
