//! What this process did since it started.

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::model::{MdmKind, Reason, Source};

/// Counters of polls, by MDM and source. They outlive a reload.
#[derive(Clone, Debug)]
pub struct Counters {
    registry: Registry,
    polls: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
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
        Ok(Self { registry, polls, failures, duration })
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

    /// Appends all series to `text`.
    ///
    /// # Errors
    ///
    /// If a series cannot be written as text, which for these it always can.
    pub fn write(&self, text: &mut String) -> Result<(), prometheus::Error> {
        let mut bytes = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut bytes)?;
        text.push_str(&String::from_utf8_lossy(&bytes));
        Ok(())
    }
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
