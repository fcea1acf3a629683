//! Reports for the tests of notices.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::channel::ChannelKind;
use super::key::Tier;
use super::ledger::{Ledger, Policy};
use super::message::Message;
use super::news::{Around, News};
use crate::config::{Config, load};
use crate::evaluate::report::{Moment, Snapshot};
use crate::evaluate::tenant::SourceReport;
use crate::evaluate::{Report, TenantReport, evaluate};
use crate::model::{Failure, Phase, Reason, Source};

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A report of tenants called `t0000` and on, each in Kandji with a declared end that is far away.
pub(super) fn report(tenants: usize) -> Report {
    let config = config(tenants);
    let moment = Moment { now: at("2026-09-09T10:00:00Z"), built: at("2026-01-01T00:00:00Z") };
    let mut report = evaluate(&Snapshot { store_up: true, ..Snapshot::default() }, &config, moment);
    for tenant in &mut report.tenants {
        tenant.sources.iter_mut().for_each(heal);
    }
    report
}

/// Their configuration.
pub(super) fn config(tenants: usize) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apnswatch.yaml");
    let mut yaml = "accounts:\n  - { id: shared, address: it@example.com, duties: { sign_in: { every: 90d, last: 2026-09-01 } } }\n\
                    tenants:\n"
        .to_owned();
    for number in 0..tenants {
        yaml.push_str(&format!(
            "  - name: t{number:04}\n    account: shared\n    mdm: {{ kind: kandji, url: 'https://t{number}.api.example.com', token_file: t, push: false }}\n    \
             certificate: {{ declared: {{ not_after: 2027-09-01 }} }}\n"
        ));
    }
    std::fs::write(&path, yaml).unwrap();
    load(&path, &BTreeMap::new(), None).unwrap()
}

/// The source answers.
pub(super) fn heal(source: &mut SourceReport) {
    source.up = true;
    source.failure = None;
}

/// The source fails.
pub(super) fn hurt(source: &mut SourceReport, reason: Reason) {
    source.up = false;
    source.failure = Some(Failure::new(reason, "it does not work"));
}

pub(super) fn tokens(tenant: &mut TenantReport) -> &mut SourceReport {
    tenant.sources.iter_mut().find(|source| source.source == Source::Tokens).unwrap()
}

/// A world in which time passes: a report, the ledger, and receivers that acknowledge everything.
pub(super) struct World {
    pub(super) report: Report,
    pub(super) ledger: Ledger,
    pub(super) policy: Policy,
    pub(super) failing: BTreeSet<String>,
    pub(super) is_probing: bool,
    /// Whether receivers answer.
    pub(super) is_reachable: bool,
    /// From one round to the next.
    pub(super) pace: TimeDelta,
}

impl World {
    pub(super) fn new(tenants: usize) -> Self {
        let report = report(tenants);
        let ledger = Ledger::new("x".to_owned(), report.now);
        let policy = Policy {
            repeat_critical: TimeDelta::hours(4),
            repeat_warning: TimeDelta::hours(24),
            office: None,
            channels: BTreeMap::from([(ChannelKind::Slack, Tier::ALL.to_vec())]),
        };
        Self {
            report,
            ledger,
            policy,
            failing: BTreeSet::new(),
            is_probing: false,
            is_reachable: true,
            pace: TimeDelta::seconds(30),
        }
    }

    pub(super) fn phase(&mut self, tenant: usize, phase: Phase) {
        self.report.tenants[tenant].phase = phase;
    }

    pub(super) fn news<T>(&self, see: impl FnOnce(&News<'_>) -> T) -> T {
        let page = "https://watch.example.com/".parse().unwrap();
        see(&News::new(
            &self.report,
            &Around {
                since: self.report.now,
                page: Some(&page),
                is_probing: self.is_probing,
                instance: "host",
                failing: &self.failing,
            },
        ))
    }

    /// One round: what is sent to each channel now.
    pub(super) fn round(&mut self) -> Vec<(ChannelKind, Message)> {
        let now = self.report.now;
        let mut ledger = std::mem::take(&mut self.ledger);
        self.news(|news| ledger.step(news, &self.policy, now));
        let mut sent = Vec::new();
        for channel in self.policy.channels.keys().copied() {
            while let Some((number, message)) = ledger.due(channel, &self.policy, now) {
                if !self.is_reachable {
                    ledger.failed(channel, number, false, None, now);
                    break;
                }
                sent.push((channel, message.clone()));
                ledger.delivered(channel, number);
            }
        }
        // Every round ends in a restart.
        self.ledger = Ledger::from_rows(&ledger.rows()).unwrap();
        assert_eq!(self.ledger.rows(), ledger.rows());
        sent
    }

    /// Rounds for so long; the titles of what was sent.
    pub(super) fn wait(&mut self, length: TimeDelta) -> Vec<String> {
        let end = self.report.now + length;
        let mut titles = Vec::new();
        while self.report.now < end {
            self.report.whole.now += self.pace;
            titles.extend(self.round().into_iter().map(|(_, message)| message.title));
        }
        titles
    }
}
