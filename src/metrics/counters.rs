//! What this process did since it started.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus::core::Collector as _;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::model::probe::Attempt;
use crate::model::{MdmKind, ProbeReason, Reason, Source, Step};
use crate::probe::Target;

/// Counters of polls, by MDM and source. They outlive a reload.
#[derive(Clone, Debug)]
pub struct Counters {
    registry: Registry,
    polls: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
    attempts: IntCounterVec,
    attempt_failures: IntCounterVec,
    connects: HistogramVec,
    notices: IntCounterVec,
    notice_failures: IntCounterVec,
    /// When a Prometheus last asked, in seconds of the Unix epoch; 0 if never.
    scraped: Arc<AtomicI64>,
}

impl Counters {
    /// Registers the counters. Every series that can be known exists from now on, at zero.
    ///
    /// # Errors
    ///
    /// If two of them had the same name, which only a change of this file could bring about.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let polls = IntCounterVec::new(
            Opts::new("apns_source_polls_total", "Polls that ended, well or not."),
            &["mdm", "source"],
        )?;
        let failures = IntCounterVec::new(
            Opts::new("apns_source_failures_total", "Polls that failed, by reason."),
            &["mdm", "source", "reason"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new("apns_source_poll_duration_seconds", "How long a poll took, from its start to its end.")
                .buckets(vec![0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0]),
            &["mdm", "source"],
        )?;
        let port = ["site", "role", "target", "port", "ip_version"];
        let attempts =
            IntCounterVec::new(Opts::new("apns_port_attempts_total", "Attempts that ended, well or not."), &port)?;
        let attempt_failures = IntCounterVec::new(
            Opts::new("apns_port_failures_total", "Attempts that failed, by the reason that tells most."),
            &["site", "role", "target", "port", "ip_version", "reason"],
        )?;
        let connects = HistogramVec::new(
            HistogramOpts::new("apns_port_connect_duration_seconds", "How long it took until a connection was open.")
                .buckets(vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]),
            &["site", "role", "port"],
        )?;
        let notices = IntCounterVec::new(
            Opts::new("apnswatch_notifications_total", "Notices that their receiver acknowledged."),
            &["channel"],
        )?;
        let notice_failures = IntCounterVec::new(
            Opts::new("apnswatch_notification_failures_total", "Tries to send a notice that failed, by reason."),
            &["channel", "reason"],
        )?;
        registry.register(Box::new(notices.clone()))?;
        registry.register(Box::new(notice_failures.clone()))?;
        registry.register(Box::new(attempts.clone()))?;
        registry.register(Box::new(attempt_failures.clone()))?;
        registry.register(Box::new(connects.clone()))?;
        registry.register(Box::new(polls.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        for mdm in MdmKind::ALL {
            for source in polled(mdm) {
                let labels = [mdm.as_str(), source.as_str()];
                polls.with_label_values(&labels);
                duration.with_label_values(&labels);
                for reason in Reason::ALL {
                    failures.with_label_values(&[mdm.as_str(), source.as_str(), reason.as_str()]);
                }
            }
        }
        let scraped = Arc::default();
        Ok(Self {
            registry,
            polls,
            failures,
            duration,
            attempts,
            attempt_failures,
            connects,
            notices,
            notice_failures,
            scraped,
        })
    }

    /// Counts one poll.
    pub fn count(&self, mdm: MdmKind, source: Source, took: Duration, failure: Option<Reason>) {
        let labels = [mdm.as_str(), source.as_str()];
        self.polls.with_label_values(&labels).inc();
        self.duration.with_label_values(&labels).observe(took.as_secs_f64());
        if let Some(reason) = failure {
            self.failures.with_label_values(&[mdm.as_str(), source.as_str(), reason.as_str()]).inc();
        }
    }

    /// Counts the attempts of a round. Those of a family begin, at zero for every reason, when it is first tried.
    pub fn count_round(&self, site: &str, target: &Target, attempts: &[Attempt]) {
        let name = target.host.to_string();
        for attempt in attempts {
            let port = attempt.port.to_string();
            let mut labels = vec![site, target.role.as_str(), &name, &port, attempt.ip_version.as_str()];
            let counter = self.attempts.with_label_values(&labels);
            let is_new = counter.get() == 0;
            counter.inc();
            let failed = attempt.failure().map(|(_, failure)| failure.reason);
            for reason in ProbeReason::ALL.into_iter().filter(|reason| is_new || failed == Some(*reason)) {
                labels.push(reason.as_str());
                let failures = self.attempt_failures.with_label_values(&labels);
                labels.pop();
                if failed == Some(reason) {
                    failures.inc();
                }
            }
            if let Some(taken) = attempt.step(Step::Tcp).filter(|taken| taken.failure.is_none()) {
                let labels = [site, target.role.as_str(), &port];
                self.connects.with_label_values(&labels).observe(taken.took.as_secs_f64());
            }
        }
    }

    /// Forgets all attempts: what is probed has changed, and what is not probed any more must leave no ghost.
    pub fn forget_rounds(&self) {
        self.attempts.reset();
        self.attempt_failures.reset();
        self.connects.reset();
    }

    /// Notices are sent by these channels from now on: their series exist at zero, and those of others go.
    pub fn expect_notices(&self, channels: &[&str]) {
        let known: Vec<String> = self.notices.collect().iter().flat_map(channels_of).collect();
        for gone in known.iter().filter(|known| !channels.contains(&known.as_str())) {
            // It was there a moment ago.
            let _ = self.notices.remove_label_values(&[gone]);
            for reason in Reason::ALL {
                let _ = self.notice_failures.remove_label_values(&[gone, reason.as_str()]);
            }
        }
        for channel in channels {
            self.notices.with_label_values(&[*channel]);
            for reason in Reason::ALL {
                self.notice_failures.with_label_values(&[*channel, reason.as_str()]);
            }
        }
    }

    /// Counts a notice that was acknowledged, or why it was not.
    pub fn count_notice(&self, channel: &str, failure: Option<Reason>) {
        match failure {
            None => self.notices.with_label_values(&[channel]).inc(),
            Some(reason) => self.notice_failures.with_label_values(&[channel, reason.as_str()]).inc(),
        }
    }

    /// A Prometheus asked for the metrics.
    pub fn count_scrape(&self, at: DateTime<Utc>) {
        self.scraped.store(at.timestamp(), Ordering::Relaxed);
    }

    /// When a Prometheus last asked for the metrics.
    #[must_use]
    pub fn scraped(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.scraped.load(Ordering::Relaxed), 0).filter(|at| *at != DateTime::UNIX_EPOCH)
    }

    /// All series.
    ///
    /// # Errors
    ///
    /// If a series cannot be written as text, which for these it always can.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// The values of the label `channel`.
fn channels_of(family: &MetricFamily) -> Vec<String> {
    let labels = family.get_metric().iter().flat_map(|metric| metric.get_label());
    labels.map(|label| label.value().to_owned()).collect()
}

/// The sources of an MDM that can be polled. Any tenant may have a profile, files and topics of devices.
fn polled(mdm: MdmKind) -> Vec<Source> {
    let asked: &[Source] = match mdm {
        MdmKind::Intune => &[Source::Api, Source::Tokens, Source::Push],
        MdmKind::Jamf => &[Source::Api, Source::Tokens, Source::Push],
        MdmKind::Kandji => &[Source::Tokens, Source::Push],
        MdmKind::Mosyle => &[Source::Push],
        MdmKind::None => &[],
    };
    asked.iter().copied().chain([Source::Profile, Source::File, Source::Device]).collect()
}
