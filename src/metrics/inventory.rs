//! The series that are written from the report at the scrape.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::text::Text;
use super::{Counters, mdm, network};
use crate::config::Config;
use crate::evaluate::Report;
use crate::evaluate::tenant::{TenantReport, Verdict};
use crate::model::{Source, Topic};

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

/// Writes everything: the report as series, and the counters.
///
/// # Errors
///
/// If a counter cannot be written as text, which for ours it always can.
pub fn render(
    report: &Report,
    config: &Config,
    process: ProcessState,
    counters: &Counters,
    encoding: Encoding,
) -> Result<Vec<u8>, prometheus::Error> {
    let mut text = match encoding {
        Encoding::Plain => Text::default(),
        Encoding::Gzip => Text::compressed(),
    };
    inventory(&mut text, report, config, process);
    text.append(&counters.text()?);
    Ok(text.into_bytes())
}

fn inventory(text: &mut Text, report: &Report, config: &Config, process: ProcessState) {
    certificates(text, report, config);
    topics(text, report);
    tenants(text, report, config);
    sources(text, report);
    mdm::render(text, report, config.web.days_gauge);
    network::render(text, report.network.as_ref());
    own(text, report, config, process);
}

fn certificates(text: &mut Text, report: &Report, config: &Config) {
    let mut family = text.family(
        "apns_certificate_not_after_timestamp_seconds",
        "gauge",
        "End of the effective push certificate, Unix time.",
    );
    for (tenant, known) in report.tenants.iter().filter_map(|t| Some((t, t.effective.as_ref()?))) {
        family.sample(&of(tenant), seconds(known.not_after));
    }
    let mut family = text.family(
        "apns_certificate_not_before_timestamp_seconds",
        "gauge",
        "Start of the effective push certificate, Unix time.",
    );
    for (tenant, start) in
        report.tenants.iter().filter_map(|t| Some((t, t.effective.as_ref()?.certificate.not_before?)))
    {
        family.sample(&of(tenant), seconds(start));
    }
    if config.web.days_gauge && report.clock_plausible {
        let mut family = text.family(
            "apns_certificate_expiry_days",
            "gauge",
            "Days until the effective push certificate ends, negative afterwards, computed at the scrape. \
             For alerts use apns_certificate_phase or the timestamp.",
        );
        for (tenant, known) in report.tenants.iter().filter_map(|t| Some((t, t.effective.as_ref()?))) {
            let left = known.not_after - report.now;
            family.sample(&of(tenant), days(left));
        }
    }
    let mut family = text.family("apns_certificate_phase", "gauge", "1 for the phase in which the certificate is now.");
    for tenant in &report.tenants {
        let [name, mdm] = of(tenant);
        family.sample(&[name, mdm, ("phase", tenant.phase.as_str())], 1.0);
    }
    let mut family =
        text.family("apns_certificate_info", "gauge", "The effective push certificate and where it is known from.");
    for (tenant, known) in report.tenants.iter().filter_map(|t| Some((t, t.effective.as_ref()?))) {
        let [name, mdm] = of(tenant);
        let topic = known.certificate.topic.as_ref().map(Topic::as_str).unwrap_or_default();
        let serial = known.certificate.serial.as_ref().map(ToString::to_string).unwrap_or_default();
        let labels = [
            name,
            mdm,
            ("source", known.source.as_str()),
            ("topic", topic),
            ("serial", &serial),
            ("precision", known.precision.as_str()),
        ];
        family.sample(&labels, 1.0);
    }
    let mut family = text.family(
        "apns_certificate_renewed_timestamp_seconds",
        "gauge",
        "When the effective certificate was first seen in the place of an earlier one of the same topic, Unix time.",
    );
    for (tenant, renewed) in report.tenants.iter().filter_map(|t| Some((t, t.effective.as_ref()?.renewed?))) {
        family.sample(&of(tenant), seconds(renewed));
    }
}

fn topics(text: &mut Text, report: &Report) {
    let mut family =
        text.family("apns_topic_drift", "gauge", "Whether a source told another topic than the pinned one.");
    for (tenant, source, verdict) in verdicts(report) {
        let [name, mdm] = of(tenant);
        let value = f64::from(u8::from(matches!(verdict, Verdict::Drifts(..))));
        family.sample(&[name, mdm, ("source", source.as_str())], value);
    }
    let mut family =
        text.family("apns_topic_drift_info", "gauge", "The topic that was told instead of the pinned one.");
    for (tenant, source, verdict) in verdicts(report) {
        if let Verdict::Drifts(topic, _) = verdict {
            let [name, mdm] = of(tenant);
            family.sample(&[name, mdm, ("source", source.as_str()), ("topic", topic.as_str())], 1.0);
        }
    }
    let mut family = text.family("apns_topic_pin_info", "gauge", "The topic that must stay, and why it is trusted.");
    for (tenant, pin) in report.tenants.iter().filter_map(|t| Some((t, t.pin.as_ref()?))) {
        let [name, mdm] = of(tenant);
        family.sample(&[name, mdm, ("topic", pin.topic.as_str()), ("origin", pin.origin.as_str())], 1.0);
    }
}

fn tenants(text: &mut Text, report: &Report, config: &Config) {
    let mut family = text.family(
        "apns_account_mismatch",
        "gauge",
        "Whether the MDM shows another Apple Account than the configured one.",
    );
    for (tenant, mismatch) in report.tenants.iter().filter_map(|t| Some((t, t.account_mismatch?))) {
        family.sample(&of(tenant), f64::from(u8::from(mismatch)));
    }
    let mut family = text.family("apns_finding", "gauge", "1 while something stands that a person should know.");
    for tenant in &report.tenants {
        for finding in tenant.findings.keys() {
            let [name, mdm] = of(tenant);
            family.sample(&[name, mdm, ("finding", finding.as_str())], 1.0);
        }
    }
    let mut family = text.family("apns_blind_spot", "gauge", "1 for each of the five questions that nothing answers.");
    for tenant in &report.tenants {
        for question in &tenant.blind_spots {
            let [name, mdm] = of(tenant);
            family.sample(&[name, mdm, ("question", question.as_str())], 1.0);
        }
    }
    let mut family = text.family("apns_tenant_info", "gauge", "What the configuration says of a tenant, for joins.");
    for tenant in &report.tenants {
        let [name, mdm] = of(tenant);
        let account = tenant.account.as_ref().map(crate::model::AccountId::as_str).unwrap_or_default();
        let mut labels = vec![name, mdm, ("account", account)];
        labels.extend(
            config
                .tenant_labels
                .iter()
                .map(|label| (label.as_str(), tenant.labels.get(label).map(String::as_str).unwrap_or_default())),
        );
        family.sample(&labels, 1.0);
    }
    let mut family = text.family(
        "apns_renewal_planned_timestamp_seconds",
        "gauge",
        "End of the day (UTC) for which somebody planned the renewal, Unix time; tier is what that keeps quiet until then.",
    );
    for (tenant, planned) in report.tenants.iter().filter_map(|t| Some((t, t.planned.as_ref()?))) {
        let [name, mdm] = of(tenant);
        family.sample(&[name, mdm, ("tier", planned.plan.tier.as_str())], seconds(planned.plan.until()));
    }
    let mut family = text.family("apns_tenant_muted", "gauge", "1 while a tenant is muted.");
    for tenant in report.tenants.iter().filter(|tenant| tenant.muted.is_some()) {
        family.sample(&of(tenant), 1.0);
    }
}

fn sources(text: &mut Text, report: &Report) {
    let polled = || {
        report
            .tenants
            .iter()
            .flat_map(|tenant| tenant.sources.iter().filter(|source| source.polled).map(move |source| (tenant, source)))
    };
    let mut family =
        text.family("apns_source_up", "gauge", "Whether the last poll of a source went well; 0 before the first.");
    for (tenant, source) in polled() {
        let [name, mdm] = of(tenant);
        family.sample(&[name, mdm, ("source", source.source.as_str())], f64::from(u8::from(source.up)));
    }
    let mut family = text.family("apns_source_failing", "gauge", "1 while a source fails, with the reason.");
    for (tenant, source) in polled() {
        if let Some(failure) = &source.failure {
            let [name, mdm] = of(tenant);
            let reason = failure.reason.as_str();
            family.sample(&[name, mdm, ("source", source.source.as_str()), ("reason", reason)], 1.0);
        }
    }
    let mut family = text.family(
        "apns_source_last_success_timestamp_seconds",
        "gauge",
        "When a source last answered without a failure, Unix time.",
    );
    for (tenant, source) in polled() {
        if let Some(last_success) = source.last_success {
            let [name, mdm] = of(tenant);
            family.sample(&[name, mdm, ("source", source.source.as_str())], seconds(last_success));
        }
    }
    let mut family = text.family("apns_source_poll_interval_seconds", "gauge", "How often a source is polled.");
    for (tenant, source) in polled() {
        if let Some(interval) = source.interval {
            let [name, mdm] = of(tenant);
            family.sample(&[name, mdm, ("source", source.source.as_str())], interval.as_secs_f64());
        }
    }
    let mut family = text.family(
        "apns_source_not_after_timestamp_seconds",
        "gauge",
        "End of the certificate that a source told of last, Unix time.",
    );
    for tenant in &report.tenants {
        for source in &tenant.sources {
            if let Some(not_after) = source.certificate.as_ref().and_then(|certificate| certificate.not_after) {
                let [name, mdm] = of(tenant);
                family.sample(&[name, mdm, ("source", source.source.as_str())], seconds(not_after));
            }
        }
    }
}

fn own(text: &mut Text, report: &Report, config: &Config, process: ProcessState) {
    let mut family = text.family("apnswatch_tenants", "gauge", "Tenants by state.");
    for (state, count) in [("active", report.tenants.len()), ("retired", report.retired), ("missing", report.missing)] {
        family.sample(&[("state", state)], count_of(count));
    }
    if let Some(url) = &config.web.external_url {
        text.family("apnswatch_web_info", "gauge", "Where people reach the page.")
            .sample(&[("external_url", url.as_str())], 1.0);
    }
    let running: BTreeSet<&str> = report.drills.iter().map(|drill| drill.severity.as_str()).collect();
    let mut family = text.family("apnswatch_drill", "gauge", "1 while a drill of this severity runs.");
    for severity in running {
        family.sample(&[("severity", severity)], 1.0);
    }
    let flag = |value: bool| f64::from(u8::from(value));
    for (name, help, value) in [
        ("apnswatch_config_errors", "Things that are wrong in tenant files.", count_of(report.config_errors)),
        ("apnswatch_store_up", "Whether what is learnt is being kept.", flag(report.store_up)),
        ("apnswatch_clock_plausible", "Whether the clock of this machine can be right.", flag(report.clock_plausible)),
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
            "Tasks under way: a few, one for each source that is polled, and those of open connections.",
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

/// The labels that every series of a tenant has.
pub(super) fn of(tenant: &TenantReport) -> [(&'static str, &str); 2] {
    [("tenant", tenant.name.as_str()), ("mdm", tenant.mdm.as_str())]
}

fn verdicts(report: &Report) -> impl Iterator<Item = (&TenantReport, Source, &Verdict)> {
    report
        .tenants
        .iter()
        .flat_map(|tenant| tenant.drift.iter().map(move |(source, verdict)| (tenant, *source, verdict)))
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
pub(super) fn count_of(count: usize) -> f64 {
    count as f64
}
