//! The series that are written from what is judged at the scrape.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::tenants::{Scene, Written};
use super::text::{Pieces, Text};
use super::{Counters, network};
use crate::config::Config;
use crate::evaluate::{Judge, Whole};

/// What the scrape tells of this process besides the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessState {
    /// Whether the last reload of the configuration went well.
    pub reload_successful: bool,
    /// When the configuration in force was read.
    pub reload_success: DateTime<Utc>,
    /// Tasks of the runtime that have not ended.
    pub tasks: usize,
}

/// How a scrape is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// With gzip.
    Gzip,
}

/// An answer to a scrape, in pieces, which are written out as they are asked for.
#[derive(Debug)]
pub struct Answer(Form);

#[derive(Debug)]
enum Form {
    Plain(Pieces),
    Packed(Option<Bytes>),
}

impl Answer {
    /// How many bytes are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        match &self.0 {
            Form::Plain(pieces) => pieces.left(),
            Form::Packed(packed) => packed.as_ref().map_or(0, Bytes::len),
        }
    }
}

impl Iterator for Answer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Form::Plain(pieces) => pieces.next(),
            Form::Packed(packed) => packed.take(),
        }
    }
}

/// Answers with everything: what is judged as series, and the counters.
///
/// # Errors
///
/// If a counter cannot be written as text, which for ours it always can.
pub fn render(
    judge: &Judge<'_>,
    config: &Config,
    process: ProcessState,
    counters: &Counters,
    encoding: Encoding,
) -> Result<Answer, prometheus::Error> {
    let (whole, mut text) = (&judge.whole, Text::default());
    let days_from = (config.web.days_gauge && whole.clock_plausible).then_some(whole.now);
    let scene = Scene { days_from, labels: &config.tenant_labels };
    Written::assemble(judge.lanes(|tenants| Written::by(tenants, scene)), &mut text);
    duties(&mut text, whole);
    network::render(&mut text, whole.network.as_ref());
    own(&mut text, whole, config, process);
    text.append(&counters.text()?);
    Ok(Answer(match encoding {
        Encoding::Plain => Form::Plain(text.plain()),
        Encoding::Gzip => Form::Packed(Some(text.compressed())),
    }))
}

fn duties(text: &mut Text, whole: &Whole) {
    let mut family = text.family(
        "apns_duty_due_timestamp_seconds",
        "gauge",
        "When a duty for an Apple Account is due, Unix time; today for one that was never done.",
    );
    for account in &whole.accounts {
        for (duty, state) in &account.duties {
            family.sample(&[("account", account.id.as_str()), ("duty", duty)], seconds(state.due));
        }
    }
}

fn own(text: &mut Text, whole: &Whole, config: &Config, process: ProcessState) {
    let mut family = text.family("apnswatch_tenants", "gauge", "Tenants by state.");
    for (state, count) in [("active", whole.active), ("retired", whole.retired), ("missing", whole.missing)] {
        family.sample(&[("state", state)], count_of(count));
    }
    if let Some(url) = &config.web.external_url {
        text.family("apnswatch_web_info", "gauge", "Where people reach the page.")
            .sample(&[("external_url", url.as_str())], 1.0);
    }
    if let Some(unconfirmed) = whole.letter.as_ref().and_then(|letter| letter.unconfirmed) {
        text.family("apnswatch_letter_unconfirmed", "gauge", "1 while nobody confirmed the monthly letter in time.")
            .sample(&[], flag(unconfirmed));
    }
    let running: BTreeSet<&str> = whole.drills.iter().map(|drill| drill.severity.as_str()).collect();
    let mut family = text.family("apnswatch_drill", "gauge", "1 while a drill of this severity runs.");
    for severity in running {
        family.sample(&[("severity", severity)], 1.0);
    }
    for (name, help, value) in [
        ("apnswatch_config_errors", "Things that are wrong in tenant files.", count_of(whole.config_errors)),
        ("apnswatch_store_up", "Whether what is learnt is being kept.", flag(whole.store_up)),
        ("apnswatch_clock_plausible", "Whether the clock of this machine can be right.", flag(whole.clock_plausible)),
        (
            "apnswatch_config_last_reload_successful",
            "Whether the last reload of the configuration went well.",
            flag(process.reload_successful),
        ),
        (
            "apnswatch_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, Unix time.",
            seconds(process.reload_success),
        ),
        (
            "apnswatch_tasks",
            "Tasks under way: a few, one for each poll and each probed target, and those of open connections.",
            count_of(process.tasks),
        ),
    ] {
        text.family(name, "gauge", help).sample(&[], value);
    }
    text.family("apnswatch_build_info", "gauge", "The version of this program.").sample(
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("APNSWATCH_REVISION")),
            ("rustc", env!("APNSWATCH_RUSTC")),
        ],
        1.0,
    );
}

/// 1 for what is so.
pub(super) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

#[allow(clippy::cast_precision_loss, reason = "seconds of any date are far below 2^53")]
pub(super) fn seconds(moment: DateTime<Utc>) -> f64 {
    // A moment of the present has milliseconds; a certificate's has none.
    moment.timestamp_millis() as f64 / 1000.0
}

/// Days with their fraction, negative for what is past.
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 milliseconds, which is longer than any certificate")]
pub(super) fn days(left: TimeDelta) -> f64 {
    left.num_milliseconds() as f64 / 86_400_000.0
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 tenants")]
fn count_of(count: usize) -> f64 {
    count as f64
}
