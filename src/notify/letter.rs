//! The words of the monthly letter: what is known and how old it is, what nobody knows or watches, what comes next, and how a reader
//! confirms. Plain text that stays short, however many tenants there are.

use chrono::TimeDelta;

use crate::config::Config;
use crate::evaluate::letter::{Letter, PATIENCE};
use crate::evaluate::{Level, Report, TenantReport};
use crate::handover;
use crate::model::Phase;
use crate::words::{clean, counted, span, until};

/// So many certificates, and so many other dates, are told one by one.
const DATES: usize = 20;

/// So many tenants are told with a sentence each.
const TENANTS: usize = 10;

/// So many names stand behind what is told of many.
const NAMES: usize = 5;

/// What is further away is nothing for this letter.
const AHEAD: TimeDelta = TimeDelta::days(180);

/// For whom it is written, and where.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The letter that is sent; `None` for whoever only wants to see what it would say.
    pub letter: Option<&'a Letter>,
    /// The name of the machine.
    pub host: &'a str,
}

/// A letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The subject.
    pub title: String,
    /// Paragraphs.
    pub body: Vec<String>,
}

/// Writes it.
#[must_use]
pub fn compose(config: &Config, report: &Report, occasion: Occasion<'_>) -> Text {
    let mut body = vec![confirmation(config, report, occasion)];
    body.extend(
        [
            standing(report),
            doubts(report),
            needing(report),
            certificates(report),
            unknown(config, report),
            unwatched(config, report),
            ahead(config, report),
        ]
        .into_iter()
        .flatten(),
    );
    let place = config.site.as_deref().unwrap_or(occasion.host);
    let mut title = format!("apnswatch on {}: the letter to confirm", clean(place, 64));
    if let Some(letter) = occasion.letter {
        if let Some(by) = confirm_by(report) {
            title.push_str(&format!(" by {by}"));
        }
        title = format!("{title} (letter {})", letter.number);
    }
    Text { title, body }
}

fn confirmation(config: &Config, report: &Report, Occasion { letter, host }: Occasion<'_>) -> String {
    let Some(letter) = letter else {
        return "This is what the letter would say now. It confirms nothing: the code stands in the letter that was sent.".to_owned();
    };
    let mut lines = vec![match confirm_by(report) {
        Some(by) => format!(
            "Please confirm by {by} that somebody reads this, or an alert will say that nobody does. One reader is enough:"
        ),
        None => "Nobody confirmed the last letter in time, or it came too late: an alert says so until somebody confirms this one.".to_owned(),
    }];
    if let Some(base) = &config.web.external_url {
        // An address that is only asked for confirms nothing: what looks into mails asks for every address in them.
        let base = base.as_str().trim_end_matches('/');
        lines.push(format!("- on the page, by the button there: {base}/letter?code={}", letter.name()));
    }
    let command = format!("apnswatch letter confirm {} --by NAME", letter.name());
    lines.push(format!("- or on {}: {command}", if host.is_empty() { "its machine" } else { host }));
    lines.join("\n")
}

/// The day by which a letter that goes out now has to be confirmed; `None` once it is too late for that.
fn confirm_by(report: &Report) -> Option<String> {
    let by = match &report.letter {
        Some(letters) if letters.unconfirmed == Some(true) => return None,
        Some(letters) => letters.confirm_by(report.now),
        None => report.now + PATIENCE,
    };
    Some(by.format("%Y-%m-%d").to_string())
}

/// A part with a title, unless there is nothing in it.
fn part(title: &str, lines: Vec<String>) -> Option<String> {
    (!lines.is_empty()).then(|| format!("{}\n{}", title.to_uppercase(), lines.join("\n")))
}

/// The first lines, and how many more there are.
fn first<T>(all: &[T], most: usize, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(most).map(|one| format!("- {}", line(one))).collect();
    if all.len() > most {
        lines.push(format!("- and {} more", all.len() - most));
    }
    lines
}

/// Some names in one line, and how many more there are.
fn some(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| clean(name, 128)).collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn standing(report: &Report) -> Option<String> {
    let count = |phase: Phase| report.tenants.iter().filter(|tenant| tenant.phase == phase).count();
    let phases: Vec<String> = Phase::ALL
        .into_iter()
        .map(|phase| (phase, count(phase)))
        .filter(|(_, count)| *count > 0)
        .map(|(phase, count)| format!("{phase} {count}"))
        .collect();
    let mut lines = vec![match report.tenants.len() {
        0 => "No tenant is watched.".to_owned(),
        all => format!("{} watched, by phase: {}.", counted(all as u64, "tenant"), phases.join(", ")),
    }];
    let muted: Vec<&str> =
        report.tenants.iter().filter(|tenant| tenant.muted.is_some()).map(|tenant| tenant.name.as_str()).collect();
    if !muted.is_empty() {
        lines.push(format!("{} muted: {}.", counted(muted.len() as u64, "tenant"), some(&muted)));
    }
    for path in report.network.iter().flat_map(|network| &network.paths) {
        lines.push(format!("The way to Apple, role {}: {}.", path.role, clean(&path.sentence, 300)));
    }
    part("How it stands", lines)
}

/// What makes everything below doubtful.
fn doubts(report: &Report) -> Option<String> {
    let missing = format!(
        "{} left the configuration within seven days and nobody retired them: nobody watches them.",
        counted(report.missing as u64, "tenant")
    );
    let all = [
        (!report.store_up, "The store cannot be used: what is learnt now is lost at the end.".to_owned()),
        (report.is_outdated, "The configuration on disk was not taken: an older one is followed.".to_owned()),
        (
            report.config_errors > 0,
            format!("{} in tenant files: run apnswatch check-config.", counted(report.config_errors as u64, "mistake")),
        ),
        (report.missing > 0, missing),
    ];
    part("Doubtful", all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, line)| format!("- {line}")).collect())
}

/// Who needs somebody, the worst first.
fn needing(report: &Report) -> Option<String> {
    let mut tenants: Vec<&TenantReport> = report.tenants.iter().filter(|tenant| tenant.level != Level::Ok).collect();
    tenants.sort_by_key(|tenant| tenant.level);
    let line = |tenant: &&TenantReport| {
        let word = match tenant.level {
            Level::Critical => "act now",
            Level::Warning => "to do",
            Level::Unknown | Level::Ok => "unknown",
        };
        format!("{} ({word}): {}", clean(tenant.name.as_str(), 128), clean(&tenant.sentence(), 300))
    };
    part("What needs somebody", first(&tenants, TENANTS, line))
}

/// The certificates that end next, each with who says so and how old that is.
fn certificates(report: &Report) -> Option<String> {
    let mut known: Vec<_> =
        report.tenants.iter().filter_map(|tenant| Some((tenant.effective.as_ref()?, tenant))).collect();
    known.sort_by_key(|(known, tenant)| (known.not_after, &tenant.name));
    // What was told stays known while its source fails, and is as old as it is.
    let mut lines = first(&known, DATES, |(known, tenant)| {
        // By a clock that cannot be right nothing has expired, and nothing is left.
        let left =
            if report.clock_plausible { format!(", {}", until(known.not_after, report.now)) } else { String::new() };
        let how = match known.told {
            Some(told) => {
                format!("{}, told by source {} {} ago", known.precision.as_str(), known.source, span(report.now - told))
            }
            None => "as typed in the configuration".to_owned(),
        };
        let (day, name) = (known.not_after.format("%Y-%m-%d"), clean(tenant.name.as_str(), 128));
        format!("{day}  {name}{left} ({how})")
    });
    if lines.is_empty() && !report.tenants.is_empty() {
        lines.push("- nobody knows of any".to_owned());
    }
    part("Certificates that end next", lines)
}

/// What nobody knows, and who does not answer.
fn unknown(config: &Config, report: &Report) -> Option<String> {
    let (_, unknown) = handover::dates(config, report);
    let mut lines: Vec<String> = unknown
        .iter()
        .map(|unknown| {
            let names: Vec<&str> = unknown.of.iter().map(String::as_str).collect();
            format!("- {} ({}): {}", unknown.what, names.len(), some(&names))
        })
        .collect();
    let mut failing: Vec<_> = report
        .tenants
        .iter()
        .flat_map(|tenant| {
            tenant.sources.iter().filter(|source| source.polled && !source.up).map(move |source| (source, tenant))
        })
        .collect();
    failing.sort_by_key(|(source, tenant)| (source.last_success, &tenant.name));
    lines.extend(first(&failing, TENANTS, |(source, tenant)| {
        let heard = source
            .last_success
            .map_or_else(|| "never heard".to_owned(), |last| format!("last heard {} ago", span(report.now - last)));
        let why = source
            .failure
            .as_ref()
            .map(|failure| format!(": {}", clean(&failure.to_string(), 200)))
            .unwrap_or_default();
        format!("source {} of {} tells nothing, {heard}{why}", source.source, clean(tenant.name.as_str(), 128))
    }));
    part("What nobody knows", lines)
}

/// What nobody watches, and what nobody is told by.
fn unwatched(config: &Config, report: &Report) -> Option<String> {
    let mut lines: Vec<String> = handover::unwatched(config, report)
        .iter()
        .map(|unwatched| {
            let names: Vec<&str> = unwatched.of.iter().map(|name| name.as_str()).collect();
            format!(
                "- {} ({}): {}",
                unwatched.question.unwatched(),
                counted(names.len() as u64, "tenant"),
                some(&names)
            )
        })
        .collect();
    if config.notify.as_ref().is_some_and(|notify| notify.heartbeat.is_none()) {
        lines.push(
            "- whether apnswatch itself is alive, unless a Prometheus does: notify.heartbeat is not set".to_owned(),
        );
    }
    part("What nobody watches", lines)
}

/// What else ends or is due, and who renews when.
fn ahead(config: &Config, report: &Report) -> Option<String> {
    let (dates, _) = handover::dates(config, report);
    let mut lines: Vec<(String, String)> = dates
        .iter()
        .filter(|date| !date.is_certificate() && date.at <= report.now + AHEAD)
        .map(|date| {
            let past = if date.at <= report.now { ", which is past" } else { "" };
            (
                date.at.format("%Y-%m-%d").to_string(),
                format!("{}: {}{past} ({})", clean(&date.of, 128), clean(&date.what, 200), clean(&date.known, 200)),
            )
        })
        .collect();
    lines.extend(report.tenants.iter().filter_map(|tenant| {
        let plan = &tenant.planned.as_ref()?.plan;
        Some((
            plan.on.format("%Y-%m-%d").to_string(),
            format!("{}: {} renews it", clean(tenant.name.as_str(), 128), clean(&plan.who, 128)),
        ))
    }));
    lines.sort();
    let mut lines = first(&lines, DATES, |(day, what)| format!("{day}  {what}"));
    if let Some(letter) = &report.letter {
        lines.push(format!("- the next letter comes after {}", span(letter.every)));
        if let Some(confirmed) = &letter.confirmed {
            lines.push(format!(
                "- letter {} was confirmed by {} on {}",
                confirmed.number,
                clean(&confirmed.by, 128),
                confirmed.at.format("%Y-%m-%d")
            ));
        }
    }
    part("What comes next", lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn it_stays_short_however_many_tenants_there_are() {
        let mut report = sample::report(10_000);
        for (number, tenant) in report.tenants.iter_mut().enumerate() {
            match number % 4 {
                0 => tenant.effective = None,
                1 => tenant.sources.iter_mut().for_each(|source| sample::hurt(source, crate::model::Reason::Timeout)),
                2 => tenant.level = Level::Warning,
                _ => {}
            }
        }
        let config = sample::config(10_000);
        let letter = Letter {
            number: 3,
            code: "7f2c81d4".to_owned(),
            due: report.now,
            sent: None,
            to: Vec::new(),
            is_confirmed: false,
        };
        let text = compose(&config, &report, Occasion { letter: Some(&letter), host: "watch-1" });
        let all = text.body.join("\n\n");
        assert!(all.len() < 10_000 && all.lines().count() < 120, "{} bytes: {all}", all.len());
        assert_eq!(text.title, "apnswatch on watch-1: the letter to confirm by 2026-09-23 (letter 3)");
        for line in [
            "apnswatch letter confirm 3-7f2c81d4 --by NAME",
            "10000 tenants watched, by phase: ",
            "- 2027-09-01  t0001, expires in 356 days (as typed in the configuration)",
            "- and 7480 more",
            "- when the push certificate ends (2500): t0000, t0004, t0008, t0012, t0016 and 2495 more",
            "- source tokens of t0001 tells nothing, never heard: it does not work",
            "- whether pushes arrive (10000 tenants): t0000, t0001, t0002, t0003, t0004 and 9995 more",
            "- 2026-11-30  shared: duty sign_in is due (last done 2026-09-01, as configured)",
        ] {
            assert!(all.contains(line), "{line}: {all}");
        }
    }

    #[test]
    fn the_day_it_names_is_that_of_the_alert_and_none_once_it_is_late() {
        let mut report = sample::report(1);
        let letter = |number, due| Letter {
            number,
            code: "7f2c81d4".to_owned(),
            due,
            sent: None,
            to: Vec::new(),
            is_confirmed: false,
        };
        let now = report.now;
        let first = Letter { sent: Some(now - TimeDelta::days(7)), ..letter(1, now - TimeDelta::days(7)) };
        let second = letter(2, now);
        report.whole.letter = Some(crate::evaluate::LetterReport {
            to: Vec::new(),
            every: TimeDelta::days(30),
            letters: vec![first, second.clone()],
            confirmed: None,
            unconfirmed: Some(false),
            next_number: 3,
        });
        let written = |report: &Report| {
            let text = compose(&sample::config(1), report, Occasion { letter: Some(&second), host: "watch-1" });
            (text.title, text.body[0].lines().next().unwrap_or_default().to_owned())
        };
        let (title, line) = written(&report);
        assert_eq!(title, "apnswatch on watch-1: the letter to confirm by 2026-09-16 (letter 2)");
        assert!(line.starts_with("Please confirm by 2026-09-16 that "), "{line}");
        report.whole.letter.as_mut().unwrap().unconfirmed = Some(true);
        let (title, line) = written(&report);
        assert_eq!(title, "apnswatch on watch-1: the letter to confirm (letter 2)");
        assert!(line.starts_with("Nobody confirmed the last letter in time"), "{line}");
    }

    #[test]
    fn a_name_makes_no_line_of_its_own() {
        let mut report = sample::report(1);
        report.tenants[0].level = Level::Warning;
        report.tenants[0]
            .findings
            .insert(crate::model::Finding::RenewalTooShort, "evil\r\n- act now\u{1b}[2J".to_owned());
        let text = compose(&sample::config(1), &report, Occasion { letter: None, host: "" }).body.join("\n\n");
        assert!(text.contains("evil\\r\\n- act now\\u{1b}[2J") && !text.contains('\r'), "{text}");
    }
}
