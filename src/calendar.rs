//! The dates that somebody must not miss as a calendar (RFC 5545), to be subscribed to or imported.
//!
//! A face of the [`Report`]: it decides nothing and asks nobody. Every event lasts a day and stands on the UTC day of its
//! moment. What nobody knows has no event, and the calendar says of how many tenants that is so. Account addresses, topics
//! and serial numbers stay out, for a calendar is often read by somebody else's server.
//!
//! An event keeps its identity: it is made of whose it is (by the first name that the configuration knows) and what it is, never of
//! its date, so that a renewal moves the event. A muted tenant keeps its events, for a mute quiets alerts and moves no date; they say that it is muted.

mod events;
mod text;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Utc};
use sha2::{Digest as _, Sha256};
use url::Url;

use self::text::{Text, name};
use crate::clock;
use crate::evaluate::tokens::MOST;
use crate::evaluate::{Report, TenantReport};
use crate::model::{AccountId, Phase};
use crate::words;

/// How often a program that subscribed should ask again (RFC 7986).
const REFRESH: &str = "PT6H";

/// The label by which a calendar can be cut to the tenants of one team.
const TEAM: &str = "team";

/// Whose events are wanted. Both must fit where both are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The name of the one tenant.
    pub tenant: Option<String>,
    /// The value of the label `team`.
    pub team: Option<String>,
}

impl Filter {
    fn is_everything(&self) -> bool {
        self.tenant.is_none() && self.team.is_none()
    }

    fn takes(&self, tenant: &TenantReport) -> bool {
        // Whoever subscribed to it under a former name goes on.
        let is_called =
            |wanted: &String| tenant.formerly.iter().chain([&tenant.name]).any(|name| name.as_str() == wanted);
        self.tenant.as_ref().is_none_or(is_called)
            && self.team.as_ref().is_none_or(|wanted| tenant.labels.get(TEAM) == Some(wanted))
    }
}

/// One day of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    uid: String,
    day: NaiveDate,
    /// What kind of thing it is, for clients that sort by that.
    category: &'static str,
    summary: String,
    /// Sentences, a line each.
    description: Vec<String>,
    url: Option<String>,
    /// Whether somebody who must know told the date, and not a person or a notice.
    is_exact: bool,
    is_muted: bool,
}

/// Writes the calendar; `None` if the filter names nobody who is watched, for an empty calendar would look like one in
/// which nothing ends. `base` is where people reach the pages.
#[must_use]
pub fn calendar(report: &Report, filter: &Filter, base: Option<&Url>) -> Option<String> {
    let tenants: Vec<&TenantReport> = report.tenants.iter().filter(|tenant| filter.takes(tenant)).collect();
    if tenants.is_empty() && !filter.is_everything() {
        return None;
    }
    // A clock that cannot be right must not number events so high that those of the right one would lose.
    let moment = if report.clock_plausible { report.now } else { clock::built() };
    let today = moment.date_naive();
    let mut text = Text::default();
    head(&mut text, &tenants, report, filter);
    let mut count = 0_usize;
    let mut write = |event: Event| {
        count += 1;
        event.write(&mut text, today);
    };
    for tenant in &tenants {
        events::of_tenant(tenant, report, base).into_iter().for_each(&mut write);
    }
    let is_wanted =
        |id: &AccountId| filter.is_everything() || tenants.iter().any(|tenant| tenant.account.as_ref() == Some(id));
    for account in report.accounts.iter().filter(|account| is_wanted(&account.id)) {
        events::of_account(account, report, base).into_iter().for_each(&mut write);
    }
    text.plain("END", "VCALENDAR");
    tracing::debug!(events = count, "wrote a calendar");
    Some(text.finish())
}

fn head(text: &mut Text, tenants: &[&TenantReport], report: &Report, filter: &Filter) {
    text.plain("BEGIN", "VCALENDAR");
    text.plain("VERSION", "2.0");
    text.plain("PRODID", concat!("-//apnswatch//apnswatch ", env!("CARGO_PKG_VERSION"), "//EN"));
    text.plain("CALSCALE", "GREGORIAN");
    let whose: Vec<String> = [&filter.team, &filter.tenant].into_iter().flatten().map(|whose| name(whose)).collect();
    let title = if whose.is_empty() { "apnswatch".to_owned() } else { format!("apnswatch: {}", whose.join(", ")) };
    let told = told(tenants, report);
    // The old names are the ones that most programs read.
    for (new, old, value) in [("NAME", "X-WR-CALNAME", &title), ("DESCRIPTION", "X-WR-CALDESC", &told)] {
        text.text(new, value);
        text.text(old, value);
    }
    text.plain("REFRESH-INTERVAL;VALUE=DURATION", REFRESH);
    text.plain("X-PUBLISHED-TTL", REFRESH);
}

/// What this calendar is, and of whom it says nothing.
fn told(tenants: &[&TenantReport], report: &Report) -> String {
    let of = |is_meant: &dyn Fn(&TenantReport) -> bool| tenants.iter().filter(|tenant| is_meant(tenant)).count() as u64;
    let count = |count: u64| words::counted(count, "tenant");
    let mut parts =
        vec![format!("What ends and what is due for {}, as far as anybody knows.", count(tenants.len() as u64))];
    // An end that no calendar can hold is as good as none.
    let is_dated = |tenant: &TenantReport| tenant.effective.as_ref().and_then(|known| day(known.not_after)).is_some();
    let unknown = of(&|tenant| !is_dated(tenant) && tenant.phase != Phase::None);
    if unknown > 0 {
        parts.push(format!("Of {} nobody knows when the push certificate ends: no event for that.", count(unknown)));
    }
    let absent = of(&|tenant| tenant.effective.is_none() && tenant.phase == Phase::None);
    if absent > 0 {
        parts.push(format!("Of {} the MDM says that there is no push certificate.", count(absent)));
    }
    let endless =
        tenants.iter().flat_map(|tenant| &tenant.tokens).filter(|token| token.token.not_after.is_none()).count();
    if endless > 0 {
        parts.push(format!("Of {} nobody knows the end.", words::counted(endless as u64, "token")));
    }
    let untold = of(&TenantReport::are_tokens_untold);
    if untold > 0 {
        parts.push(format!("Of {} nobody knows whether there are tokens.", count(untold)));
    }
    let left: usize = tenants.iter().map(|tenant| tenant.tokens.len().saturating_sub(MOST)).sum();
    if left > 0 {
        let left = words::counted(left as u64, "token");
        parts.push(format!("Of {left} there is no event, for only the {MOST} most urgent of a tenant have one."));
    }
    let undated = of(&TenantReport::is_login_undated);
    if undated > 0 {
        parts.push(format!("Of {} nobody knows when the login of apnswatch at the MDM ends.", count(undated)));
    }
    if !report.clock_plausible {
        parts.push("The clock of apnswatch cannot be right.".to_owned());
    }
    parts.push("A quiet calendar is no proof that all is well.".to_owned());
    parts.join(" ")
}

impl Event {
    fn write(&self, text: &mut Text, today: NaiveDate) {
        let stamp = today.and_time(NaiveTime::MIN).and_utc();
        text.plain("BEGIN", "VEVENT");
        text.plain("UID", &self.uid);
        text.moment("DTSTAMP", stamp);
        text.moment("LAST-MODIFIED", stamp);
        text.plain("SEQUENCE", &sequence(today, self.day).to_string());
        text.day("DTSTART", self.day);
        if let Some(next) = self.day.succ_opt() {
            text.day("DTEND", next);
        }
        text.text("SUMMARY", &self.summary);
        text.text("DESCRIPTION", &self.description.join("\n"));
        if let Some(url) = &self.url {
            text.plain("URL", url);
        }
        let muted = self.is_muted.then_some("muted");
        let categories: Vec<&str> = ["apnswatch", self.category].into_iter().chain(muted).collect();
        text.list("CATEGORIES", &categories);
        text.plain("STATUS", if self.is_exact { "CONFIRMED" } else { "TENTATIVE" });
        text.plain("TRANSP", "TRANSPARENT");
        text.plain("END", "VEVENT");
    }
}

/// The number by which an importer tells which of two versions of an event is the later one.
///
/// A later date counts at once, so a renewal wins over what was imported a minute before. An earlier date (a certificate
/// that was rolled back, a slip of the pen that was mended) must win too, and nothing in it says that it is newer: so the
/// day of writing counts first, and it wins from the next day on. Within a day the same date has the same number.
fn sequence(today: NaiveDate, day: NaiveDate) -> i64 {
    // Fourteen bits each: until 2064, and within the 31 that programs have for it.
    const SPAN: i64 = 1 << 14;
    let since = |day: NaiveDate| {
        let first = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or(NaiveDate::MIN);
        (day - first).num_days().clamp(0, SPAN - 1)
    };
    since(today) * SPAN + since(day)
}

/// An identity that stays, made of whose an event is and what. A hash, for a name may hold anything.
fn uid(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{}@apnswatch", hex::encode(&digest.finalize()[..16]))
}

/// The UTC day of a moment, if it can be written as a date.
fn day(moment: DateTime<Utc>) -> Option<NaiveDate> {
    let day = moment.date_naive();
    (1900..9999).contains(&day.year()).then_some(day)
}
