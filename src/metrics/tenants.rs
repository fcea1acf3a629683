//! The families of which tenants have samples: certificates, topics, what the configuration says, and sources.
//!
//! Tenants are judged one after the other, and each is written into all of its families before the next one is judged. So
//! nobody ever holds the reports of all of them, and a family is put together of what the tenants left there.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::inventory::{days, flag, seconds};
use super::mdm;
use super::short::{Lines, Short};
use super::text::{Text, labels};
use crate::evaluate::TenantReport;
use crate::evaluate::tenant::Verdict;
use crate::model::{AccountId, Topic};

/// What the samples of a tenant are written from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    /// The moment from which days are counted; `None` if they are not wanted, or the clock cannot be right.
    pub(super) days_from: Option<DateTime<Utc>>,
    /// The labels that `apns_tenant_info` carries.
    pub(super) labels: &'a [String],
}

/// A family of which tenants have samples: its name, its help, and who writes those of one tenant.
pub(super) struct Family(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) fn(&TenantReport, Scene<'_>, &mut Lines<'_>),
);

/// All of them, in the order of the text.
fn families() -> impl Iterator<Item = &'static Family> {
    CERTIFICATES.iter().chain(&TOPICS).chain(&TENANTS).chain(&SOURCES).chain(&mdm::FAMILIES)
}

/// What some tenants left in each family.
#[derive(Debug)]
pub(super) struct Written {
    /// Those that each sample of a tenant has, a line for each.
    labels: String,
    families: Vec<Short>,
}

impl Written {
    /// Writes these tenants.
    pub(super) fn by(tenants: &mut dyn Iterator<Item = TenantReport>, scene: Scene<'_>) -> Self {
        let mut shorts: Vec<Short> = families().map(|Family(name, ..)| Short::new(name)).collect();
        let mut all = String::new();
        for tenant in tenants {
            let before = all.len();
            labels(&mut all, &[("tenant", tenant.name.as_str()), ("mdm", tenant.mdm.as_str())]);
            let length = all.len() - before;
            all.push('\n');
            for (Family(_, _, write), short) in families().zip(&mut shorts) {
                let mut lines = short.tenant(length);
                write(&tenant, scene, &mut lines);
                lines.end();
            }
        }
        Self { labels: all, families: shorts }
    }

    /// Puts the families together: each with its head, if any tenant has a sample, and then what all of `parts` left there.
    pub(super) fn assemble(parts: Vec<Self>, text: &mut Text) {
        let mut parts: Vec<(Arc<str>, _)> =
            parts.into_iter().map(|Self { labels, families }| (labels.into(), families.into_iter())).collect();
        for Family(name, help, _) in families() {
            let of_part = |(labels, families): &mut (Arc<str>, std::vec::IntoIter<Short>)| {
                families.next().filter(|samples| !samples.is_empty()).map(|samples| samples.unfold(Arc::clone(labels)))
            };
            let samples: Vec<_> = parts.iter_mut().filter_map(of_part).collect();
            if !samples.is_empty() {
                text.head(name, "gauge", help);
            }
            samples.into_iter().for_each(|samples| text.extend(samples));
        }
    }
}

const CERTIFICATES: [Family; 6] = [
    Family(
        "apns_certificate_not_after_timestamp_seconds",
        "End of the effective push certificate, Unix time.",
        |tenant, _, lines| {
            if let Some(known) = &tenant.effective {
                lines.sample(&[], seconds(known.not_after));
            }
        },
    ),
    Family(
        "apns_certificate_not_before_timestamp_seconds",
        "Start of the effective push certificate, Unix time.",
        |tenant, _, lines| {
            if let Some(start) = tenant.effective.as_ref().and_then(|known| known.certificate.not_before) {
                lines.sample(&[], seconds(start));
            }
        },
    ),
    Family(
        "apns_certificate_expiry_days",
        "Days until the effective push certificate ends, negative afterwards, computed at the scrape. \
         For alerts use apns_certificate_phase or the timestamp.",
        |tenant, scene, lines| {
            if let (Some(known), Some(now)) = (&tenant.effective, scene.days_from) {
                lines.sample(&[], days(known.not_after - now));
            }
        },
    ),
    Family("apns_certificate_phase", "1 for the phase in which the certificate is now.", |tenant, _, lines| {
        lines.sample(&[("phase", tenant.phase.as_str())], 1.0)
    }),
    Family(
        "apns_certificate_info",
        "The effective push certificate and where it is known from.",
        |tenant, _, lines| {
            let Some(known) = &tenant.effective else { return };
            let serial = known.certificate.serial.as_ref().map(ToString::to_string).unwrap_or_default();
            let labels = [
                ("source", known.source.as_str()),
                ("topic", known.certificate.topic.as_ref().map(Topic::as_str).unwrap_or_default()),
                ("serial", &serial),
                ("precision", known.precision.as_str()),
            ];
            lines.sample(&labels, 1.0);
        },
    ),
    Family(
        "apns_certificate_renewed_timestamp_seconds",
        "When the effective certificate was first seen in the place of an earlier one of the same topic, Unix time.",
        |tenant, _, lines| {
            if let Some(renewed) = tenant.effective.as_ref().and_then(|known| known.renewed) {
                lines.sample(&[], seconds(renewed));
            }
        },
    ),
];

const TOPICS: [Family; 3] = [
    Family("apns_topic_drift", "Whether a source told another topic than the pinned one.", |tenant, _, lines| {
        for (source, verdict) in &tenant.drift {
            lines.sample(&[("source", source.as_str())], flag(matches!(verdict, Verdict::Drifts(..))));
        }
    }),
    Family("apns_topic_drift_info", "The topic that was told instead of the pinned one.", |tenant, _, lines| {
        for (source, verdict) in &tenant.drift {
            if let Verdict::Drifts(topic, ..) = verdict {
                lines.sample(&[("source", source.as_str()), ("topic", topic.as_str())], 1.0);
            }
        }
    }),
    Family("apns_topic_pin_info", "The topic that must stay, and why it is trusted.", |tenant, _, lines| {
        if let Some(pin) = &tenant.pin {
            lines.sample(&[("topic", pin.topic.as_str()), ("origin", pin.origin.as_str())], 1.0);
        }
    }),
];

const TENANTS: [Family; 6] = [
    Family(
        "apns_account_mismatch",
        "Whether the MDM shows another Apple Account than the configured one.",
        |tenant, _, lines| {
            if let Some(mismatch) = tenant.account_mismatch {
                lines.sample(&[], flag(mismatch));
            }
        },
    ),
    Family("apns_finding", "1 while something stands that a person should know.", |tenant, _, lines| {
        for finding in tenant.findings.keys() {
            lines.sample(&[("finding", finding.as_str())], 1.0);
        }
    }),
    Family("apns_blind_spot", "1 for each of the five questions that nothing answers.", |tenant, _, lines| {
        for question in &tenant.blind_spots {
            lines.sample(&[("question", question.as_str())], 1.0);
        }
    }),
    Family("apns_tenant_info", "What the configuration says of a tenant, for joins.", |tenant, scene, lines| {
        let mut sample = lines.begin();
        sample.label("account", tenant.account.as_ref().map(AccountId::as_str).unwrap_or_default());
        for label in scene.labels {
            sample.label(label, tenant.labels.get(label).map(String::as_str).unwrap_or_default());
        }
        sample.end(1.0);
    }),
    Family(
        "apns_renewal_planned_timestamp_seconds",
        "End of the day (UTC) for which somebody planned the renewal, Unix time; tier is what that keeps quiet until then.",
        |tenant, _, lines| {
            if let Some(planned) = &tenant.planned {
                lines.sample(&[("tier", planned.plan.tier.as_str())], seconds(planned.plan.until()));
            }
        },
    ),
    Family("apns_tenant_muted", "1 while a tenant is muted.", |tenant, _, lines| {
        if tenant.muted.is_some() {
            lines.sample(&[], 1.0);
        }
    }),
];

const SOURCES: [Family; 5] = [
    Family("apns_source_up", "Whether the last poll of a source went well; 0 before the first.", |tenant, _, lines| {
        for source in tenant.sources.iter().filter(|source| source.polled) {
            lines.sample(&[("source", source.source.as_str())], flag(source.up));
        }
    }),
    Family("apns_source_failing", "1 while a source fails, with the reason.", |tenant, _, lines| {
        for source in tenant.sources.iter().filter(|source| source.polled) {
            if let Some(failure) = &source.failure {
                let labels = [("source", source.source.as_str()), ("reason", failure.reason.as_str())];
                lines.sample(&labels, 1.0);
            }
        }
    }),
    Family(
        "apns_source_last_success_timestamp_seconds",
        "When a source last answered without a failure, Unix time.",
        |tenant, _, lines| {
            for source in tenant.sources.iter().filter(|source| source.polled) {
                if let Some(last_success) = source.last_success {
                    lines.sample(&[("source", source.source.as_str())], seconds(last_success));
                }
            }
        },
    ),
    Family("apns_source_poll_interval_seconds", "How often a source is polled.", |tenant, _, lines| {
        for source in tenant.sources.iter().filter(|source| source.polled) {
            if let Some(interval) = source.interval {
                lines.sample(&[("source", source.source.as_str())], interval.as_secs_f64());
            }
        }
    }),
    Family(
        "apns_source_not_after_timestamp_seconds",
        "End of the certificate that a source told of last, Unix time.",
        |tenant, _, lines| {
            for source in &tenant.sources {
                if let Some(not_after) = source.certificate().and_then(|certificate| certificate.not_after) {
                    lines.sample(&[("source", source.source.as_str())], seconds(not_after));
                }
            }
        },
    ),
];
